"""What counts as gone, from two states and a list of containers."""

from __future__ import annotations

from ops import drift

URN = "urn:pulumi:staging::manacore::manacore:docker:Host$docker:index/container:Container::"


def container(name: str) -> dict[str, object]:
    return {"urn": f"{URN}{name}", "type": drift.CONTAINER, "outputs": {"name": name}}


def test_what_the_state_had_and_has_no_more_is_gone() -> None:
    edge, redis = container("edge"), container("redis")
    assert drift.gone([edge, redis], [redis]) == [f"{URN}edge"]
    assert drift.gone([edge, redis], [edge, redis]) == []


def test_a_container_that_no_server_has_is_absent_and_other_kinds_are_not_judged() -> None:
    network: dict[str, object] = {"urn": "urn:network", "type": "docker:index/network:Network"}
    assert drift.absent([container("edge"), container("redis"), network], {"redis"}) == [
        f"{URN}edge"
    ]
