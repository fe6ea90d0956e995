"""What tests of releases share: versions, what answers, receipts, load."""

from __future__ import annotations

import json
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path
from typing import cast

import httpx

from bench import load as loads
from bench.load import Load
from tests.local.platform import Answer, Platform

OLD = "main-4f1c2ab"
WEB, BACKEND = "chat-web", "chat-backend"


def push(platform: Platform, *versions: str) -> None:
    """Make images, as a build would."""
    subprocess.run(["./manacore", "images", *versions], cwd=platform.root, check=True, timeout=300)


def live(platform: Platform, service: str) -> tuple[str, str]:
    """Slot and tag that are live, by the ledger's word."""
    found = next(s for s in platform.outputs()["services"] if s["name"] == service)
    return found["slot"], str(found["image"]).partition("@")[0].rpartition(":")[2]


def answers(platform: Platform, service: str) -> str:
    """The version that answers at the public name."""
    outputs = platform.outputs()
    host = outputs["urls"][service].removeprefix("https://")
    address = outputs["servers"]["main"]["ipv4"]
    # The local cloud's authority is its edge's own.
    with httpx.Client(verify=False, timeout=30) as client:  # noqa: S501
        told = client.get(
            f"https://{address}/version",
            headers={"Host": host},
            extensions={"sni_hostname": host},
        )
    return str(told.raise_for_status().json()["version"])


def receipt(platform: Platform, *arguments: str, code: int = 0) -> Answer:
    """Run a release or a rollback; its receipt."""
    return platform.manacore(*arguments, code=code)


def under_load(platform: Platform, service: str) -> AbstractContextManager[Load]:
    """200 requests a second to a service through the edge."""
    outputs = platform.outputs()
    host = outputs["urls"][service].removeprefix("https://")
    return loads.load(outputs["servers"]["main"]["ipv4"], host, "/version")


def running(root: Path) -> str | None:
    """The step of the release that is under way."""
    for file in sorted((root / "receipts" / "staging").glob("*.json"), reverse=True):
        found = cast("Answer", json.loads(file.read_text()))
        if found["outcome"] == "running":
            return str(found["reason"])
    return None
