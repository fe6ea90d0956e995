"""What a loss takes, asked of vendors that answer as the emulators do."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from ops.cli import app
from ops.drill import loss
from ops.drill.loss import forget_state, lose
from ops.drill.plan import Variant
from ops.failures import OpsError
from ops.target import Target

VARIABLES = {
    "HCLOUD_ENDPOINT": "http://hetzner/v1",
    "CLOUDFLARE_BASE_URL": "http://cloudflare/client/v4",
    "GITHUB_BASE_URL": "http://github/",
    "GITHUB_OWNER": "team",
    "HCLOUD_TOKEN": "h",
    "CLOUDFLARE_API_TOKEN": "c",
    "GITHUB_TOKEN": "g",
}
RESOURCES: list[dict[str, Any]] = [
    {"type": "hcloud:index/network:Network", "id": "7"},
    {"type": "hcloud:index/server:Server", "id": "42"},
    {"type": "hcloud:index/volume:Volume", "id": "5"},
    {"type": "hcloud:index/primaryIp:PrimaryIp", "id": "9"},
    {"type": "cloudflare:index/dnsRecord:DnsRecord", "id": "r1", "inputs": {"zoneId": "z"}},
    {"type": "cloudflare:index/ruleset:Ruleset", "id": "s1", "inputs": {"zoneId": "z"}},
    {"type": "cloudflare:index/r2Bucket:R2Bucket", "id": "backups", "inputs": {}},
    {"type": "github:index/repositoryEnvironment:RepositoryEnvironment", "id": "apps:a b",
     "inputs": {"repository": "apps", "environment": "a b"}},
    {"type": "github:index/repositoryRuleset:RepositoryRuleset", "id": "3",
     "inputs": {"repository": "apps"}},
]  # fmt: skip


@dataclass
class Vendors:
    """What they were asked; a server that was deleted is there once more and then gone."""

    asked: list[str] = field(default_factory=list[str])
    refusing: bool = False

    def request(self, method: str, url: str, **_: Any) -> httpx.Response:
        """As `httpx.request`."""
        self.asked.append(f"{method} {url.removeprefix('http://')}")
        looked = self.asked.count("GET hetzner/v1/servers/42")
        status = 409 if self.refusing else 404 if method == "GET" and looked > 1 else 200
        return httpx.Response(status, request=httpx.Request(method, url))

    @property
    def deleted(self) -> list[str]:
        """What was deleted, in order."""
        return [line.split()[1] for line in self.asked if line.startswith("DELETE ")]


@pytest.fixture
def vendors(monkeypatch: pytest.MonkeyPatch) -> Generator[Vendors]:
    """The vendors, in place of the network."""
    found = Vendors()
    monkeypatch.setattr(loss.httpx, "request", found.request)
    yield found


def target(folder: Path, *, local: bool = True) -> Target:
    return Target(
        stack="staging",
        is_local=local,
        folder=folder,
        variables={**VARIABLES, "PULUMI_BACKEND_URL": f"file://{folder}?no_tmp_dir=true"},
        engine=folder / "pulumi",
        logs=folder,
    )


def test_a_lost_server_takes_nothing_with_it(vendors: Vendors, tmp_path: Path) -> None:
    lose(Variant.SERVER, target(tmp_path), RESOURCES)
    assert vendors.deleted == ["hetzner/v1/servers/42"]
    assert vendors.asked[0].endswith("servers/42/actions/change_protection")
    assert vendors.asked[-1] == "GET hetzner/v1/servers/42", "it waits until it is gone"


def test_a_volume_goes_after_the_server_that_uses_it(vendors: Vendors, tmp_path: Path) -> None:
    lose(Variant.VOLUME, target(tmp_path), RESOURCES)
    assert vendors.deleted == ["hetzner/v1/servers/42", "hetzner/v1/volumes/5"]


def test_everything_is_all_but_the_bucket(vendors: Vendors, tmp_path: Path) -> None:
    lose(Variant.EVERYTHING, target(tmp_path), RESOURCES)
    assert vendors.deleted[0] == "hetzner/v1/servers/42"
    assert sorted(vendors.deleted[1:]) == [
        "cloudflare/client/v4/zones/z/dns_records/r1",
        "cloudflare/client/v4/zones/z/rulesets/s1",
        "github/api/v3/repos/team/apps/environments/a%20b",
        "github/api/v3/repos/team/apps/rulesets/3",
        "hetzner/v1/networks/7",
        "hetzner/v1/primary_ips/9",
        "hetzner/v1/volumes/5",
    ]


def test_a_lost_state_is_that_of_the_stack_alone(vendors: Vendors, tmp_path: Path) -> None:
    backend = tmp_path / ".pulumi"
    for name in (
        "stacks/manacore/staging.json",
        "stacks/manacore/staging.json.bak",
        "history/manacore/staging/staging-1.history.json",
        "backups/manacore/staging/staging.1.json",
        "stacks/manacore/production.json",
        "history/manacore/production/production-1.history.json",
    ):
        (backend / name).parent.mkdir(parents=True, exist_ok=True)
        (backend / name).write_text("{}")
    lose(Variant.STATE, target(tmp_path), RESOURCES)
    assert vendors.asked == []
    left = [str(one.relative_to(backend)) for one in backend.rglob("*") if one.is_file()]
    assert sorted(left) == [
        "history/manacore/production/production-1.history.json",
        "stacks/manacore/production.json",
    ]


def test_a_backend_elsewhere_is_not_touched(tmp_path: Path) -> None:
    there = replace(target(tmp_path), variables={"PULUMI_BACKEND_URL": "s3://states"})
    with pytest.raises(OpsError, match="not touched"):
        forget_state(there)


def test_a_vendor_that_refuses_ends_the_drill(vendors: Vendors, tmp_path: Path) -> None:
    vendors.refusing = True
    with pytest.raises(OpsError, match="could not be done"):
        lose(Variant.SERVER, target(tmp_path), RESOURCES)


@pytest.mark.parametrize("variant", Variant)
def test_real_clouds_lose_nothing(vendors: Vendors, tmp_path: Path, variant: Variant) -> None:
    with pytest.raises(OpsError, match="on the local cloud only"):
        lose(variant, target(tmp_path, local=False), RESOURCES)
    assert vendors.asked == []


def test_the_command_refuses_real_clouds_before_anything(
    vendors: Vendors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of(stack: str, *, local: bool) -> Target:
        return target(tmp_path, local=local)

    monkeypatch.setattr(Target, "of", of)
    result = CliRunner().invoke(app, ["drill", "rebuild", "--variant", "everything"])
    assert result.exit_code == 1
    assert "--local" in result.output
    assert vendors.asked == []
