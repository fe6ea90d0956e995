"""Servers as containers of the outer Docker, each with its own systemd, sshd and Docker.

Everything that is known about them is kept by Docker itself (names, labels, volumes), so nothing
here can disagree with what runs, and a restarted daemon brings back the servers that were on.
"""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from localcloud.home import Home
from localcloud.machines.image import Say, server_image, silent
from localcloud.machines.machine import MachineError, MachineSpec, MachineStatus
from localcloud.machines.outer import (
    LABEL,
    PUBLIC_NETWORK,
    REGISTRY_IP,
    REGISTRY_NAMES,
    docker,
    ensure_public_network,
    exists,
    inspect,
    remove,
)
from localcloud.registry.authority import Authority

# All volumes lie in one Docker volume that every server mounts: Docker cannot add a mount to a
# running container, and a volume must be attachable to one.
SHELF = "manacore-volumes"
_SHELF_LABEL = "manacore.shelf"
SHELF_PATH = "/var/lib/machine-volumes"
# For servers without a public address: a container needs a network to be put on others later.
ISOLATED_NETWORK = "manacore-isolated"
STORAGE = {"docker": "/var/lib/docker", "containerd": "/var/lib/containerd"}
# What systemd and an inner Docker need, short of `--privileged`, which some daemons refuse.
RIGHTS = (
    "--cap-add", "ALL",
    "--security-opt", "seccomp=unconfined",
    "--security-opt", "systempaths=unconfined",
    "--security-opt", "apparmor=unconfined",
    "--cgroupns", "private",
    "--tmpfs", "/run", "--tmpfs", "/run/lock",
    "--stop-signal", "SIGRTMIN+3", "--stop-timeout", "60",
)  # fmt: skip

# Not every machine has it to give. An older Docker then fails to start what was not told to do
# without; a newer one leaves it out by itself, and refuses to hear of it.
_WITHOUT = ("--cap-drop", "SYS_RESOURCE")
_UNHEARD_OF = "invalid CapDrop"


@dataclass(frozen=True)
class DockerMachines:
    """The `Machines` protocol on the outer Docker.

    Volumes are folders: they keep their data, move between servers and are bound where the server
    mounts them, but their size is not enforced.
    """

    home: Home
    say: Say = silent

    def prepare(self) -> str:
        """Build what every server needs, so that `create` is quick; returns the image's name."""
        image = server_image().ensure(self.home, self.say)
        ensure_public_network()
        if not exists("volume", SHELF):
            docker("volume", "create", "--label", LABEL, SHELF)
        return image

    def create(self, spec: MachineSpec) -> None:
        """Make the server's container with its cloud-init seed, and start it."""
        name = _server(spec.id)
        state = inspect("container", name, "{{.State.Status}}")
        if state not in (None, "created"):
            return
        if state == "created":  # A create that was cut off before the start.
            self.delete(spec.id)
        image = self.prepare()
        authority = Authority(folder=self.home.local / "ca")
        authority.ensure()
        network = ["--network", PUBLIC_NETWORK, "--ip", spec.public_ipv4 or ""]
        if spec.public_ipv4 is None:
            _ensure_internal(ISOLATED_NETWORK, None)
            network = ["--network", ISOLATED_NETWORK]
        hosts = [f"--add-host={host}:{REGISTRY_IP}" for host in REGISTRY_NAMES]
        disks = [f"--volume={name}-{part}:{path}" for part, path in STORAGE.items()]
        for part in STORAGE:
            docker("volume", "create", "--label", LABEL, f"{name}-{part}")
        create_container(
            "--name", name, "--hostname", spec.name, "--label", LABEL,
            "--label", f"manacore.server={spec.id}", *_labels(spec),
            # Back after the outer daemon was restarted, and after a reboot from the inside.
            "--restart", "unless-stopped",
            *RIGHTS, *network, *hosts, *disks, f"--volume={SHELF}:{SHELF_PATH}",
            "--env", f"MACHINE_ID={spec.id}", image,
        )  # fmt: skip
        files = {
            "var/lib/cloud/seed/nocloud/meta-data": _meta_data(spec),
            "var/lib/cloud/seed/nocloud/user-data": spec.user_data or "#cloud-config\n{}\n",
            "usr/local/share/ca-certificates/manacore-local.crt": (
                authority.certificate.read_text()
            ),
        }
        docker("cp", "-", f"{name}:/", stdin=_archive(files))
        docker("start", name)

    def delete(self, server_id: int) -> None:
        """Remove container and storage; what was attached is free again."""
        name = _server(server_id)
        remove("container", name, ("--force", "--volumes"))
        for part in STORAGE:
            remove("volume", f"{name}-{part}")
        if exists("volume", SHELF):
            self._shelf('rm -rf "attached/$1"', server_id)

    def power_on(self, server_id: int) -> None:
        """Start the container; one that runs stays as it is."""
        docker("start", self._existing(server_id))

    def power_off(self, server_id: int) -> None:
        """Kill it: nothing inside gets to know."""
        name = self._existing(server_id)
        if self.status(server_id) == "running":
            docker("kill", name)
        _wait(lambda: self.status(server_id) == "off", f"server {server_id} does not stop")

    def reset(self, server_id: int) -> None:
        """Cut the power and start again."""
        self.power_off(server_id)
        self.power_on(server_id)

    def shutdown(self, server_id: int) -> None:
        """Let systemd stop everything in order, for a minute at most."""
        docker("stop", self._existing(server_id))

    def status(self, server_id: int) -> MachineStatus:
        """What Docker says about the container."""
        state = inspect("container", _server(server_id), "{{.State.Status}}")
        if state is None:
            return "missing"
        return "running" if state in ("running", "restarting") else "off"

    def create_network(self, network_id: int, ip_range: str) -> None:
        """Make an internal network: like the vendor's, it is no way out."""
        _ensure_internal(_network(network_id), ip_range)

    def delete_network(self, network_id: int) -> None:
        """Take everything off the network and remove it."""
        name = _network(network_id)
        attached = inspect("network", name, "{{range .Containers}}{{.Name}} {{end}}")
        for container in (attached or "").split():
            docker("network", "disconnect", "--force", name, container)
        remove("network", name)

    def attach_network(self, server_id: int, network_id: int, ip: str) -> None:
        """Connect the server with this address, whether it runs or not."""
        name, network = self._existing(server_id), _network(network_id)
        if not exists("network", network):
            raise MachineError(f"network {network_id} does not exist")
        current = _addresses(name).get(network)
        if current == ip:
            return
        if current is not None:
            docker("network", "disconnect", "--force", network, name)
        docker("network", "connect", "--ip", ip, network, name)

    def detach_network(self, server_id: int, network_id: int) -> None:
        """Disconnect the server."""
        name, network = self._existing(server_id), _network(network_id)
        if network in _addresses(name):
            docker("network", "disconnect", "--force", network, name)

    def create_volume(self, volume_id: int, size_gb: int, filesystem: str | None) -> None:
        """Make an empty folder; size and file system are the vendor's business, not kept here."""
        del size_gb, filesystem
        self.prepare()
        self._shelf('mkdir -p "data/$1"', volume_id)

    def delete_volume(self, volume_id: int) -> None:
        """Remove the folder; one that is attached is refused."""
        if exists("volume", SHELF):
            self._shelf(
                'for a in attached/*/"$1"; do if [ -e "$a" ]; then '
                'echo "volume $1 is attached: $a" >&2; exit 1; fi; done; rm -rf "data/$1"',
                volume_id,
            )

    def attach_volume(self, server_id: int, volume_id: int) -> None:
        """Note the attachment on the shelf; a server that runs sees the disk at once."""
        name = self._existing(server_id)
        self._shelf(
            '[ -d "data/$2" ] || { echo "volume $2 does not exist" >&2; exit 1; }; '
            'for a in attached/*/"$2"; do if [ -e "$a" ] && [ "$a" != "attached/$1/$2" ]; then '
            'echo "volume $2 is attached: $a" >&2; exit 1; fi; done; '
            'mkdir -p "attached/$1"; : > "attached/$1/$2"',
            server_id,
            volume_id,
        )
        self._rescan(server_id, name)

    def detach_volume(self, server_id: int, volume_id: int) -> None:
        """Remove the note; a server that runs loses the disk and what is mounted from it."""
        name = self._existing(server_id)
        self._shelf('rm -f "attached/$1/$2"', server_id, volume_id)
        self._rescan(server_id, name)

    def clear(self) -> None:
        """Remove all servers, their networks and volumes, found by name and label alone."""
        # Of a script on the shelf one is left when its caller was killed before it began.
        for label in ("manacore.server", _SHELF_LABEL):
            for container in _listed("container", "--all", "--filter", f"label={label}"):
                remove("container", container, ("--force", "--volumes"))
        for volume in _listed("volume"):
            if volume == SHELF or volume.startswith("manacore-server-"):
                remove("volume", volume)
        for network in _listed("network"):
            if network.startswith("manacore-network-"):
                self.delete_network(int(network.rsplit("-", 1)[1]))
            elif network == ISOLATED_NETWORK:
                remove("network", network)

    def _existing(self, server_id: int) -> str:
        name = _server(server_id)
        if not exists("container", name):
            raise MachineError(f"server {server_id} does not exist")
        return name

    def _rescan(self, server_id: int, name: str) -> None:
        if self.status(server_id) == "running":
            docker("exec", name, "/usr/local/sbin/machine-disks")

    def _shelf(self, script: str, *arguments: int) -> None:
        """Run a shell script in the folder of all volumes."""
        image = server_image().ensure(self.home, self.say)
        docker(
            "run", "--rm", "--label", LABEL, "--label", _SHELF_LABEL, "--network", "none",
            "--entrypoint", "/bin/sh", "--volume", f"{SHELF}:/shelf", "--workdir", "/shelf", image,
            "-euc", script, "sh", *map(str, arguments),
        )  # fmt: skip


def _server(server_id: int) -> str:
    return f"manacore-server-{server_id}"


def _network(network_id: int) -> str:
    return f"manacore-network-{network_id}"


def create_container(*arguments: str) -> None:
    """`docker create`, without what a machine may not have to give; raises `MachineError`."""
    try:
        docker("create", *_WITHOUT, *arguments)
    except MachineError as error:
        if _UNHEARD_OF not in str(error):
            raise
        docker("create", *arguments)


def _labels(spec: MachineSpec) -> list[str]:
    """The vendor's labels, under a prefix of their own, and the vendor's name of the server."""
    named = {"manacore.server.name": spec.name}
    named |= {f"hcloud.{key}": value for key, value in sorted(spec.labels.items())}
    return [f"--label={key}={value}" for key, value in named.items()]


def _meta_data(spec: MachineSpec) -> str:
    """NoCloud's meta-data; JSON is YAML. A new instance id makes cloud-init run."""
    return json.dumps(
        {
            "instance-id": str(spec.id),
            "local-hostname": spec.name,
            "public-keys": list(spec.ssh_keys),
        }
    )


def _archive(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, text in files.items():
            content = text.encode()
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            entry.mode = 0o600 if "seed" in path else 0o644
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _ensure_internal(name: str, ip_range: str | None) -> None:
    if exists("network", name):
        return
    subnet = ["--subnet", ip_range] if ip_range else []
    docker("network", "create", "--label", LABEL, "--internal", *subnet, name)


def _addresses(container: str) -> dict[str, str]:
    """The networks a container is on, with the address that was asked for on each."""
    template = (
        "{{range $name, $n := .NetworkSettings.Networks}}{{$name}} "
        "{{with $n.IPAMConfig}}{{.IPv4Address}}{{end}}\n{{end}}"
    )
    lines = (inspect("container", container, template) or "").splitlines()
    pairs = [line.split(" ", 1) for line in lines if line.strip()]
    return {pair[0]: pair[1].strip() if len(pair) > 1 else "" for pair in pairs}


def _listed(kind: str, *options: str) -> Sequence[str]:
    template = "{{.Names}}" if kind == "container" else "{{.Name}}"
    return docker(
        kind, "ls", "--filter", f"label={LABEL}", "--format", template, *options
    ).split()  # fmt: skip


def _wait(condition: Callable[[], bool], complaint: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise MachineError(complaint)
        time.sleep(0.05)
