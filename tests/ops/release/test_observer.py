"""Looking at a release: what is counted as the new slots', and what is no fault of theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from ops.failures import OpsError
from ops.release import observer as observers
from ops.release.observer import Observer
from ops.release.server import Server
from ops.release.site import Site
from ops.release.watch import Outcome, Rules
from tests.ops.release.platforms import BACKEND, RUNNING, WEB, Platform, change

HOST = "chat.example.org"
NAME = "caddy_http_request_duration_seconds"


def bucket(count: int, code: int, server: str, host: str) -> str:
    labels = f'code="{code}",host="{host}",method="GET",server="{server}"'
    return "\n".join(f'{NAME}_bucket{{{labels},le="{le}"}} {count}' for le in ("0.1", "+Inf"))


def edge(ok: int, failed: int = 0, server: str = "public", host: str = HOST) -> str:
    """The edge's figures: so many requests in all."""
    return "\n".join(
        [
            f"# TYPE {NAME} histogram",
            bucket(ok, 200, server, host),
            bucket(failed, 502, server, host),
        ]
    )


@dataclass
class Seen(Platform):
    """A platform that is seen as these figures and containers say, one look after the other."""

    figures: list[str | OpsError] = field(default_factory=list[str | OpsError])
    containers: list[Mapping[str, Any]] = field(default_factory=list[Mapping[str, Any]])
    hosts: dict[str, str] = field(default_factory=lambda: {WEB: HOST})

    def host_of(self, service: str) -> str | None:
        return self.hosts.get(service)

    def server_of(self, service: str) -> Server:
        return cast("Server", Looked(self.placed.get(service, "one"), self))


@dataclass
class Looked:
    """Its server; the last look is what is seen from then on."""

    name: str
    seen: Seen

    def metrics(self) -> str:
        figures = self.seen.figures.pop(0) if len(self.seen.figures) > 1 else self.seen.figures[0]
        if isinstance(figures, OpsError):
            raise figures
        return figures

    def inspect(self, containers: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        self.seen.did(f"inspect {self.name}: {' '.join(containers)}")
        if not self.seen.containers:
            return dict.fromkeys(containers, RUNNING)
        there = self.seen.containers
        found = there.pop(0) if len(there) > 1 else there[0]
        return dict.fromkeys(containers, found)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks that follow one another at once."""
    monkeypatch.setattr(observers, "LOOK_SECONDS", 0.01)


def observer(seen: Seen, *services: str) -> Observer:
    found = Observer(cast("Site", seen), change(*services or (WEB,)))
    found.baseline()
    return found


RULES = Rules(window=0.2, span=0.1)
# For what is to end by itself, on a slow machine too.
LONG = Rules(window=60)


@pytest.mark.usefixtures("looks")
def test_a_release_without_anything_odd_is_held() -> None:
    seen = Seen(figures=[edge(100), edge(110), edge(150)])
    assert observer(seen).watch(RULES).outcome is Outcome.HELD


@pytest.mark.usefixtures("looks")
def test_errors_after_the_flip_are_a_breach() -> None:
    seen = Seen(figures=[edge(100), edge(100), edge(120, failed=10)])
    watch = observer(seen).watch(LONG)
    (breach,) = watch.breaches
    assert "10 of 30 requests" in breach.seen
    assert watch.at_seconds < LONG.window


@pytest.mark.usefixtures("looks")
def test_what_the_old_slots_answered_until_the_first_look_is_not_the_new_ones() -> None:
    seen = Seen(figures=[edge(100), edge(150, failed=50), edge(200, failed=50)])
    assert observer(seen).watch(RULES).outcome is Outcome.HELD


@pytest.mark.usefixtures("looks")
def test_requests_of_other_services_count_as_the_public_ones_do() -> None:
    port = f"internal-{Platform().catalog[BACKEND].port}"
    inside = [edge(n, failed, port, "_other") for n, failed in ((100, 0), (100, 0), (120, 10))]
    watch = observer(Seen(figures=[*inside]), BACKEND).watch(LONG)
    assert [breach.service for breach in watch.breaches] == [BACKEND]


@pytest.mark.usefixtures("looks")
def test_other_hosts_errors_are_not_the_services() -> None:
    other = [edge(n, failed, host="x.example.org") for n, failed in ((100, 0), (100, 0), (120, 9))]
    assert observer(Seen(figures=[*other])).watch(RULES).outcome is Outcome.HELD


@pytest.mark.usefixtures("looks")
def test_an_edge_that_cannot_be_asked_is_no_breach(capsys: pytest.CaptureFixture[str]) -> None:
    away = OpsError("one did not answer")
    seen = Seen(figures=[edge(100), edge(100), away, away, edge(120)])
    # Time for both looks, on a slow machine too.
    assert observer(seen).watch(Rules(window=2, span=0.1)).outcome is Outcome.HELD
    assert capsys.readouterr().err.count("one did not answer") == 2


@pytest.mark.usefixtures("looks")
def test_figures_that_are_none_are_no_breach() -> None:
    seen = Seen(figures=[edge(100), edge(100), f"{NAME}_bucket{{", edge(120)])
    assert observer(seen).watch(RULES).outcome is Outcome.HELD


def test_without_a_measure_there_is_no_release() -> None:
    with pytest.raises(OpsError, match="away"):
        observer(Seen(figures=[OpsError("away")]))


@pytest.mark.usefixtures("looks")
def test_a_container_that_was_started_again_is_a_breach() -> None:
    again = {**RUNNING, "State": {**RUNNING["State"], "StartedAt": "2"}}
    seen = Seen(figures=[edge(100)], containers=[RUNNING, RUNNING, again])
    (breach,) = observer(seen).watch(LONG).breaches
    assert "started again at 2" in breach.seen


@pytest.mark.usefixtures("looks")
def test_each_server_is_asked_for_its_own_new_slots() -> None:
    seen = Seen(figures=[edge(100)], placed={BACKEND: "two"})
    assert observer(seen, WEB, BACKEND).watch(RULES).outcome is Outcome.HELD
    assert set(seen.events) == {f"inspect one: {WEB}-green", f"inspect two: {BACKEND}-green"}
