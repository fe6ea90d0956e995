"""Which images of a server may go, so that they keep to a disk budget and no way back is lost."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

_NONE = "<none>"
_ID = re.compile(r"(sha256:)?([0-9a-f]{12,64})")


@dataclass(frozen=True, kw_only=True)
class StoredImage:
    """An image as a server has it.

    `references` are its tags and its digests (`name:tag`, `name@sha256:...`): what was pulled by
    digest has no tag, and is known by its digest only. `size` is in bytes, at best without what
    it shares with others. `used` is when it was last used, or made; with a time zone.
    """

    id: str
    references: tuple[str, ...]
    size: int
    used: datetime


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """What to remove, oldest first, and the bytes of all images before and after.

    `shortfall` says why the budget cannot be met; empty when it is.
    """

    remove: tuple[StoredImage, ...]
    before: int
    after: int
    shortfall: str = ""


def prune(
    images: Iterable[StoredImage],
    *,
    keep: Collection[str],
    ours: Sequence[str],
    budget: int,
) -> Pruning:
    """Choose what goes, oldest first, until all images together keep to `budget` bytes.

    `keep` are references and ids that stay: those of the ledger, of the last receipts, and of
    all containers that exist. `ours` are the registries' folders that we may remove from, such
    as `ghcr.io/wuesteon/`: an image with any other name stays, and so does one without a name,
    since nobody can tell whose it is.
    """
    folders = tuple(f"{prefix.rstrip('/')}/" for prefix in ours if prefix.strip("/"))
    stored = _merged(images)
    before = after = sum(image.size for image in stored)
    kept_names = frozenset(name for reference in keep for name in _names(reference))
    kept_ids = tuple(match[2] for match in map(_ID.fullmatch, keep) if match)
    foreign = [image for image in stored if not _is_ours(image, folders)]
    protected = [
        image for image in stored if image not in foreign and _is_kept(image, kept_names, kept_ids)
    ]
    remove: list[StoredImage] = []
    for image in sorted(stored, key=lambda image: (image.used, image.id)):
        if after <= budget:
            break
        if image not in foreign and image not in protected:
            remove.append(image)
            after -= image.size
    return Pruning(
        remove=tuple(remove),
        before=before,
        after=after,
        shortfall=_shortfall(after, budget, protected, foreign),
    )


def _merged(images: Iterable[StoredImage]) -> list[StoredImage]:
    # Docker lists an image once per tag: what protects one of its tags protects the image.
    merged: dict[str, StoredImage] = {}
    for image in images:
        known = merged.get(image.id, image)
        references = dict.fromkeys((*known.references, *image.references))
        used = max(known.used, image.used)
        merged[image.id] = replace(known, references=tuple(references), used=used)
    return list(merged.values())


def _repository(reference: str) -> str:
    name = reference.partition("@")[0]
    head, colon, tail = name.rpartition(":")
    # A colon before a slash is the registry's port.
    return head if colon and "/" not in tail else name


def _names(reference: str) -> tuple[str, ...]:
    """The names by which an image may be asked for: `name:tag`, `name@digest`, or both."""
    name, at, digest = reference.partition("@")
    repository = _repository(reference)
    tag = name.removeprefix(repository).removeprefix(":") or ("" if at else "latest")
    names = (f"{repository}:{tag}" if tag else "", f"{repository}@{digest}" if at else "")
    return tuple(name for name in names if name and _NONE not in name)


def _is_ours(image: StoredImage, folders: tuple[str, ...]) -> bool:
    repositories = [_repository(reference) for reference in image.references]
    known = [repository for repository in repositories if repository != _NONE]
    return bool(known) and all(repository.startswith(folders) for repository in known)


def _is_kept(image: StoredImage, names: frozenset[str], ids: tuple[str, ...]) -> bool:
    own = image.id.removeprefix("sha256:")
    # Either name is enough: a tag that moved still leads people back to what is there.
    return any(own.startswith(identity) for identity in ids) or any(
        name in names for reference in image.references for name in _names(reference)
    )


def _shortfall(
    after: int, budget: int, protected: Sequence[StoredImage], foreign: Sequence[StoredImage]
) -> str:
    if after <= budget:
        return ""
    return (
        f"{_mib(after)} of images stay, the budget is {_mib(budget)}: "
        f"{_mib(sum(image.size for image in protected))} in {len(protected)} that the ledger, "
        f"receipts or containers name, {_mib(sum(image.size for image in foreign))} in "
        f"{len(foreign)} that are not ours; remedy: raise the budget, or take a larger disk"
    )


def _mib(size: int) -> str:
    return f"{size / 2**20:.0f} MiB"
