"""What goes wrong with servers, vendors and the engine, and the one `up` that mends it."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.local.platform import (
    EMULATORS,
    Platform,
    changed_tree,
    cloudflare,
    emulator,
    hetzner,
    requests,
)

pytestmark = pytest.mark.local

STAGING = Platform()
SERVER = "hcloud:index/server:Server"
RECORD = "cloudflare:index/dnsRecord:DnsRecord"
SECRETS = "sudo find /srv/manacore -type f -path '*secret*' -exec sha256sum {} + | sort -k 2"
POINTERS = "grep . /srv/manacore/edge-slots/live/*"
PSQL = "docker exec postgres psql -U postgres -Atc"
CONTAINER, NETWORK = "docker:index/container:Container", "docker:index/network:Network"


def machine() -> str:
    """The container that stands behind the stack's server."""
    return f"manacore-server-{STAGING.outputs()['servers']['main']['id']}"


def outer(*arguments: str, limit: float = 60) -> str:
    """Ask the machine's own Docker; `limit` is in seconds."""
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=False, timeout=limit
    )
    return done.stdout.strip()


def containers_of(server: str) -> int:
    """How many containers a server runs; none while its Docker does not answer.

    A server that boots takes the question on Docker's socket before Docker is there.
    """
    try:
        return len(outer("exec", server, "docker", "ps", "--quiet", limit=5).splitlines())
    except subprocess.TimeoutExpired:
        return 0


def forget_requests() -> None:
    """Empty the journals and take back all faults."""
    for port in EMULATORS.values():
        for path in ("/_requests", "/_faults"):
            httpx.delete(f"http://127.0.0.1:{port}{path}", timeout=10).raise_for_status()


def fault(vendor: str, **rule: object) -> None:
    """Let a vendor fail."""
    url = f"http://127.0.0.1:{EMULATORS[vendor]}/_faults"
    httpx.post(url, json=rule, timeout=10).raise_for_status()


@pytest.fixture(scope="module", autouse=True)
def up() -> None:
    """The platform, up."""
    STAGING.up()


def assert_nothing_is_doubled_or_orphaned() -> None:
    """What the vendors and the server have is what the state has, each once."""
    state = STAGING.state()
    kinds = Counter(str(r["type"]) for r in state)
    assert not [r for r in state if r.get("delete")], "nothing waits for its deletion"
    for kind, collection in {
        SERVER: "servers",
        "hcloud:index/network:Network": "networks",
        "hcloud:index/firewall:Firewall": "firewalls",
        "hcloud:index/volume:Volume": "volumes",
        "hcloud:index/primaryIp:PrimaryIp": "primary_ips",
        "hcloud:index/sshKey:SshKey": "ssh_keys",
        "hcloud:index/placementGroup:PlacementGroup": "placement_groups",
    }.items():
        ours = [x for x in hetzner(collection) if x["labels"].get("stack") == "staging"]
        assert len(ours) == kinds[kind], collection
    records = {str(r["id"]) for r in state if r["type"] == RECORD}
    zones = {str(r["outputs"]["zoneId"]) for r in state if r["type"] == RECORD}
    listed = [r for zone in zones for r in cloudflare(f"/zones/{zone}/dns_records")]
    assert {str(r["id"]) for r in listed} == records
    assert len({(r["name"], r["type"], r["content"]) for r in listed}) == len(listed)
    names = {str(r["outputs"]["name"]) for r in state if r["type"] == CONTAINER}
    assert set(STAGING.remote("docker ps --all --format '{{.Names}}'").split()) == names
    networks = {str(r["outputs"]["name"]) for r in state if r["type"] == NETWORK}
    there = STAGING.remote("docker network ls --format '{{.Name}}'").split()
    assert Counter(there) == Counter(networks | {"bridge", "host", "none"})


def test_a_replaced_server_has_everything_again_without_a_word_with_the_dead_one(
    tmp_path: Path,
) -> None:
    STAGING.remote(f"{PSQL} 'CREATE TABLE IF NOT EXISTS kept AS SELECT 42 AS answer'")
    secrets, old, outputs = STAGING.remote(SECRETS), machine(), STAGING.outputs()
    assert secrets.count("\n") > 30
    changed = Platform(
        root=changed_tree(
            tmp_path, {"components/hetzner/cloudinit.py": ('"max-file": "3"', '"max-file": "4"')}
        )
    )
    # Frozen, it takes connections and answers none: whoever asks it anything hangs and fails.
    outer("pause", old)

    changed.up()

    assert machine() != old
    assert outer("ps", "--all", "--quiet", "--filter", f"name={old}$") == ""
    assert changed.preview() == {}
    assert STAGING.remote(f"{PSQL} 'TABLE kept'") == "42\n"
    assert STAGING.remote(SECRETS) == secrets
    assert '"max-file": "4"' in STAGING.remote("cat /etc/docker/daemon.json")
    now = STAGING.outputs()
    assert now["servers"]["main"]["ipv4"] == outputs["servers"]["main"]["ipv4"]
    assert_nothing_is_doubled_or_orphaned()


def test_a_server_that_was_deleted_behind_the_programs_back_is_made_again() -> None:
    secrets, old = STAGING.remote(SECRETS), machine()
    number = old.rsplit("-", 1)[-1]
    hetzner(f"servers/{number}", method="DELETE")

    STAGING.up()

    assert machine() != old
    assert STAGING.preview() == {}
    assert STAGING.preview("--refresh") == {}
    assert STAGING.remote(f"{PSQL} 'TABLE kept'") == "42\n"
    assert STAGING.remote(SECRETS) == secrets
    assert_nothing_is_doubled_or_orphaned()


def test_a_larger_server_type_keeps_the_server_and_all_services(tmp_path: Path) -> None:
    before = machine()
    larger = Platform(
        root=changed_tree(tmp_path, {"Pulumi.staging.yaml": ("type: ccx33", "type: ccx43")})
    )

    larger.up()

    assert machine() == before
    assert hetzner("servers")[0]["server_type"]["name"] == "ccx43"
    assert larger.preview() == {}
    STAGING.up()
    assert hetzner("servers")[0]["server_type"]["name"] == "ccx33"


def test_what_is_lost_on_a_server_comes_back_by_one_up() -> None:
    pointers = STAGING.remote(POINTERS)
    STAGING.remote(
        "docker stop chat-web-blue; docker rm --force quote-web-blue memoro-web-blue;"
        "sudo rm -rf /srv/manacore/secrets/mana-core-auth-blue;"
        "sudo sed -i s/blue/green/ /srv/manacore/edge-slots/live/mana-core-auth"
    )
    assert STAGING.remote(POINTERS) != pointers
    assert STAGING.manacore("status", code=1)["healthy"] == 36

    STAGING.up()

    assert STAGING.remote("sudo ls /srv/manacore/secrets/mana-core-auth-blue").split()
    assert STAGING.remote(POINTERS) == pointers
    assert STAGING.preview() == {}
    assert_nothing_is_doubled_or_orphaned()


def test_down_leaves_nothing_and_an_up_that_is_killed_again_and_again_converges() -> None:
    STAGING.manacore("down", "--keep-cloud")
    for collection in ("servers", "networks", "firewalls", "volumes", "primary_ips", "ssh_keys"):
        assert hetzner(collection) == [], collection
    assert outer("ps", "--quiet", "--filter", "name=manacore-server").split() == []
    forget_requests()

    def running(least: int) -> Callable[[], bool]:
        return lambda: any(
            containers_of(name) >= least
            for name in outer(
                "ps", "--format", "{{.Names}}", "--filter", "name=manacore-server"
            ).split()
        )

    moments: list[tuple[str, Callable[[], bool]]] = [
        ("network asked for", lambda: requests("hetzner", "POST", "/networks") > 0),
        ("server asked for", lambda: requests("hetzner", "POST", "/servers") > 0),
        ("records half-way", lambda: requests("cloudflare", "POST", "/dns_records") >= 10),
        ("variables half-way", lambda: requests("github", "POST", "/variables") >= 3),
        ("first containers", running(2)),
        ("half of the containers", running(20)),
    ]
    killed = [name for name, reached in moments if STAGING.killed_when(reached, "up")]

    # Records and variables may all be there when their turn comes; the others cannot.
    assert {"network asked for", "server asked for", "half of the containers"} <= set(killed)
    STAGING.up()
    assert STAGING.preview() == {}
    assert_nothing_is_doubled_or_orphaned()


def test_vendors_that_refuse_fail_or_lose_their_answers_leave_nothing_doubled() -> None:
    STAGING.manacore("down", "--keep-cloud")
    forget_requests()
    for vendor, created in {
        "hetzner": ("/networks$", "/volumes$", "/servers$", "/primary_ips$"),
        "cloudflare": ("/dns_records$", "/r2/buckets$"),
        # The repository's rulesets belong to production.
        "github": ("/variables$",),
    }.items():
        fault(vendor, method="GET", path_regex=".", delay_seconds=3, times=3)
        for path in created:
            fault(vendor, method="POST", path_regex=path, status=429, retry_after=1)
            fault(vendor, method="POST", path_regex=path, status=500, after=True)
    # What a vendor's client does not ask again by itself, the next run does.
    if STAGING.attempt("up").returncode != 0:
        STAGING.up()

    for vendor in EMULATORS:
        left = [rule for rule in emulator(vendor, "/_faults").json() if rule["status"]]
        assert left == [], f"a refusal of {vendor} was never met"
    assert STAGING.preview() == {}
    assert_nothing_is_doubled_or_orphaned()
