"""What is to be released: from `SERVICE=TAG` to images that are pinned by digest."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

from catalog.problem import suggestion
from ops.failures import InvalidInput
from ops.release.receipt import ServiceChange
from stacks.ledger import Ledger, Slot

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_MANIFEST = TypeAdapter(dict[str, str])
Digests = Callable[[Iterable[str]], Mapping[str, str]]


@dataclass(frozen=True, kw_only=True)
class Change:
    """New images by service, in start order; each goes into the service's idle slot."""

    ledger: Ledger
    images: Mapping[str, str]

    @property
    def slots(self) -> dict[str, Slot]:
        """The slot that each image goes into."""
        return {service: self.ledger[service].live.other for service in self.images}

    @property
    def services(self) -> tuple[ServiceChange, ...]:
        """The changes as a receipt names them."""
        return tuple(
            ServiceChange(
                service=service,
                image_before=self.ledger[service].image(self.ledger[service].live),
                image_after=image,
                slot_before=self.ledger[service].live,
                slot_after=self.slots[service],
            )
            for service, image in self.images.items()
        )

    @property
    def hash(self) -> str:
        """A digest of what was live and what is to be: another plan has another one."""
        before = {s: e.image(e.live) for s, e in self.ledger.entries.items()}
        text = json.dumps([before, dict(self.images)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def manifest(file: Path) -> dict[str, str]:
    """The services and tags of a manifest: YAML or JSON, `service: tag`.

    Raises `InvalidInput`.
    """
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidInput([f"{file}: cannot be read ({error})"]) from error
    try:
        return _MANIFEST.validate_python(data)
    except ValidationError as error:
        raise InvalidInput(
            [f"{file}: is no mapping of services to tags (write `chat-web: TAG`)"]
        ) from error


def requested(arguments: Iterable[str], listed: Mapping[str, str]) -> dict[str, str]:
    """The services and tags of a command line and a manifest.

    Raises `InvalidInput` for what is not `SERVICE=TAG`, and for a service named twice.
    """
    found = dict(listed)
    problems = [
        f"{service}: {tag} is no tag (such as main-0d9e7c1)"
        for service, tag in listed.items()
        if not _TAG.fullmatch(tag)
    ]
    for argument in arguments:
        service, equals, tag = argument.partition("=")
        if not equals or not service or not _TAG.fullmatch(tag):
            problems.append(f"{argument}: is not SERVICE=TAG (such as chat-web=main-0d9e7c1)")
        elif service in found:
            problems.append(f"{service}: is named twice")
        else:
            found[service] = tag
    if not found and not problems:
        problems.append("nothing is named (write SERVICE=TAG, or --manifest FILE)")
    if problems:
        raise InvalidInput(problems)
    return found


def pinned(
    ledger: Ledger, order: Iterable[str], tags: Mapping[str, str], digests: Digests
) -> Change:
    """The change that these tags ask for, in start order, with every image's digest.

    Raises `InvalidInput` for unknown services and for what is live already, and what `digests`
    raises for images that are not there.
    """
    problems = [
        f"{service}: is no service with slots ({suggestion(service, ledger.entries)})"
        for service in tags
        if service not in ledger.entries
    ]
    if problems:
        raise InvalidInput(problems)
    wanted = {s: f"{repository(ledger, s)}:{tags[s]}" for s in order if s in tags}
    found = digests(wanted.values())
    images = {service: f"{name}@{found[name]}" for service, name in wanted.items()}
    same = [
        f"{service}: {tags[service]} is live already"
        for service, image in images.items()
        if image == ledger[service].image(ledger[service].live)
    ]
    if same:
        raise InvalidInput(same)
    return Change(ledger=ledger, images=images)


def repository(ledger: Ledger, service: str) -> str:
    """Where a service's images are: the live one's name without its tag."""
    image = ledger[service].image(ledger[service].live) or ""
    return image.partition("@")[0].rpartition(":")[0]
