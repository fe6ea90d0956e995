"""No way back is lost, nothing of others is touched, and no more goes than has to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.release.retention import Pruning, StoredImage, prune

OURS = ("ghcr.io/wuesteon/",)
CHAT = "ghcr.io/wuesteon/chat-web"
DAY = datetime(2025, 6, 1, tzinfo=UTC)
MIB = 2**20


def identity(number: int) -> str:
    return f"sha256:{number:064x}"


def image(number: int, *references: str, age: int = 0, size: int = 100 * MIB) -> StoredImage:
    return StoredImage(
        id=identity(number), references=references, size=size, used=DAY - timedelta(days=age)
    )


def pruned(*images: StoredImage, keep: tuple[str, ...] = (), budget: int = 0) -> Pruning:
    return prune(images, keep=keep, ours=OURS, budget=budget)


def numbers(result: Pruning) -> list[int]:
    return [int(image.id.removeprefix("sha256:"), 16) for image in result.remove]


REFERENCES = (
    f"{CHAT}:main-1",
    f"{CHAT}:main-2",
    f"{CHAT}@{identity(901)}",
    f"{CHAT}@{identity(902)}",
    f"{CHAT}:<none>",
    "ghcr.io/wuesteon/quote-web:main-1",
    "ghcr.io/wuesteon-labs/chat-web:main-1",
    "docker.io/library/postgres:16",
    "<none>:<none>",
)


@st.composite
def some_image(draw: st.DrawFn) -> StoredImage:
    references = draw(st.lists(st.sampled_from(REFERENCES), max_size=3))
    age, size = draw(st.integers(0, 30)), draw(st.integers(0, 500))
    return image(draw(st.integers(1, 12)), *references, age=age, size=size)


stored = st.lists(some_image(), max_size=15, unique_by=lambda image: image.id)
kept = st.lists(
    st.sampled_from(
        [*REFERENCES[:4], f"{CHAT}:main-9@{identity(901)}", identity(1), identity(2)[7:]]
    ),
    max_size=4,
)


@given(stored, kept, st.integers(0, 3000))
def test_what_stays_stays_and_no_more_goes_than_has_to(
    images: list[StoredImage], keep: list[str], budget: int
) -> None:
    result = prune(images, keep=keep, ours=OURS, budget=budget)
    for gone in result.remove:
        named = [reference for reference in gone.references if reference != "<none>:<none>"]
        assert named
        assert all(reference.startswith(OURS) for reference in named)
        assert not set(named) & set(keep)
        assert not any(gone.id.endswith(k) for k in keep)
        assert not any(k.partition("@")[2] and named[0].endswith(k.partition("@")[2]) for k in keep)
    assert result.before == sum(image.size for image in images)
    assert result.after == result.before - sum(image.size for image in result.remove)
    assert (result.after > budget) == bool(result.shortfall)
    if result.remove:
        assert result.after + result.remove[-1].size > budget, "the last one had to go"
    assert list(result.remove) == sorted(result.remove, key=lambda image: (image.used, image.id))


@given(stored, kept, st.integers(0, 3000))
def test_a_second_time_nothing_is_left_to_do(
    images: list[StoredImage], keep: list[str], budget: int
) -> None:
    first = prune(images, keep=keep, ours=OURS, budget=budget)
    gone = {image.id for image in first.remove}
    rest = [image for image in images if image.id not in gone]
    again = prune(rest, keep=keep, ours=OURS, budget=budget)
    assert again.remove == ()
    assert again.shortfall == first.shortfall


def test_the_oldest_goes_first_and_only_as_much_as_needed() -> None:
    images = [image(n, f"{CHAT}:main-{n}", age=n) for n in range(1, 6)]
    result = pruned(*images, budget=350 * MIB)
    assert numbers(result) == [5, 4]
    assert (result.before, result.after, result.shortfall) == (500 * MIB, 300 * MIB, "")


def test_within_the_budget_nothing_goes() -> None:
    assert pruned(image(1, f"{CHAT}:main-1", age=300), budget=100 * MIB).remove == ()


def test_a_way_back_pulled_by_digest_has_no_tag_and_stays() -> None:
    dangling = image(1, f"{CHAT}@{identity(77)}", f"{CHAT}:<none>", age=9)
    assert numbers(pruned(dangling)) == [1], "a dangling one of ours may go"
    assert numbers(pruned(dangling, keep=(f"{CHAT}:main-1@{identity(77)}",))) == []


def test_the_image_of_a_stopped_container_stays_by_its_id() -> None:
    images = (image(0xABC << 240, f"{CHAT}:a"), image(2, f"{CHAT}:b"))
    assert numbers(pruned(*images, keep=(images[0].id,))) == [2]
    assert numbers(pruned(*images, keep=(images[0].id[7:19],))) == [2], "the short form too"


def test_one_kept_tag_keeps_the_image_that_docker_lists_twice() -> None:
    rows = (image(1, f"{CHAT}:old", age=9), image(1, f"{CHAT}:live"))
    result = pruned(*rows, keep=(f"{CHAT}:live",))
    assert result.remove == ()
    assert result.before == 100 * MIB


@pytest.mark.parametrize(
    "references",
    [
        ("docker.io/library/postgres:16",),
        ("ghcr.io/wuesteon-labs/chat-web:1",),
        ("evil.example/ghcr.io/wuesteon/chat-web:1",),
        (f"{CHAT}:1", "registry.example:5000/mirror/chat-web:1"),
        ("<none>:<none>",),
        (),
    ],
)
def test_what_is_not_ours_stays(references: tuple[str, ...]) -> None:
    result = pruned(image(1, *references, age=900))
    assert result.remove == ()
    assert "100 MiB in 1 that are not ours" in result.shortfall


def test_no_prefix_means_nothing_is_ours() -> None:
    for ours in ((), ("",), ("/",)):
        assert prune([image(1, f"{CHAT}:1")], keep=(), ours=ours, budget=0).remove == ()


def test_a_registry_with_a_port_and_a_name_without_a_tag_are_understood() -> None:
    name = "registry.example:5000/us/web"
    images = [image(1, f"{name}:latest"), image(2, f"{name}:old")]
    result = prune(images, keep=[name], ours=["registry.example:5000/us"], budget=0)
    assert numbers(result) == [2]


def test_why_the_budget_cannot_be_met_is_said_in_figures() -> None:
    result = pruned(
        image(1, f"{CHAT}:live"),
        image(2, f"{CHAT}:old", age=3),
        image(3, "docker.io/library/postgres:16"),
        keep=(f"{CHAT}:live",),
        budget=150 * MIB,
    )
    assert numbers(result) == [2]
    assert result.shortfall == (
        "200 MiB of images stay, the budget is 150 MiB: 100 MiB in 1 that the ledger, receipts "
        "or containers name, 100 MiB in 1 that are not ours; remedy: raise the budget, or take a "
        "larger disk"
    )
