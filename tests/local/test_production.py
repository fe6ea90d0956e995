"""Production beside staging on one local cloud, then spread over two servers, then destroyed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from localcloud.processes import wait_until
from tests.local.platform import Answer, Platform, changed_tree, hetzner

pytestmark = [pytest.mark.local, pytest.mark.full]

PRODUCTION = Platform(stack="production")
ONE = "    main: {type: ccx43, location: fsn1, roles: [edge, app, data, monitoring], volume: 160, "
TWO = """\
    monitoring: {type: cx33, location: fsn1, roles: [edge, monitoring], volume: 20, backups: false}
    main: {type: ccx43, location: fsn1, roles: [edge, app, data], volume: 160, """
PROTECTED = "manacore:protect: true"
# Some of Prometheus' rounds.
PATIENCE_SECONDS = 120


def answering(platform: Platform, server: str) -> set[str]:
    """The services of which Prometheus has figures."""
    query = "http://127.0.0.1:9090/api/v1/query?query=up==1"
    told = json.loads(platform.remote(f"docker exec prometheus wget -q -O - '{query}'", server))
    found: list[Answer] = told["data"]["result"]
    return {str(one["metric"].get("service")) for one in found}


def test_production_comes_up_beside_staging_is_spread_over_two_servers_and_destroyed(
    tmp_path: Path,
) -> None:
    staging = Platform()
    staging.up()
    PRODUCTION.up()
    assert PRODUCTION.preview() == {}
    assert staging.manacore("status")["healthy"] == 39
    refusal = PRODUCTION.attempt("down", "--keep-cloud")
    assert refusal.returncode == 1
    assert "protect" in refusal.stderr

    two = Platform(
        stack="production",
        root=changed_tree(tmp_path / "two", {"Pulumi.production.yaml": (ONE, TWO)}),
    )
    two.up()
    assert two.preview() == {}
    assert {s["name"] for s in hetzner("servers")} >= {
        "manacore-production-main",
        "manacore-production-monitoring",
    }
    expected = {"chat-backend", "backup", "edge-main", "edge-monitoring", "loki"}
    assert wait_until(
        lambda: expected <= answering(two, "monitoring"), timeout=PATIENCE_SECONDS, every=2
    ), expected - answering(two, "monitoring")

    lifted = Platform(
        stack="production",
        root=changed_tree(
            tmp_path / "lifted",
            {"Pulumi.production.yaml": (ONE, TWO)},
        ),
    )
    file = lifted.root / "Pulumi.production.yaml"
    file.write_text(file.read_text().replace(PROTECTED, "manacore:protect: false"))
    lifted.up()
    lifted.manacore("down", "--keep-cloud")
    left = [s["name"] for s in hetzner("servers") if s["labels"].get("stack") == "production"]
    assert left == []
    assert staging.manacore("status")["healthy"] == 39
