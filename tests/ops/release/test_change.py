"""From a command line to images with digests; everything that is wrong is said at once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from ops.failures import InvalidInput
from ops.release.change import manifest, pinned, requested
from stacks.ledger import Entry, Ledger, Slot

DIGEST = f"sha256:{'1' * 64}"
LEDGER = Ledger(
    {
        "chat-web": Entry(live=Slot.BLUE, blue="ghcr.io/team/chat-web:a"),
        "auth": Entry(live=Slot.GREEN, green=f"ghcr.io/team/auth:b@{DIGEST}"),
    }
)
ORDER = ["auth", "chat-web"]


def digests(references: Iterable[str]) -> dict[str, str]:
    return dict.fromkeys(references, DIGEST)


def test_images_are_pinned_in_start_order_and_go_into_idle_slots() -> None:
    change = pinned(LEDGER, ORDER, {"chat-web": "c", "auth": "d"}, digests)
    assert list(change.images.items()) == [
        ("auth", f"ghcr.io/team/auth:d@{DIGEST}"),
        ("chat-web", f"ghcr.io/team/chat-web:c@{DIGEST}"),
    ]
    assert change.slots == {"auth": Slot.BLUE, "chat-web": Slot.GREEN}
    assert change.services[1].image_before == "ghcr.io/team/chat-web:a"


def test_another_plan_has_another_hash() -> None:
    one = pinned(LEDGER, ORDER, {"chat-web": "c"}, digests)
    other = pinned(LEDGER, ORDER, {"chat-web": "d"}, digests)
    moved = pinned(
        Ledger({**LEDGER.entries, "auth": Entry(live=Slot.GREEN, green="ghcr.io/team/auth:x")}),
        ORDER,
        {"chat-web": "c"},
        digests,
    )
    assert len({one.hash, other.hash, moved.hash}) == 3
    assert one.hash == pinned(LEDGER, ORDER, {"chat-web": "c"}, digests).hash


def test_unknown_services_are_refused_with_the_closest_name() -> None:
    with pytest.raises(InvalidInput, match=r"(?s)chat-wob.*chat-web.*other"):
        pinned(LEDGER, ORDER, {"chat-wob": "c", "other": "c"}, digests)


def test_what_is_live_already_is_refused() -> None:
    with pytest.raises(InvalidInput, match="auth: b is live already"):
        pinned(LEDGER, ORDER, {"auth": "b"}, digests)


def test_a_bad_command_line_is_refused_with_all_that_is_wrong() -> None:
    with pytest.raises(InvalidInput) as refused:
        requested(["chat-web", "auth=", "auth=a", "auth=b", "x=a b"], {})
    told = str(refused.value)
    assert all(text in told for text in ("chat-web:", "auth=:", "named twice", "x=a b:"))
    with pytest.raises(InvalidInput, match="nothing is named"):
        requested([], {})


def test_a_manifest_is_yaml_or_json(tmp_path: Path) -> None:
    file = tmp_path / "set.json"
    file.write_text('{"chat-web": "c"}')
    assert requested(["auth=d"], manifest(file)) == {"chat-web": "c", "auth": "d"}
    for text in ("- chat-web", "chat-web: [1]", "a: b: c"):
        file.write_text(text)
        with pytest.raises(InvalidInput, match=r"set\.json"):
            manifest(file)
    file.write_bytes(b"chat-web: \xff")
    for bad in (file, tmp_path / "none.yaml"):
        with pytest.raises(InvalidInput, match="cannot be read"):
            manifest(bad)


def test_a_manifests_tags_are_checked_as_those_of_the_command_line() -> None:
    with pytest.raises(InvalidInput, match="chat-web: a b is no tag"):
        requested([], {"chat-web": "a b"})
