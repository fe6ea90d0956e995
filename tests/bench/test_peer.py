"""The peer's Compose file, by the real Caddy where that is asked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.peer import PORT, document

SERVICE = {
    "image": "registry.example/web:1",
    "container_name": "web-blue",
    "hostname": "web-blue",
    "networks": ["manacore"],
    "labels": {"manacore.service": "web"},
    "mem_limit": "256m",
    "healthcheck": {"test": ["CMD", "true"]},
}


def test_the_container_is_the_platforms_without_its_place_there() -> None:
    app = document(SERVICE, "caddy", 3000, 0)["services"]["app"]
    assert app == {key: SERVICE[key] for key in ("image", "mem_limit", "healthcheck")}


def test_caddy_takes_the_proxys_configuration(tmp_path: Path) -> None:
    made = document(SERVICE, "caddy", 3000, 10)
    file = tmp_path / "Caddyfile"
    file.write_text(made["configs"]["caddyfile"]["content"])
    caddy = Path(sys.executable).parent / "caddy"
    adapt = [str(caddy), "adapt", "--adapter", "caddyfile", "--config", str(file)]
    told = subprocess.run(adapt, capture_output=True, text=True, check=True, timeout=30).stdout
    assert '"dial":"app:3000"' in told
    assert f'"listen":[":{PORT}"]' in told
