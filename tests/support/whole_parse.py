"""Keeps a bug of CPython from ending a whole session of pytest.

Python before 3.11.8 and 3.12.2 (gh-106905) counts the depth of `ast.parse` once per interpreter,
so a parse inside another one makes the outer raise `SystemError: AST constructor recursion depth
mismatch`. It happens so: pytest parses a file, for the traceback of a failure or to rewrite a
module's assertions; the garbage collector, started by that, ends a coroutine that a failed program
has left; the traceback of what that raises is formatted, which parses a line of it. Pytest then
stops with exit status 3, and nobody sees which test had failed.
"""

from __future__ import annotations

import ast
import functools
import gc
import sys
import threading
from typing import Any

AFFECTED = sys.version_info < (3, 11, 8) or (3, 12) <= sys.version_info < (3, 12, 2)


def install() -> None:
    """Let `ast.parse` run without the garbage collector, where the bug is."""
    parse: Any = ast.parse
    if not AFFECTED or hasattr(parse, "__wrapped__"):
        return
    lock = threading.RLock()

    @functools.wraps(parse)
    def whole(*args: Any, **options: Any) -> Any:
        with lock:
            collecting = gc.isenabled()
            gc.disable()
            try:
                return parse(*args, **options)
            finally:
                if collecting:
                    gc.enable()

    ast.parse = whole
