"""The real stacks under the recording mock: their committed configuration plus made-up secrets."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

from pulumi.runtime import mocks

from catalog import load_catalog
from stacks.program import Loaded, compose, load
from stacks.settings import stack_file
from tests.support.mocks import Answer, Recorder, recording

ROOT = Path(__file__).parent.parent.parent
SECRET = "made-up-secret"


def _fixed(**outputs: str) -> Answer:
    def answer(_: mocks.MockResourceArgs) -> dict[str, Any]:
        return dict(outputs)

    return answer


ANSWERS: dict[str, Answer] = {
    "random:index/randomPassword:RandomPassword": lambda args: {"result": f"password-{args.name}"},
    "hcloud:index/server:Server": _fixed(id="42"),
    "hcloud:index/network:Network": _fixed(id="7"),
    "hcloud:index/firewall:Firewall": _fixed(id="8"),
    "hcloud:index/placementGroup:PlacementGroup": _fixed(id="3"),
    "hcloud:index/sshKey:SshKey": _fixed(id="4"),
    "hcloud:index/primaryIp:PrimaryIp": _fixed(id="9", ipAddress="198.51.100.10"),
    "hcloud:index/volume:Volume": _fixed(id="5", linuxDevice="/dev/disk/by-id/scsi-0HC_Volume_5"),
    "command:local:Command": _fixed(stdout="26.1.5"),
    "docker:index/remoteImage:RemoteImage": lambda args: {"imageId": f"sha256:{args.name}"},
    "docker:index/container:Container": lambda args: {"id": f"container-{args.name}"},
}


def raw(stack: str, **changes: object) -> dict[str, object]:
    """The committed configuration of a stack with every secret given, and some keys changed."""
    config = {
        key: value
        for key, value in stack_file(ROOT, stack).items()
        if not key.startswith("pulumi:")
    }
    return {**config, "secrets": dict.fromkeys(load_catalog().secret_names, SECRET), **changes}


def planned(stack: str, **changes: object) -> tuple[Recorder, dict[str, Any]]:
    """Everything that a stack registers, and its outputs."""
    return plan_of(load(stack, raw(stack, **changes)))


def files(recorder: Recorder, name: str) -> dict[str, str]:
    """What a plan writes to a server by one `Files`, secret or not."""
    stdin = recorder.one("command:local:Command", f"{name}-files").inputs["stdin"]
    packed = json.loads(stdin if isinstance(stdin, str) else stdin["value"])
    return {file: base64.b64decode(text).decode() for file, text in packed.items()}


def edge_configs(recorder: Recorder) -> dict[str, str]:
    """The configuration of each server's edge in a plan."""
    named = (
        re.fullmatch(r"(.+)-edge-[0-9a-f]{8}", r.name) for r in recorder.of("manacore:docker:Files")
    )
    return {match[1]: files(recorder, match[0])["caddy.json"] for match in named if match}


def plan_of(loaded: Loaded) -> tuple[Recorder, dict[str, Any]]:
    """Everything that a loaded stack registers, and its outputs."""
    with recording(ANSWERS, stack=loaded.stack) as (recorder, run):
        outputs = run(lambda: compose(loaded).outputs)
    return recorder, outputs
