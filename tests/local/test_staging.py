"""The whole staging platform on the local cloud, used as a person uses it: by its command line."""

from __future__ import annotations

import json
import socket
import ssl
import time
from pathlib import Path

import pytest

from tests.local.platform import Answer, Platform, Remote, changed_tree, get, shell

pytestmark = pytest.mark.local

STAGING = Platform()


@pytest.fixture(scope="module")
def outputs() -> Answer:
    """The outputs of the stack, once it is up."""
    STAGING.up()
    return STAGING.outputs()


@pytest.fixture(scope="module")
def remote(outputs: Answer) -> Remote:
    """Runs a command on the server."""
    return shell(outputs["servers"]["main"])


def test_a_second_preview_is_empty(outputs: Answer) -> None:
    assert len(outputs["services"]) == 39
    assert STAGING.preview() == {}


def test_every_public_host_answers_through_the_edge(outputs: Answer) -> None:
    address = outputs["servers"]["main"]["ipv4"]
    public = [s for s in outputs["services"] if s["health_url"]]
    assert len(public) == 34
    for service in public:
        host, _, path = service["health_url"].removeprefix("https://").partition("/")
        status, body = get(address, host, f"/{path}")
        assert status == 200, f"{service['name']}: {status} {body[:200]}"


def test_an_unknown_host_is_not_served(outputs: Answer) -> None:
    address = outputs["servers"]["main"]["ipv4"]
    known = outputs["urls"]["chat-web"].removeprefix("https://")
    with socket.create_connection((address, 80), timeout=10) as plain:
        plain.sendall(f"GET / HTTP/1.1\r\nHost: {known}\r\nConnection: close\r\n\r\n".encode())
        assert b" 308 " in plain.recv(4096).split(b"\r\n")[0]
    with pytest.raises(ssl.SSLError):
        get(address, "nobody.example.org", "/")


def test_only_the_edge_has_published_ports(outputs: Answer, remote: Remote) -> None:
    assert outputs["servers"]
    lines = remote("docker ps --format '{{.Names}}|{{.Ports}}'").splitlines()
    published = {name for name, _, ports in (x.partition("|") for x in lines) if "->" in ports}
    assert published == {"edge-holder"}


def test_the_data_network_has_no_way_out(remote: Remote) -> None:
    assert remote("docker network inspect data --format '{{.Internal}}'").strip() == "true"


def test_no_container_reaches_the_metadata_service(remote: Remote) -> None:
    # Its answer holds the server's private host key.
    script = "fetch('http://169.254.169.254/').catch((error) => console.log(error.cause.code))"
    assert remote(f'docker exec chat-web-blue node -e "{script}"').strip() == "ECONNREFUSED"
    assert remote("sudo iptables -S DOCKER-USER").count("169.254.169.254") == 1


def test_no_password_is_in_a_containers_configuration(remote: Remote) -> None:
    password = remote("sudo cat /srv/manacore/secrets/redis/REDIS_PASSWORD").strip()
    assert len(password) == 40
    inspected = remote("docker ps -aq | xargs docker inspect")
    assert password not in inspected
    assert "DATABASE_URL" not in inspected


def test_nobody_reaches_a_database_over_the_network_without_tls(remote: Remote) -> None:
    connected = (
        "SELECT usename, bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
        "WHERE client_addr IS NOT NULL GROUP BY usename"
    )
    shown = remote(f'docker exec postgres psql -U postgres -Atc "{connected}"').splitlines()
    # Services close connections that are idle; the archive's receiver never does.
    assert "archive-agent|t" in shown
    assert not [line for line in shown if not line.endswith("|t")]
    plain = (
        "docker exec -e PGSSLMODE=disable backup psql -w -h postgres -U chat -d chat -c 'SELECT 1'"
        " 2>&1 || true"
    )
    assert "no encryption" in remote(plain)


def test_each_service_is_its_own_user_of_redis(remote: Remote) -> None:
    login = "REDISCLI_AUTH=$(cat /run/secrets/REDIS_PASSWORD) redis-cli --user admin"
    users = remote(f"docker exec redis sh -c '{login} ACL USERS'").split()
    assert sorted(users) == ["admin", "backup-agent", "default", "uload-web"]
    clients = remote(f"docker exec redis sh -c '{login} CLIENT LIST'")
    assert " user=default " in clients, "mana-core-auth, which knows a password alone"
    assert " user=uload-web " in clients


def test_each_database_belongs_to_its_role_alone(remote: Remote) -> None:
    query = (
        "SELECT datname || ' ' || pg_get_userbyid(datdba) || ' ' || datacl::text "
        "FROM pg_database WHERE datname NOT LIKE 'template%' AND datname <> 'postgres'"
    )
    shown = remote(f'docker exec postgres psql -U postgres -Atc "{query}"').splitlines()
    owners = {line.split()[0]: line.split()[1] for line in shown}
    assert set(owners) == {"chat", "manacore_auth", "manadeck", "nutriphi", "quote", "uload"}
    assert all(name == owner for name, owner in owners.items())
    assert not any("{=" in line or ",=" in line for line in shown), "PUBLIC may not connect"


def test_prometheus_gets_figures_of_everything_that_has_some(
    remote: Remote,
) -> None:
    query = "http://127.0.0.1:9090/api/v1/query?query=up"

    def failing() -> list[str]:
        told = json.loads(remote(f"docker exec prometheus wget -q -O - '{query}'"))
        found = told["data"]["result"]
        assert len(found) > 40
        return [f["metric"]["instance"] for f in found if f["value"][1] != "1"]

    # A target is first scraped up to 15 seconds after its start.
    deadline = time.monotonic() + 60
    while failing() and time.monotonic() < deadline:
        time.sleep(2)
    assert failing() == []


def test_a_stopped_container_is_named_and_comes_back(outputs: Answer, remote: Remote) -> None:
    edge = next(s["container"] for s in outputs["support"] if s["kind"] == "edge")
    remote(f"docker stop quote-landing-blue {edge}")
    status = STAGING.manacore("status", code=1)
    assert status["healthy"] == 38
    assert [s["name"] for s in status["services"] if not s["healthy"]] == ["quote-landing"]
    assert [s["name"] for s in status["support"] if not s["healthy"]] == ["edge"]
    assert STAGING.manacore("up")["healthy"] == 39


def test_all_that_is_wrong_is_said_at_once_and_nothing_is_touched(tmp_path: Path) -> None:
    wrong = Platform(
        root=changed_tree(
            tmp_path,
            {
                "Pulumi.staging.yaml": ("type: ccx33", "type: ccx99"),
                "releases/staging.yaml": ("live: blue", "live: grene"),
            },
        )
    )
    refused = wrong.attempt("up")
    assert refused.returncode == 2
    assert "nothing was touched" in refused.stderr
    assert "servers.main.type: server type ccx99 is not offered" in refused.stderr
    assert "mana-core-auth.live: input should be 'blue' or 'green', not 'grene'" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert STAGING.manacore("up")["changes"] == {}
