"""The edge's configuration."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.edge.config import (
    Certificates,
    EdgeConfig,
    InternalRoute,
    MetricsRoute,
    PublicRoute,
    Upstream,
    bootstrap,
)

CADDY = Path(sys.executable).parent / "caddy"
UPSTREAM = Upstream(container="one-blue", port=3001)


def config(issuer: Literal["acme", "internal"] = "acme") -> EdgeConfig:
    return EdgeConfig(
        public=[PublicRoute(host="one.example.org", upstream=UPSTREAM, health="/health")],
        internal=[InternalRoute(port=3001, upstream=UPSTREAM, health="/health")],
        metrics=[MetricsRoute(name="one", upstream=UPSTREAM, path="/metrics")],
        certificates=Certificates(
            issuer=issuer, email="a@example.org", directory="https://acme.invalid/dir"
        ),
    )


def document(issuer: Literal["acme", "internal"] = "acme") -> dict[str, Any]:
    return json.loads(config(issuer).json())


@pytest.mark.parametrize("text", [config().json(), config("internal").json(), bootstrap()])
def test_caddy_itself_accepts_it(text: str, tmp_path: Path) -> None:
    file = tmp_path / "caddy.json"
    file.write_text(text)
    result = subprocess.run(
        [CADDY, "validate", "--config", file],
        capture_output=True,
        text=True,
        check=False,
        env={"XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)},
    )
    assert result.returncode == 0, result.stderr


def test_the_administration_is_on_a_socket_that_only_the_container_has() -> None:
    assert document()["admin"]["listen"].startswith("unix//run/caddy/")
    assert json.loads(bootstrap())["admin"] == document()["admin"]


def test_an_unknown_host_is_refused_rather_than_served() -> None:
    last = document()["apps"]["http"]["servers"]["public"]["routes"][-1]
    assert "match" not in last
    assert last["handle"][0]["status_code"] == 421


def test_websockets_outlive_a_reload() -> None:
    proxy = document()["apps"]["http"]["servers"]["public"]["routes"][0]["handle"][-1]
    assert proxy["stream_close_delay"] == "5m"


def test_certificates_come_from_the_configured_authority() -> None:
    def issuer(kind: Literal["acme", "internal"]) -> dict[str, Any]:
        return document(kind)["apps"]["tls"]["automation"]["policies"][0]["issuers"][0]

    assert issuer("acme")["ca"] == "https://acme.invalid/dir"
    assert issuer("internal") == {"module": "internal"}


@given(st.lists(st.from_regex(r"[a-z]{1,8}\.example\.org", fullmatch=True), unique=True))
def test_every_host_gets_exactly_one_route(hosts: list[str]) -> None:
    made = EdgeConfig(
        public=[PublicRoute(host=h, upstream=UPSTREAM, health="/") for h in hosts],
        internal=[],
        metrics=[],
        certificates=config().certificates,
    )
    routes = json.loads(made.json())["apps"]["http"]["servers"]["public"]["routes"]
    assert [m["host"] for r in routes for m in r.get("match", [])] == [[h] for h in hosts]
