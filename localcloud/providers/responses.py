"""Answers of a stand-in, in the protocol's messages."""

from __future__ import annotations

from collections.abc import Iterable

from pulumi.runtime.proto import provider_pb2

from localcloud.providers import lifecycle
from localcloud.providers.diff import Change
from localcloud.providers.framework import Failure


def failed_checks(failures: Iterable[Failure]) -> list[provider_pb2.CheckFailure]:
    """Refused inputs, each with its property's path."""
    return [provider_pb2.CheckFailure(property=f.property, reason=f.reason) for f in failures]


def diff_response(
    changes: list[Change], delete_first: bool, tainted: bool = False
) -> provider_pb2.DiffResponse:
    """What differs; a tainted resource is replaced whether anything does or not."""
    kinds = provider_pb2.PropertyDiff
    table = {
        ("add", False): kinds.ADD,
        ("add", True): kinds.ADD_REPLACE,
        ("delete", False): kinds.DELETE,
        ("delete", True): kinds.DELETE_REPLACE,
        ("update", False): kinds.UPDATE,
        ("update", True): kinds.UPDATE_REPLACE,
    }
    replaces = sorted({change.property for change in changes if change.replace})
    if tainted:
        replaces = replaces or [lifecycle.TAINTED]
    some = bool(changes) or tainted
    response = provider_pb2.DiffResponse
    return response(
        changes=response.DIFF_SOME if some else response.DIFF_NONE,
        replaces=replaces,
        diffs=sorted({change.property for change in changes}),
        deleteBeforeReplace=delete_first and bool(replaces),
        detailedDiff={
            change.path: kinds(kind=table[change.kind, change.replace]) for change in changes
        },
        hasDetailedDiff=True,
    )
