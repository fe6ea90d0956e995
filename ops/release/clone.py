"""A container like another one, on another database, for as long as it is looked at."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from ops.release.server import Server, safe

_HEALTHY_SECONDS = 180
_COMMAND_SECONDS = 1800
# By Docker's own interface: what `docker inspect` tells is what it takes to make another one. The
# secrets are copied into memory, one URL changed: no argument and no disk has them.
_SCRIPT = """\
import http.client, json, os, pathlib, shutil, socket, sys, tempfile, time
from urllib.parse import quote, urlsplit
asked = json.load(sys.stdin)
class Docker(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect("/var/run/docker.sock")
def ask(method, path, body=None, missing_ok=False):
    docker = Docker("docker")
    docker.request(method, path, body and json.dumps(body), {"Content-Type": "application/json"})
    answer = docker.getresponse()
    told = answer.read()
    if answer.status >= 400 and not (missing_ok and answer.status == 404):
        sys.exit(told.decode(errors="replace"))
    return told
def inspect(name):
    return json.loads(ask("GET", f"/containers/{name}/json"))
def copied(folder, database):
    # Readable by the same users as the one that it is a copy of.
    place = tempfile.mkdtemp(prefix="manacore-clone-", dir="/run")
    shutil.copytree(folder, place, dirs_exist_ok=True)
    for path in [pathlib.Path(place), *pathlib.Path(place).rglob("*")]:
        like = os.stat(pathlib.Path(folder) / path.relative_to(place))
        os.chown(path, like.st_uid, like.st_gid)
    url = pathlib.Path(place) / "DATABASE_URL"
    url.write_text(urlsplit(url.read_text().strip())._replace(path=f"/{database}").geturl())
    return place
def removed(name):
    ask("DELETE", f"/containers/{name}?force=true&v=true", missing_ok=True)
    for left in pathlib.Path("/run").glob("manacore-clone-*"):
        shutil.rmtree(left)
def apart(mount, database):
    if mount["Target"] == "/run/secrets":
        return {**mount, "Source": copied(mount["Source"], database)}
    if mount.get("ReadOnly"):
        return mount
    return {"Type": "tmpfs", "Target": mount["Target"], "TmpfsOptions": {"Mode": 0o1777}}
def made(like, name, database, command):
    config, host = like["Config"], like["HostConfig"]
    host["Mounts"] = [apart(mount, database) for mount in host["Mounts"]]
    config.update(Labels={}, Hostname="", Cmd=command or config["Cmd"])
    first, *others = sorted(like["NetworkSettings"]["Networks"])
    host.update(RestartPolicy={"Name": "no"}, PortBindings={}, NetworkMode=first)
    ask("POST", f"/containers/create?name={quote(name)}", {**config, "HostConfig": host})
    for network in others:
        ask("POST", f"/networks/{quote(network)}/connect", {"Container": name})
    ask("POST", f"/containers/{name}/start")
def ended(state):
    return None if state["Running"] else f"ended with exit code {state['ExitCode']}"
def command_failed(name, seconds):
    deadline = time.monotonic() + seconds
    while (end := ended(inspect(name)["State"])) is None:
        if time.monotonic() > deadline:
            return f"has not ended after {seconds} s"
        time.sleep(0.2)
    return "" if end.endswith(" 0") else end
def unhealthy(name, port, path, seconds):
    deadline = time.monotonic() + seconds
    while (health := (found := inspect(name))["State"]["Health"])["Status"] != "healthy":
        if end := ended(found["State"]):
            return end
        if health["Status"] == "unhealthy":
            return f"is unhealthy: {health['Log'][-1]['Output'].strip()}"
        if time.monotonic() > deadline:
            return f"is not healthy after {seconds} s"
        time.sleep(0.5)
    address = next(iter(found["NetworkSettings"]["Networks"].values()))["IPAddress"]
    service = http.client.HTTPConnection(address, port, timeout=10)
    try:
        service.request("GET", path)
        status = service.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"does not answer: {error}"
    return "" if status == 200 else f"answers {status}"
def last_lines(name):
    logs = ask("GET", f"/containers/{name}/logs?stdout=1&stderr=1&tail=5").decode(errors="replace")
    return [line[8:] if line[:1] in "\\0\\1\\2" else line for line in logs.splitlines()]
name = asked["name"]
removed(name)
try:
    made(inspect(asked["like"]), name, asked["database"], asked["command"])
    if asked["command"]:
        failed = command_failed(name, asked["seconds"])
    else:
        failed = unhealthy(name, asked["port"], asked["path"], asked["seconds"])
    print(json.dumps({"failed": failed, "log": last_lines(name) if failed else []}))
finally:
    removed(name)
"""


@dataclass(frozen=True, kw_only=True)
class Clone:
    """A container `name` like another one, on another database.

    It runs `command`, or the service, which has to answer `path` with 200. Folders that the other
    one may write into are empty ones in memory.
    """

    name: str
    like: str
    database: str
    command: Sequence[str] = ()
    port: int = 0
    path: str = ""

    def failure(self, server: Server) -> list[str]:
        """Why it does not work on `server`, and what it said; nothing when it does.

        It is gone afterwards. Raises `OpsError` when it cannot be made.
        """
        seconds = _COMMAND_SECONDS if self.command else _HEALTHY_SECONDS
        asked = json.dumps({**asdict(self), "seconds": seconds})
        (found,) = server.python(_SCRIPT, asked, seconds=seconds + 120, root=True)
        if not found["failed"]:
            return []
        return [safe(line) for line in (found["failed"], *found["log"])]
