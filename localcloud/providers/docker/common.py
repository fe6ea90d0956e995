"""What the Docker resources share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from localcloud.providers.framework import Context, Object, Property, ProviderError, SetOf

LABEL: Final = Object(
    Property("label", required=True, force_new=True),
    Property("value", required=True, force_new=True),
)
LABELS: Final = SetOf(LABEL)
_REMOVAL_SECONDS: Final = 30.0
_RETRY_SECONDS: Final = 0.3


def labels_to_map(labels: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Docker's map of a list of label and value."""
    return {item["label"]: item["value"] for item in labels}


def map_to_labels(labels: Mapping[str, str] | None) -> list[dict[str, str]]:
    """The list of label and value of Docker's map."""
    return [{"label": key, "value": value} for key, value in sorted((labels or {}).items())]


def each(items: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """A list of Docker's answer, which is null when it is empty."""
    return items or []


class Retry:
    """Tries again what Docker refuses only for as long as something is still in use."""

    def __init__(self, ctx: Context[Any], phrases: Iterable[str]) -> None:
        self._ctx = ctx
        self._phrases = tuple(phrases)
        self._left = _REMOVAL_SECONDS

    def after(self, error: ProviderError) -> None:
        """Wait a moment, or raise the error when it is another one or lasts too long."""
        if self._left <= 0 or not any(phrase in str(error) for phrase in self._phrases):
            raise error
        self._left -= _RETRY_SECONDS
        self._ctx.sleep(_RETRY_SECONDS)
