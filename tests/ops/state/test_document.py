"""What is kept of a stack: readable by nobody without the passphrase, and of use without clouds."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ops.failures import OpsError
from ops.state.document import Document, moment, readable, survivors

SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
STACK = "urn:pulumi:staging::manacore::pulumi:pulumi:Stack::manacore-staging"


def urn(kind: str, name: str) -> str:
    return f"urn:pulumi:staging::manacore::{kind}::{name}"


def resource(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {
        "urn": urn(kind, name),
        "type": kind,
        "custom": not kind.startswith("manacore:"),
        **more,
    }


def document(*resources: dict[str, Any], files: dict[str, str] | None = None) -> Document:
    state = {"manifest": {"time": "2026-11-25T20:00:00.123456789Z"}, "resources": list(resources)}
    return Document(stack="staging", version=3, state=state, files=files or {})


def test_what_is_kept_is_read_as_it_was() -> None:
    kept = document(resource("random:x:Y", "a"), files={"releases/staging.yaml": "ä: 1\n"})
    assert Document.read(kept.text) == kept
    deployment = json.loads(kept.text)["deployment"]
    assert deployment == {"version": 3, "deployment": kept.state}, "the engine imports it so"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"stack": "staging", "deployment": 3}'])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(OpsError, match="cannot be read"):
        Document.read(text)


def test_encrypted_secrets_may_leave_the_machine() -> None:
    held = resource("random:x:Y", "a", outputs={"result": {**SECRET, "ciphertext": "v1:aa:bb"}})
    assert readable(document(held), ["a-long-passphrase"]) == []


def test_a_secret_of_the_state_that_is_not_encrypted_stays_here() -> None:
    held = resource("random:x:Y", "a", outputs={"deep": [{"b": {**SECRET, "plaintext": '"x"'}}]})
    (problem,) = readable(document(held), [])
    assert urn("random:x:Y", "a") in problem


@pytest.mark.parametrize("secret", ["sk_live_0123456789", 'with "quotes" in it'])
def test_a_secret_of_the_configuration_is_found_wherever_it_stands(secret: str) -> None:
    held = resource("docker:x:Y", "a", inputs={"envs": [f"KEY={secret}"]})
    found = readable(document(held, files={"Pulumi.staging.yaml": f"key: {secret}"}), [secret])
    assert len(found) == 2
    assert secret not in str(found), "a warning tells no secret"


def test_a_short_word_is_no_evidence() -> None:
    assert readable(document(resource("a:b:C", "main")), ["main"]) == []


def test_a_state_is_as_old_as_its_last_update_and_an_empty_one_older_than_any() -> None:
    full = document(resource("pulumi:pulumi:Stack", "s"), resource("random:x:Y", "a")).state
    assert moment(full) == datetime(2026, 11, 25, 20, 0, 0, 123456, UTC)
    empty = document(resource("pulumi:pulumi:Stack", "s")).state
    assert moment(empty) < moment(full)
    assert moment({}) == moment(empty)


def test_without_clouds_passwords_and_the_bucket_stay_with_all_that_they_need() -> None:
    provider = resource("pulumi:providers:random", "random", id="1a2b")
    server = resource("hcloud:index/server:Server", "main")
    component = resource(
        "manacore:hetzner:Server", "main", parent=STACK, dependencies=[server["urn"]]
    )
    password = resource(
        "random:index/randomPassword:RandomPassword",
        "key",
        parent=component["urn"],
        provider=f"{provider['urn']}::1a2b",
        dependencies=[server["urn"]],
        propertyDependencies={"keepers": [server["urn"]], "length": None},
        deletedWith=server["urn"],
    )
    bucket = resource(
        "cloudflare:index/r2Bucket:R2Bucket", "backups", parent=STACK, deletedWith=STACK
    )
    record = resource("cloudflare:index/dnsRecord:DnsRecord", "www", parent=STACK)
    stack: dict[str, Any] = {
        "urn": STACK,
        "type": "pulumi:pulumi:Stack",
        "custom": False,
        "outputs": {"servers": {"main": {"ipv4": "198.51.100.10"}}},
    }
    before = document(stack, provider, server, component, password, bucket, record).state
    before["pending_operations"] = [{"type": "creating"}]

    after = survivors(before)

    kept = {one["urn"]: one for one in after["resources"]}
    assert list(kept) == [one["urn"] for one in (stack, provider, component, password, bucket)], (
        "in the order that the engine insists on"
    )
    assert "pending_operations" not in after
    assert kept[STACK]["outputs"] == {}, "no address that nobody answers at"
    assert kept[component["urn"]]["dependencies"] == []
    held = kept[password["urn"]]
    assert (held["dependencies"], held["propertyDependencies"]) == (
        [],
        {"keepers": [], "length": []},
    )
    assert "deletedWith" not in held
    assert kept[bucket["urn"]]["deletedWith"] == STACK
    assert len(before["resources"]) == 7, "what was read is not changed"
