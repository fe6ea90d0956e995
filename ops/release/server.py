"""A server's side of a release: what the edge counts, how containers are, and smoke tests."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from components.edge.pointers import Pointers, flip
from ops import ssh
from ops.failures import OpsError

# What a database's client prints may end in a receipt, and receipts are in git.
_CREDENTIALS = re.compile(r"(?<=://)[^\s/]*:[^\s]*@")
_METRICS = "http://127.0.0.1:9180/metrics"
# Asks new slots on the server itself: each by its own address first, then through the edge, whose
# certificate is not judged here (a local cloud has its own authority).
_SMOKE = """\
import concurrent.futures, http.client, json, socket, ssl, subprocess, sys
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
def get(connection, path, headers):
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read(300).decode(errors="replace").strip()
        return "" if answer.status == 200 else f"answers {answer.status}: {body}"
    except (OSError, http.client.HTTPException) as error:
        return f"does not answer: {error or type(error).__name__}"
class Edge(http.client.HTTPSConnection):
    def connect(self):
        plain = socket.create_connection(("127.0.0.1", 443), self.timeout)
        self.sock = context.wrap_socket(plain, server_hostname=self.host)
def judge(asked):
    inspect = ["docker", "inspect", "--format"]
    template = "{{.RestartCount}} {{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
    found = subprocess.run([*inspect, template, asked["container"]], capture_output=True, text=True)
    restarts, *addresses = found.stdout.split() or ["0"]
    failed = "has no address" if not addresses else ""
    # It may answer just now, between two ends.
    if restarts != "0":
        failed = f"has ended and been started again, {restarts} times so far"
        addresses = []
    if addresses:
        direct = http.client.HTTPConnection(addresses[0], asked["port"], timeout=10)
        failed = get(direct, asked["path"], {})
    if not failed and asked["host"]:
        edge = Edge(asked["host"], timeout=10)
        failed = get(edge, asked["path"], {"X-Manacore-Slot": asked["slot"]})
        failed = failed and f"through the edge: {failed}"
    return json.dumps({"container": asked["container"], "failed": failed})
# A set of slots that all hang is known to hang in a minute or two.
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    print(*pool.map(judge, json.load(sys.stdin)), sep="\\n")
"""


@dataclass(frozen=True, kw_only=True)
class Smoke:
    """What to ask of a new slot. `host` is None for a service that is not public."""

    container: str
    slot: str
    port: int
    path: str
    host: str | None


@dataclass(frozen=True)
class Server:
    """A server of the stack's outputs, asked by ssh."""

    name: str
    output: Mapping[str, Any]

    @classmethod
    def of(cls, outputs: Mapping[str, Any], name: str) -> Server:
        """The server of that name in a stack's outputs."""
        return cls(name, cast("Mapping[str, Any]", outputs["servers"][name]))

    def metrics(self) -> str:
        """The edge's figures as Prometheus reads them; raises `OpsError`."""
        return self._run(f"docker exec edge-holder wget -q -O - {_METRICS}")

    def inspect(self, containers: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """What Docker says of these containers, without those that it does not have.

        Raises `OpsError` when Docker does not say it: a daemon that restarts has lost nothing.
        """
        done = ssh.run(self.output, shlex.join(["docker", "inspect", *containers]))
        told = cast("list[Mapping[str, Any]]", self._json(done.stdout or "[]"))
        found = {str(one["Name"]).removeprefix("/"): one for one in told}
        said = done.stderr.lower()
        gone = [f"no such object: {name}" for name in containers if name not in found]
        if done.returncode != 0 and not (gone and all(line in said for line in gone)):
            raise self._refused(done)
        return found

    def memory(self) -> tuple[int, dict[str, int]]:
        """Memory of the server, and the limit of each container that runs by its name; in MiB.

        Raises `OpsError`.
        """
        total, *containers = self._run(
            "grep MemTotal /proc/meminfo; docker ps -q | xargs -r docker inspect"
            " --format '{{.Name}} {{.HostConfig.Memory}}'"
        ).splitlines()
        named = (line.removeprefix("/").rpartition(" ") for line in containers)
        limits = {name: int(limit) // (1024 * 1024) for name, _, limit in named}
        return int(total.split()[1]) // 1024, limits

    def disks(self) -> str:
        """The file systems as `df` tells them: bytes, free ones, inodes, free ones, and where.

        Raises `OpsError`.
        """
        # By root: else those under Docker's folders are not told.
        # One that cannot be told makes exit code 1, and the others are told.
        asked = "sudo df --block-size=1 --output=size,avail,itotal,iavail,target"
        return self._run(f"{asked} || test $? = 1")

    def images(self) -> list[dict[str, Any]]:
        """All images of the server, as Docker describes them."""
        told = self._run(
            "docker image ls --all --quiet --no-trunc | sort --unique"
            " | xargs -r docker image inspect --format '{{json .}}'"
        )
        return [json.loads(line) for line in told.splitlines() if line]

    def images_in_use(self) -> list[str]:
        """The ids of the images that containers have, running ones or not."""
        told = self._run("docker ps --all --quiet | xargs -r docker inspect --format '{{.Image}}'")
        return told.split()

    def remove_images(self, identities: Sequence[str]) -> None:
        """Remove images with all their names; one that a container took meanwhile stays."""
        if identities:
            names = " ".join(map(shlex.quote, identities))
            self._run(f"docker image rm --force {names} >/dev/null 2>&1 || true")

    def flip(self, pointers: Pointers) -> None:
        """Make these pointers of the server's edge live; raises `OpsError`."""
        self._run(flip(), pointers.bundle)

    def smoke(self, slots: Sequence[Smoke]) -> dict[str, str]:
        """What is wrong with each new slot, by container; empty when nothing is."""
        asked = json.dumps([vars(slot) for slot in slots])
        lines = self.python(_SMOKE, asked, seconds=300)
        return {line["container"]: safe(line["failed"]) for line in lines if line["failed"]}

    def run(self, container: str, command: Sequence[str], stdin: str = "") -> str:
        """Run a command in a container; raises `OpsError` with the end of what it printed."""
        return self._run(_inside(container, command, stdin), stdin, seconds=1800)

    def python(self, program: str, stdin: str, *, seconds: float, root: bool = False) -> list[Any]:
        """What a Python program says on the server, a line of JSON each.

        Raises `OpsError` when it fails, or says something else.
        """
        sudo = ["sudo"] if root else []
        told = self._run(shlex.join([*sudo, "python3", "-c", program]), stdin, seconds)
        return [self._json(line) for line in told.splitlines()]

    def script(self, text: str, arguments: Sequence[str], *, seconds: float) -> str:
        """What a bash script prints on the server; raises `OpsError` when it fails."""
        return self._run(shlex.join(["bash", "-s", "--", *arguments]), text, seconds)

    def answer(
        self, container: str, command: Sequence[str], seconds: float, stdin: str = ""
    ) -> tuple[Any, bool]:
        """What a command in a container answers in JSON, and whether it found all well.

        Its exit code 1 says that it did not. Raises `OpsError` when there is no answer.
        """
        done = ssh.run(self.output, _inside(container, command, stdin), stdin, seconds)
        if done.returncode not in (0, 1) or not done.stdout.strip():
            raise self._refused(done)
        return self._json(done.stdout), done.returncode == 0

    def _run(self, command: str, stdin: str = "", seconds: float = ssh.PATIENCE_SECONDS) -> str:
        done = ssh.run(self.output, command, stdin, seconds)
        if done.returncode != 0:
            raise self._refused(done)
        return done.stdout

    @property
    def _address(self) -> str:
        return ssh.address(self.output)

    def _json(self, told: str) -> Any:  # noqa: ANN401 - Docker's JSON, or the script's
        try:
            return json.loads(told)
        except ValueError as error:
            raise OpsError(f"{self._address} answered with no JSON.", [told[:200]]) from error

    def _refused(self, done: ssh.Done) -> OpsError:
        said = safe(done.stderr.strip() or done.stdout.strip()).splitlines()[-5:]
        if done.returncode == ssh.UNREACHABLE:
            return OpsError(f"{self._address} cannot be reached by ssh.", said)
        return OpsError(f"{self._address} refused: exit code {done.returncode}", said)


def _inside(container: str, command: Sequence[str], stdin: str) -> str:
    return shlex.join(["docker", "exec", *(["-i"] if stdin else []), container, *command])


def safe(told: str) -> str:
    """A text without the credentials of URLs."""
    return _CREDENTIALS.sub("***@", told)
