"""Provider SDKs of which only the modules in use are imported.

An SDK's package imports a module per resource of the vendor when it is first named, hundreds of
them, for the ten that a program uses: a good part of a preview's CPU time. The type checker sees
the official packages as they are.
"""

from __future__ import annotations

import re
import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType

_WORD = re.compile("(?<!^)(?=[A-Z])")
_NESTED = "_inputs"


class _Parts(ModuleType):
    """A package whose names are looked for where the SDKs' generator puts them."""

    def __getattr__(self, name: str) -> object:
        # A resource is in the module of its own name, the types of its nested inputs are in one.
        for part in (_WORD.sub("_", name).lower(), _NESTED):
            try:
                module = import_module(f"{self.__name__}.{part}")
            except ModuleNotFoundError as error:
                if error.name != f"{self.__name__}.{part}":
                    raise
                continue
            if name in vars(module):
                found = vars(module)[name]
                setattr(self, name, found)
                return found
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


def import_in_parts(*packages: str) -> None:
    """Let these packages be imported without their modules; one that is imported already is kept.

    Raises `ModuleNotFoundError` for one that is not installed.
    """
    for package in packages:
        if package in sys.modules:
            continue
        spec = find_spec(package)
        if spec is None:
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
        module = module_from_spec(spec)
        module.__class__ = _Parts
        sys.modules[package] = module
