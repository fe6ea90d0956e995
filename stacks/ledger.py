"""The release ledger: which image is in which slot of a service, and which slot is live.

`releases/<stack>.yaml` is in git, so that a rebuild runs the versions that were live:

    chat-backend:
      live: blue
      blue: ghcr.io/wuesteon/chat-backend:main-4f1c2ab@sha256:...
      green: ghcr.io/wuesteon/chat-backend:main-0d9e7c1@sha256:...
      canary: 10              # percent of the clients that get the idle slot; left out: none
      maintenance: true       # or the text for the page; left out: open
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from catalog.problem import InvalidInputError, Problem, from_validation, suggestion
from components.edge.gate import MESSAGE_LENGTH, MESSAGE_REFUSED, is_message


class Slot(StrEnum):
    """One of the two places of a service."""

    BLUE = "blue"
    GREEN = "green"

    @property
    def other(self) -> Slot:
        """The slot that is live when this one is idle."""
        return Slot.GREEN if self is Slot.BLUE else Slot.BLUE


# A reference names its registry: without it Docker and the provider read it differently.
_REFERENCE = (
    r"^[a-z0-9][a-z0-9.-]*\.[a-z]+(:[0-9]+)?(/[a-z0-9._-]+)+"
    r":[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}(@sha256:[0-9a-f]{64})?$"
)
Image = Annotated[str, Field(pattern=_REFERENCE)]

# What the page says when nobody wrote anything else.
MESSAGE = "We are working on this service. It will be back shortly."


def _plain(message: str) -> str:
    if not is_message(message):
        raise ValueError(
            f"write one line of at most {MESSAGE_LENGTH} characters, without {MESSAGE_REFUSED}"
        )
    return message


Maintenance = Literal[True] | Annotated[str, AfterValidator(_plain)]


class Entry(BaseModel):
    """What one service runs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    live: Slot
    blue: Image | None = None
    green: Image | None = None
    canary: Annotated[int, Field(ge=1, le=99, strict=True)] | None = None
    maintenance: Maintenance | None = None

    @model_validator(mode="after")
    def _slots_in_use_have_an_image(self) -> Entry:
        if self.image(self.live) is None:
            raise ValueError(f"the live slot {self.live} has no image")
        if self.canary and self.image(self.live.other) is None:
            raise ValueError(
                f"a canary needs an image in the slot {self.live.other}: "
                "take `canary` out, or run ./manacore release --canary"
            )
        return self

    @property
    def message(self) -> str:
        """What the maintenance page says; empty when there is none."""
        return MESSAGE if self.maintenance is True else self.maintenance or ""

    def image(self, slot: Slot) -> str | None:
        """The image in a slot; None when the slot is empty."""
        return self.blue if slot is Slot.BLUE else self.green

    @property
    def filled(self) -> tuple[Slot, ...]:
        """The slots that hold an image, blue first."""
        return tuple(slot for slot in Slot if self.image(slot))


@dataclass(frozen=True)
class Ledger:
    """The ledger of one stack."""

    entries: dict[str, Entry]

    def __getitem__(self, service: str) -> Entry:
        """The entry of a service; `KeyError` when it has none."""
        return self.entries[service]

    @property
    def images(self) -> tuple[str, ...]:
        """Every image that the ledger names, once."""
        named = (e.image(slot) for e in self.entries.values() for slot in e.filled)
        return tuple(dict.fromkeys(image for image in named if image))


_ENTRIES = TypeAdapter(dict[str, Entry])


def load_ledger(file: Path, services: Iterable[str]) -> Ledger:
    """Read a ledger and check it against the services with slots.

    Raises `InvalidInputError` with all problems.
    """
    shown = f"releases/{file.name}"
    if not file.is_file():
        raise InvalidInputError(
            [Problem(path=shown, message="does not exist", remedy="write the stack's ledger")]
        )
    try:
        data = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        entries = _ENTRIES.validate_python(data or {})
    except yaml.YAMLError as error:
        where = str(getattr(error, "problem_mark", "")).strip()
        raise InvalidInputError(
            [Problem(path=shown, message="is not YAML", remedy=f"correct it near {where}")]
        ) from error
    except ValidationError as error:
        raise InvalidInputError(from_validation(error, shown, Entry.model_fields)) from error
    known = tuple(services)
    problems = [
        Problem(
            path=f"{shown}: {name}",
            message="the service has no image",
            remedy=f"add `live: blue` and `blue: ghcr.io/<owner>/{name}:<tag>`",
        )
        for name in known
        if name not in entries
    ]
    problems += [
        Problem(
            path=f"{shown}: {name}",
            message="is no service with slots",
            remedy=suggestion(name, known),
        )
        for name in entries
        if name not in known
    ]
    if problems:
        raise InvalidInputError(problems)
    return Ledger(entries)
