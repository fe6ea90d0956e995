"""Values that are known later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import pulumi


def resolved(values: Mapping[str, pulumi.Input[str]]) -> pulumi.Output[dict[str, str]]:
    """A mapping whose values are all known; secret when one of them is.

    Plain text is put in at the end: the SDK makes a future of everything that it is asked to await,
    and hundreds of texts are a good part of a preview's time.
    """
    plain = {key: value for key, value in values.items() if isinstance(value, str)}
    awaited = {key: value for key, value in values.items() if not isinstance(value, str)}
    if not awaited:
        return pulumi.Output.from_input(0).apply(lambda _: plain)
    found = cast(pulumi.Output[dict[str, str]], pulumi.Output.all(**awaited))
    return found.apply(lambda known: {**plain, **known})
