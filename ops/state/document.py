"""What a stack is rebuilt by beside its data: state, ledger and configuration, in one document."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from ops.failures import OpsError

# How the engine marks a secret in a state; one that is not encrypted has its text beside it.
_SECRET, _MARK = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
# Shorter ones are words that stand in a state by chance.
_TELLING = 8
# What outlives servers and networks: passwords, keys, and the bucket with the backups.
_SURVIVORS = ("random:", "cloudflare:index/r2Bucket")
_STACK = "pulumi:pulumi:Stack"
_NEVER = datetime.min.replace(tzinfo=UTC)

State = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Document:
    """A stack as it was left by an update.

    `state` is the engine's, as it exports it; `files` are those of the tree, by their path in it.
    """

    stack: str
    version: int
    state: State
    files: Mapping[str, str]

    @property
    def text(self) -> str:
        """As it is kept."""
        deployment = {"version": self.version, "deployment": self.state}
        told = {"stack": self.stack, "deployment": deployment, "files": dict(self.files)}
        return json.dumps(told, indent=1)

    @classmethod
    def read(cls, text: str) -> Document:
        """Read what was kept; raises `OpsError` when it is something else."""
        try:
            told = cast("dict[str, Any]", json.loads(text))
            deployment = told["deployment"]
            return cls(
                stack=str(told["stack"]),
                version=int(deployment["version"]),
                state=cast("State", deployment["deployment"]),
                files=cast("dict[str, str]", told["files"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise OpsError(
                "What was kept cannot be read.", [f"{type(error).__name__}: {error}"]
            ) from error

    @property
    def resources(self) -> list[dict[str, Any]]:
        """The resources of the state."""
        return cast("list[dict[str, Any]]", self.state.get("resources") or [])


def moment(state: Mapping[str, Any]) -> datetime:
    """When the engine wrote a state; long ago for one without resources."""
    if len(cast("list[object]", state.get("resources") or [])) <= 1:
        return _NEVER
    return datetime.fromisoformat(str(state["manifest"]["time"]))


def readable(document: Document, secrets: Iterable[str]) -> list[str]:
    """Why a document must not leave this machine: what of it is secret and not encrypted.

    `secrets` are the configuration's, decrypted. Says where, never what.
    """
    found = [
        f"the state of {one['urn']} has a secret that is not encrypted"
        for one in document.resources
        if _plain(one)
    ]
    parts = {**document.files, "the state": json.dumps(document.state)}
    told = {secret for secret in secrets if len(secret) >= _TELLING}
    found += [
        f"{name} has a secret of the configuration as plain text"
        for name, text in parts.items()
        if any(secret in text or json.dumps(secret)[1:-1] in text for secret in told)
    ]
    return found


def _plain(value: object) -> bool:
    match value:
        case dict():
            held = cast("dict[str, object]", value)
            if held.get(_SECRET) == _MARK:
                return "ciphertext" not in held
            return any(_plain(one) for one in held.values())
        case list():
            return any(_plain(one) for one in cast("list[object]", value))
        case _:
            return False


def survivors(state: Mapping[str, Any]) -> State:
    """A state for clouds that have lost everything but the backups' bucket.

    Passwords and keys stay, so that what services encrypted or signed with them is still theirs;
    so does the bucket. An update makes all the rest.
    """
    resources = cast("list[dict[str, Any]]", state.get("resources") or [])
    by_urn = {str(one["urn"]): one for one in resources}
    kept: set[str] = set()
    for urn, one in by_urn.items():
        if str(one["type"]).startswith(_SURVIVORS) and one.get("custom"):
            _with_what_it_needs(urn, by_urn, kept)
    result = dict(state)
    result.pop("pending_operations", None)
    result["resources"] = [_alone(by_urn[urn], kept) for urn in by_urn if urn in kept]
    return result


def _with_what_it_needs(urn: str, by_urn: Mapping[str, Mapping[str, Any]], kept: set[str]) -> None:
    if urn in kept or urn not in by_urn:
        return
    kept.add(urn)
    one = by_urn[urn]
    # A provider is named by its URN and its id.
    provider = str(one.get("provider") or "").rpartition("::")[0]
    for needed in (str(one.get("parent") or ""), provider):
        _with_what_it_needs(needed, by_urn, kept)


def _alone(found: Mapping[str, Any], kept: set[str]) -> dict[str, Any]:
    """A resource that refers to nothing that is gone."""
    result = dict(found)
    for key in ("dependencies", "replaceWith"):
        if key in result:
            result[key] = [urn for urn in result[key] if urn in kept]
    if by_property := cast("dict[str, list[str] | None]", result.get("propertyDependencies")):
        result["propertyDependencies"] = {
            name: [urn for urn in urns or [] if urn in kept] for name, urns in by_property.items()
        }
    if result.get("deletedWith") not in kept:
        result.pop("deletedWith", None)
    if result["type"] == _STACK:
        # Addresses that nobody answers at.
        result["outputs"] = {}
    return result
