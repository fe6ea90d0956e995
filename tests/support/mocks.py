"""One recording mock of the engine for unit tests: it answers every call and keeps what it saw."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pulumi
from pulumi.runtime import mocks


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A resource that was registered."""

    token: str
    name: str
    inputs: dict[str, Any]
    provider: str


Answer = Callable[[mocks.MockResourceArgs], dict[str, Any]]


@dataclass
class Recorder(mocks.Mocks):
    """Records resources; `answers` maps a type token to outputs given beside the inputs."""

    answers: dict[str, Answer] = field(default_factory=dict[str, Answer])
    resources: list[Recorded] = field(default_factory=list[Recorded])

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        """Record a resource and answer with an id derived from its name."""
        inputs = cast(dict[str, Any], args.inputs)
        self.resources.append(
            Recorded(token=args.typ, name=args.name, inputs=inputs, provider=args.provider or "")
        )
        answer = self.answers.get(args.typ)
        extra = answer(args) if answer else {}
        return str(extra.pop("id", f"{args.name}-id")), {**inputs, **extra}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], None]:
        """Refuse: the program has no lookups at preview time."""
        raise AssertionError(f"unexpected invoke of {args.token}")

    def of(self, token: str) -> list[Recorded]:
        """The recorded resources of a type token, in order of registration."""
        return [r for r in self.resources if r.token == token]

    def one(self, token: str, name: str | None = None) -> Recorded:
        """The single recorded resource of a type token (and name)."""
        found = [r for r in self.of(token) if name is None or r.name == name]
        assert len(found) == 1, f"{len(found)} resources of {token} {name or ''}: {found}"
        return found[0]


@contextmanager
def recording(
    answers: dict[str, Answer] | None = None, *, preview: bool = False, stack: str = "test"
) -> Generator[tuple[Recorder, Callable[[Callable[[], Any]], Any]]]:
    """Yield a recorder and `run(program)`, which runs a program to its end.

    `run` awaits every registration, and returns the program's value (outputs resolved).
    """
    recorder = Recorder(answers or {})
    mocks.set_mocks(recorder, project="manacore", stack=stack, preview=preview)

    def run(program: Callable[[], Any]) -> Any:
        result: dict[str, Any] = {}

        @pulumi.runtime.test
        def wrapped() -> Any:
            return pulumi.Output.from_input(program()).apply(keep)

        def keep(value: Any) -> None:
            result["value"] = value

        wrapped()
        return result.get("value")

    yield recorder, run
