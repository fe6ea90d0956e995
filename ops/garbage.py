"""When this process looks for garbage.

Imports and the program make some hundred thousand objects that live as long as the process.
Looking through them again and again for cycles is a quarter of a preview's CPU time.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def not_collected() -> Generator[None]:
    """Collect no garbage inside, and never look at what was made inside afterwards."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
