"""Values that are known later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import pulumi


def resolved(values: Mapping[str, pulumi.Input[str]]) -> pulumi.Output[dict[str, str]]:
    """A mapping whose values are all known; secret when one of them is."""
    return cast(pulumi.Output[dict[str, str]], pulumi.Output.from_input(dict(values)))
