"""A real server of the local cloud: booted with the program's own cloud-init, cut off, replaced."""

from __future__ import annotations

import base64
import subprocess
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.hetzner.cloudinit import CloudInit
from components.hetzner.hostkey import HostKey, host_key
from localcloud.home import Home
from localcloud.machines.docker import DockerMachines
from localcloud.machines.machine import MachineError, MachineSpec
from localcloud.machines.outer import docker

pytestmark = pytest.mark.local

# Numbers and addresses that no running local cloud uses.
SERVER, OTHER, VOLUME, NETWORK = 9_900_001, 9_900_002, 9_900_003, 9_900_004
ADDRESS = "198.51.100.240"
PRIVATE = "10.99.0.2"
BOOT_SECONDS = 90.0


@dataclass(frozen=True, kw_only=True)
class Site:
    """Machines, and how to log in to the server of the test."""

    machines: DockerMachines
    identity: Path
    pinned: HostKey

    def user_data(self) -> str:
        return CloudInit(
            hostname="probe",
            user="deploy",
            authorized_keys=[self.identity.with_suffix(".pub").read_text().strip()],
            host_key=self.pinned,
            device=f"/dev/disk/by-id/scsi-0HC_Volume_{VOLUME}",
        ).text()

    def boot(self, server_id: int) -> None:
        self.machines.create(
            MachineSpec(
                id=server_id,
                name="probe",
                image="debian-13",
                user_data=self.user_data(),
                public_ipv4=ADDRESS,
            )
        )
        self.machines.attach_network(server_id, NETWORK, PRIVATE)
        self.machines.attach_volume(server_id, VOLUME)
        self.wait_ready()

    def ssh(
        self, command: str, *, user: str = "deploy", key: HostKey | None = None, options: str = ""
    ) -> subprocess.CompletedProcess[str]:
        pinned = (key or self.pinned).public
        settings = [
            f"IdentityFile={self.identity}", "IdentitiesOnly=yes", "BatchMode=yes",
            "StrictHostKeyChecking=yes", "UserKnownHostsFile=/dev/null",
            "GlobalKnownHostsFile=/dev/null", f"KnownHostsCommand=/bin/echo %H {pinned}",
            "ConnectTimeout=5", "LogLevel=ERROR", *options.split(),
        ]  # fmt: skip
        return subprocess.run(
            ["ssh", *(p for s in settings for p in ("-o", s)), f"{user}@{ADDRESS}", command],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def wait_ready(self) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        while True:
            done = self.ssh("cloud-init status --wait && docker version && mountpoint /mnt/data")
            if done.returncode == 0:
                return
            if time.monotonic() > deadline:
                raise AssertionError(f"not ready: {done.stdout}{done.stderr}")
            time.sleep(0.2)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Generator[Site]:
    identity = tmp_path_factory.mktemp("keys") / "id"
    subprocess.run(["ssh-keygen", "-qt", "ed25519", "-N", "", "-f", str(identity)], check=True)
    machines = DockerMachines(Home.from_environment())
    site = Site(
        machines=machines,
        identity=identity,
        pinned=host_key(base64.b64encode(b"pinned host key of the test 0000").decode()),
    )
    remove(machines)
    machines.create_network(NETWORK, "10.99.0.0/16")
    machines.create_volume(VOLUME, 10, "ext4")
    site.boot(SERVER)
    yield site
    remove(machines)


def remove(machines: DockerMachines) -> None:
    machines.delete(SERVER)
    machines.delete(OTHER)
    machines.delete_volume(VOLUME)
    machines.delete_network(NETWORK)


def test_only_the_deploy_key_and_the_pinned_host_key_open_it(site: Site) -> None:
    assert site.ssh("whoami").stdout.strip() == "deploy"
    assert site.ssh("whoami", user="root").returncode == 255
    methods = site.ssh("whoami", options="PubkeyAuthentication=no").stderr
    assert "Permission denied (publickey)" in methods, "no password, no keyboard"
    other = host_key(base64.b64encode(b"a host key that is not its own 0").decode())
    assert "Host key verification failed" in site.ssh("whoami", key=other).stderr


def test_cloud_init_found_nothing_to_complain_about(site: Site) -> None:
    status = site.ssh("cloud-init status --long; sudo cloud-init schema --system")
    assert status.returncode == 0, status.stdout + status.stderr
    assert "recoverable_errors: {}" in status.stdout
    assert site.ssh("systemctl is-system-running --wait").stdout.strip() == "running"


def test_docker_runs_as_configured(site: Site) -> None:
    told = site.ssh("docker info --format '{{.LiveRestoreEnabled}} {{.LoggingDriver}}'")
    assert told.stdout.split() == ["true", "json-file"]


def test_it_has_its_private_address_and_an_offline_repository(site: Site) -> None:
    assert PRIVATE in site.ssh("ip -br -4 address").stdout
    installed = site.ssh("sudo apt-get install -y -qq jq >/dev/null && jq --version")
    assert installed.stdout.startswith("jq-"), installed.stderr


def test_the_registry_has_the_public_names(site: Site) -> None:
    assert site.ssh("getent hosts ghcr.io").stdout.split()[0] == "198.51.100.2"
    assert site.ssh("test -e /etc/ssl/certs/manacore-local.pem").returncode == 0


def test_a_power_cut_loses_nothing(site: Site) -> None:
    assert site.ssh("echo kept | sudo tee /mnt/data/power && sync").returncode == 0
    site.machines.power_off(SERVER)
    assert site.machines.status(SERVER) == "off"
    site.machines.power_on(SERVER)
    site.wait_ready()
    assert site.ssh("cat /mnt/data/power").stdout.strip() == "kept"
    assert PRIVATE in site.ssh("ip -br -4 address").stdout


def test_a_detached_volume_takes_its_mount_away(site: Site) -> None:
    assert site.ssh("sudo systemctl stop docker.socket docker").returncode == 0
    site.machines.detach_volume(SERVER, VOLUME)
    assert site.ssh("mountpoint -q /mnt/data").returncode != 0
    site.machines.attach_volume(SERVER, VOLUME)
    assert site.ssh("sudo systemctl restart manacore-data docker").returncode == 0
    site.wait_ready()


def test_the_volume_moves_to_the_server_that_replaces_it_and_nothing_is_left(site: Site) -> None:
    assert site.ssh("echo moved | sudo tee /mnt/data/moved && sync").returncode == 0
    with pytest.raises(MachineError, match="is attached"):
        site.machines.delete_volume(VOLUME)
    site.machines.delete(SERVER)
    assert site.machines.status(SERVER) == "missing"
    site.boot(OTHER)
    assert site.ssh("cat /mnt/data/moved").stdout.strip() == "moved"
    remove(site.machines)
    left = docker("ps", "--all", "--format", "{{.Names}}") + docker("volume", "ls", "--quiet")
    left += docker("network", "ls", "--format", "{{.Name}}")
    assert not [number for number in (SERVER, OTHER, NETWORK) if str(number) in left]
    with pytest.raises(MachineError, match=f"server {OTHER} does not exist"):
        site.machines.attach_volume(OTHER, VOLUME)
