"""Whether the files on a server are those that the program wrote."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from ops import ssh
from ops.failures import OpsError

# The digest of a folder as `components.docker.files` makes it: of {name: base64} as sorted JSON.
_DIGEST = """\
import base64, hashlib, json, pathlib, sys
for folder in map(pathlib.Path, json.load(sys.stdin)):
    files = {
        str(path.relative_to(folder)): base64.b64encode(path.read_bytes()).decode()
        for path in folder.rglob("*")
        if path.is_file()
    }
    bundle = json.dumps(files, sort_keys=True).encode()
    print(hashlib.sha256(bundle).hexdigest()[:16])
"""


def altered(server: Mapping[str, Any], folders: Mapping[str, tuple[str, str]]) -> list[str]:
    """The keys of `folders` (key: path and digest) whose content is another on the server.

    Raises `OpsError` when the server cannot be asked.
    """
    failed = f"The files on {ssh.address(server)} cannot be read."
    question = shlex.join(["sudo", "python3", "-c", _DIGEST])
    try:
        done = ssh.run(server, question, json.dumps([path for path, _ in folders.values()]))
    except OpsError as error:
        raise OpsError(failed, [error.message]) from error
    if done.returncode != 0:
        raise OpsError(failed, [ssh.reason(done)])
    there = done.stdout.split()
    if len(there) != len(folders):
        raise OpsError(failed, done.stdout.splitlines()[:1])
    return [
        key
        for (key, (_, digest)), found in zip(folders.items(), there, strict=True)
        if digest != found
    ]
