"""Looking things up at the vendors by what the program called them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from ops.adoption import api, docker
from ops.adoption.lookup import Lookups
from ops.failures import OpsError

VARIABLES = {
    "HCLOUD_TOKEN": "t",
    "HCLOUD_ENDPOINT": "http://127.0.0.1:1/v1",
    "CLOUDFLARE_BASE_URL": "http://127.0.0.1:1/client/v4",
    "GITHUB_BASE_URL": "http://127.0.0.1:1/",
}
STATE: dict[str, Any] = {
    "resources": [
        {"type": "pulumi:providers:github", "inputs": {"owner": "team"}},
        {
            "type": "pulumi:providers:docker",
            "inputs": {"host": "ssh://deploy@198.51.100.10", "sshOpts": '["-o","A=b"]'},
        },
    ]
}
LABELS = {"stack": "staging"}
RECORD = {"zoneId": "z", "name": "a.example.com", "type": "A", "content": "2.2.2.2"}
VARIABLE = {"repository": "mono", "environment": "staging", "variableName": "HOST"}
POLICY = "github:index/repositoryEnvironmentDeploymentPolicy:RepositoryEnvironmentDeploymentPolicy"
Install = Callable[[Any], list[str]]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Makes every vendor answer with one body (None: 404), and collects what was asked."""

    def install(body: Any) -> list[str]:
        seen: list[str] = []

        def get(url: str, **options: Any) -> httpx.Response:
            request = httpx.Request("GET", url, params=options["params"])
            seen.append(str(request.url).removeprefix("http://127.0.0.1:1/"))
            return httpx.Response(404 if body is None else 200, json=body, request=request)

        monkeypatch.setattr(api.httpx, "get", get)
        return seen

    return install


@pytest.mark.parametrize(
    ("kind", "inputs", "body", "asked", "identity"),
    [
        (
            "hcloud:index/server:Server",
            {"name": "main", "labels": LABELS},
            {"servers": [{"id": 42, "labels": LABELS}]},
            "v1/servers?name=main",
            "42",
        ),
        (
            "hcloud:index/networkSubnet:NetworkSubnet",
            {"networkId": 7.0, "ipRange": "10.0.0.0/24"},
            {"network": {"subnets": [{"ip_range": "10.0.0.0/24"}]}},
            "v1/networks/7",
            "7-10.0.0.0/24",
        ),
        (
            "hcloud:index/volumeAttachment:VolumeAttachment",
            {"volumeId": 5.0, "serverId": "42"},
            {"volume": {"server": 42}},
            "v1/volumes/5",
            "5",
        ),
        (
            "cloudflare:index/dnsRecord:DnsRecord",
            RECORD,
            {"result": [{"id": "r1", "content": "1.1.1.1"}, {"id": "r2", "content": "2.2.2.2"}]},
            "client/v4/zones/z/dns_records?name=a.example.com&type=A",
            "r2",
        ),
        (
            "cloudflare:index/ruleset:Ruleset",
            {"zoneId": "z", "phase": "http_ratelimit", "name": "manacore"},
            {"result": {"id": "s1", "name": "manacore"}},
            "client/v4/zones/z/rulesets/phases/http_ratelimit/entrypoint",
            "s1",
        ),
        (
            "cloudflare:index/r2Bucket:R2Bucket",
            {"accountId": "a", "name": "backups"},
            {"result": {"name": "backups"}},
            "client/v4/accounts/a/r2/buckets/backups",
            "backups",
        ),
        (
            "github:index/actionsEnvironmentVariable:ActionsEnvironmentVariable",
            VARIABLE,
            {"name": "HOST", "value": "1"},
            "api/v3/repos/team/mono/environments/staging/variables/HOST?per_page=100",
            "mono:staging:HOST",
        ),
        (
            "github:index/repositoryRuleset:RepositoryRuleset",
            {"repository": "mono", "name": "main"},
            [{"id": 1, "name": "other"}, {"id": 2, "name": "main"}],
            "api/v3/repos/team/mono/rulesets?per_page=100",
            "2",
        ),
        (
            POLICY,
            {"repository": "mono", "environment": "staging", "branchPattern": "main"},
            {
                "branch_policies": [
                    {"id": 1, "name": "main", "type": "tag"},
                    {"id": 2, "name": "release/*"},
                    {"id": 3, "name": "main", "type": "branch"},
                ]
            },
            "api/v3/repos/team/mono/environments/staging/deployment-branch-policies?per_page=100",
            "mono:staging:3",
        ),
        (
            POLICY,
            {"repository": "mono", "environment": "staging", "tagPattern": "v*"},
            {"branch_policies": [{"id": 4, "name": "v*", "type": "tag"}]},
            "api/v3/repos/team/mono/environments/staging/deployment-branch-policies?per_page=100",
            "mono:staging:4",
        ),
    ],
)
def test_what_exists_is_found_with_its_id_and_what_does_not_is_not(
    answers: Install, kind: str, inputs: dict[str, Any], body: Any, asked: str, identity: str
) -> None:
    seen = answers(body)
    assert Lookups(VARIABLES, STATE).find(kind, inputs) == identity
    assert seen == [asked]

    answers(None)
    assert Lookups(VARIABLES, STATE).find(kind, inputs) is None


@pytest.mark.parametrize(
    ("kind", "inputs", "body"),
    [
        (
            "hcloud:index/server:Server",
            {"name": "main", "labels": LABELS},
            {"servers": [{"id": 42, "labels": {"team": "other"}}]},
        ),
        (
            "hcloud:index/volumeAttachment:VolumeAttachment",
            {"volumeId": 5, "serverId": 42},
            {"volume": {"server": 43}},
        ),
        (
            "cloudflare:index/ruleset:Ruleset",
            {"zoneId": "z", "phase": "http_ratelimit", "name": "manacore"},
            {"result": {"id": "s1", "name": "somebody's"}},
        ),
    ],
)
def test_what_is_somebody_elses_is_never_adopted(
    answers: Install, kind: str, inputs: dict[str, Any], body: Any
) -> None:
    answers(body)
    assert Lookups(VARIABLES, STATE).find(kind, inputs) is None


def test_what_is_put_and_not_posted_needs_no_look_up(answers: Install) -> None:
    seen = answers({})
    assert Lookups(VARIABLES, STATE).find("github:index/actionsSecret:ActionsSecret", {}) is None
    assert seen == []


def test_a_vendor_that_does_not_answer_stops_the_update_with_a_remedy() -> None:
    with pytest.raises(OpsError, match=r"(?s)cannot be looked up.*HCLOUD_TOKEN"):
        Lookups(VARIABLES, STATE).find("hcloud:index/server:Server", {"name": "main"})


# A daemon that shows the container of a create, whose caller was killed, at the third question.
DAEMON = """\
#!/bin/sh
echo "$*" >>"$RECORD"
asked=$(grep -c '^create' "$RECORD")
case $1 in
  create) [ "$asked" -gt 3 ] || { echo "Conflict. The name is already in use" >&2; exit 1; } ;;
esac
"""


def test_what_is_half_made_on_a_server_is_removed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(docker, "_run", commands.append)
    lookups = Lookups(VARIABLES, STATE)
    for name in ("chat-backend-blue", "x; reboot"):
        inputs = {"name": name, "image": "sha256:1; reboot"}
        assert lookups.find("docker:index/container:Container", inputs) is None
    assert lookups.find("docker:index/network:Network", {"name": "data"}) is None
    ssh = ["ssh", "-o", "A=b", "deploy@198.51.100.10"]
    container, network = commands
    assert (container[:-1], network) == (ssh, [*ssh, "docker network rm data"])

    daemon = tmp_path / "docker"
    daemon.write_text(DAEMON)
    daemon.chmod(0o755)
    record = tmp_path / "record"
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin", "RECORD": str(record)}
    subprocess.run(["sh", "-c", container[-1]], env=path, check=True, timeout=30)
    create = "create --name chat-backend-blue sha256:1; reboot"
    remove = "rm --force chat-backend-blue"
    assert record.read_text().splitlines() == [*[create, remove] * 3, create, remove]


def test_an_answer_that_is_no_json_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def get(url: str, **_: Any) -> httpx.Response:
        return httpx.Response(200, text="<html>", request=httpx.Request("GET", url))

    monkeypatch.setattr(api.httpx, "get", get)
    with pytest.raises(OpsError, match="cannot be looked up"):
        api.ask("http://127.0.0.1:1/v1/servers", "HCLOUD_TOKEN", VARIABLES, {})


def test_a_caa_record_is_known_by_its_parts(answers: Install) -> None:
    def caa(number: str, tag: str) -> dict[str, Any]:
        data = {"flags": 0, "tag": tag, "value": "letsencrypt.org"}
        return {"id": number, "content": f'0 {tag} "letsencrypt.org"', "data": data}

    answers({"result": [caa("1", "issue"), caa("2", "issuewild")]})
    find = Lookups(VARIABLES, STATE).find
    wanted = {"zoneId": "z", "name": "example.com", "type": "CAA"}

    def parts(tag: str) -> dict[str, Any]:
        return {
            **wanted,
            "data": {"__defaults": [], "flags": 0.0, "tag": tag, "value": "letsencrypt.org"},
        }

    assert find("cloudflare:index/dnsRecord:DnsRecord", parts("issuewild")) == "2"
    assert find("cloudflare:index/dnsRecord:DnsRecord", parts("iodef")) is None
