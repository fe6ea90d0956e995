"""A parse inside a parse, as a finalizer causes it, is no error."""

from __future__ import annotations

import ast
import gc

SOURCE = "\n".join(f"def f{n}(a, b):\n    return [a + b * {n}, {{'x': a[b]}}]" for n in range(1500))


class Litter:
    """Garbage that parses when it is collected, as the traceback of a coroutine's end does."""

    collected = 0

    def __init__(self) -> None:
        self.cycle = self

    def __del__(self) -> None:
        ast.parse("x = [1, {2: (3, 4)}]")
        Litter.collected += 1


def test_garbage_that_parses_while_a_file_is_parsed_does_no_harm() -> None:
    thresholds = gc.get_threshold()
    try:
        for turn in range(10):
            gc.collect()
            gc.disable()
            Litter()
            gc.enable()
            gc.set_threshold(gc.get_count()[0] + 5000 + 100 * turn)
            assert len(ast.parse(SOURCE).body) == 1500
        assert gc.isenabled()
    finally:
        gc.set_threshold(*thresholds)
        gc.collect()
    assert Litter.collected == 10
