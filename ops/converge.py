"""Recovering from an update that was killed: its lock, and the operations it left pending.

The engine notes each operation before it asks the vendor. After a kill the state says "creating"
of things that the vendor may or may not have made. Each is looked up by its name: what exists is
adopted, what does not is forgotten, and the update that follows makes it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pulumi import automation as auto

from ops import console, session
from ops.adoption.lookup import Lookups
from ops.failures import OpsError
from ops.file_backend import backend_folder, clear_locks
from ops.progress import resource
from ops.target import Target

Deployment = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Pending:
    """An operation that began and was never seen to end."""

    urn: str
    kind: str
    operation: str
    inputs: Mapping[str, Any]


def recover(stack: auto.Stack, target: Target) -> list[str]:
    """Make the stack fit for the next update; says what it did, nothing when all was well.

    Raises `OpsError` when another update runs, or the engine refuses.
    """
    try:
        return _recover(stack, target)
    except auto.ConcurrentUpdateError as error:
        raise session.locked(target, str(error)) from error
    except auto.CommandError as error:
        raise OpsError(
            f"The state of {target.stack} cannot be put right:", session.error_lines(str(error))
        ) from error


def _recover(stack: auto.Stack, target: Target) -> list[str]:
    done = clear_locks(backend_folder(target.variables), target.stack)
    exported = session.encrypted(stack)
    state = cast("Deployment", exported.deployment or {})
    found = pending(state)
    if found:
        adopted = {p.urn: identity for p in found if (identity := _lookup(p, state, target))}
        exported.deployment = settled(state, adopted)
        stack.import_stack(exported)
        for operation in found:
            how = "adopted" if operation.urn in adopted else "cleared"
            done.append(f"{operation.operation} of {resource(operation.urn)}: {how}")
        if adopted:
            # What is adopted has only its name and id yet: the vendor tells the rest.
            stack.refresh(target=list(adopted), color="never")
    for line in done:
        console.note(f"  recovered: {line}")
    return done


def pending(state: Mapping[str, Any]) -> list[Pending]:
    """The operations that an exported stack says are pending."""
    operations = cast("Sequence[Mapping[str, Any]]", state.get("pending_operations") or [])
    return [
        Pending(
            urn=str(operation["resource"]["urn"]),
            kind=str(operation["resource"]["type"]),
            operation=str(operation["type"]),
            inputs=operation["resource"].get("inputs") or {},
        )
        for operation in operations
    ]


def settled(state: Mapping[str, Any], adopted: Mapping[str, str]) -> Deployment:
    """The state without pending operations; what was adopted is among its resources.

    A pending update or delete is simply forgotten: the resource is in the state as it was, so
    the next update finds the difference again.
    """
    result = dict(state)
    operations = cast("list[dict[str, Any]]", result.pop("pending_operations", None) or [])
    resources = list(cast("list[dict[str, Any]]", result.get("resources") or []))
    known = {str(r["urn"]) for r in resources if not r.get("delete")}
    for operation in operations:
        made = dict(operation["resource"])
        urn = str(made["urn"])
        if urn in adopted and urn not in known:
            made["id"] = adopted[urn]
            made.setdefault("outputs", made.get("inputs") or {})
            resources.append(made)
    result["resources"] = _ordered(resources)
    return result


def _ordered(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each after its parent, provider and dependencies, as the engine insists on.

    What was appended last depends only on what is before it, and nothing depends on it yet:
    a resource whose creation never ended has no successors.
    """
    return resources


def _lookup(operation: Pending, state: Mapping[str, Any], target: Target) -> str | None:
    """The id of what a pending create made, if it made it."""
    if operation.operation not in ("creating", "importing"):
        return None
    lookups = Lookups({**os.environ, **target.variables}, state)
    return lookups.find(operation.kind, operation.inputs)
