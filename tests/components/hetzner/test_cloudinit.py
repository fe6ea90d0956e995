"""What a new server is told to do."""

from __future__ import annotations

import base64
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from components.hetzner.cloudinit import CloudInit
from components.hetzner.hostkey import host_key

CLOUD_INIT = CloudInit(
    hostname="server",
    user="deploy",
    authorized_keys=["ssh-ed25519 AAAA someone"],
    host_key=host_key(base64.b64encode(b"k" * 32).decode()),
    device="/dev/disk/by-id/scsi-0HC_Volume_5",
)


def document(cloud_init: CloudInit = CLOUD_INIT) -> dict[str, Any]:
    return cast(dict[str, Any], yaml.safe_load(cloud_init.text()))


def file(path: str, cloud_init: CloudInit = CLOUD_INIT) -> str | None:
    found = [f["content"] for f in document(cloud_init)["write_files"] if f["path"] == path]
    return found[0] if found else None


def test_the_same_input_gives_the_same_text_since_a_new_text_replaces_the_server() -> None:
    assert CLOUD_INIT.text() == replace(CLOUD_INIT).text()


def test_it_is_marked_as_cloud_config() -> None:
    assert CLOUD_INIT.text().startswith("#cloud-config\n")


def test_nobody_logs_in_by_password_or_as_root() -> None:
    sshd = file("/etc/ssh/sshd_config.d/10-manacore.conf") or ""
    assert "PasswordAuthentication no" in sshd
    assert "PermitRootLogin no" in sshd
    assert document()["ssh_pwauth"] is False
    assert document()["users"][0]["lock_passwd"] is True


def test_docker_waits_for_the_data_volume() -> None:
    assert "Requires=manacore-data.service" in (
        file("/etc/systemd/system/docker.service.d/10-data.conf") or ""
    )
    script = file("/usr/local/sbin/manacore-data-volume") or ""
    assert "device=/dev/disk/by-id/scsi-0HC_Volume_5" in script


def test_containers_are_kept_from_the_user_data_and_the_host_key_in_it() -> None:
    script = file("/usr/local/sbin/manacore-hide-metadata") or ""
    assert "DOCKER-USER -d 169.254.169.254 -j REJECT" in script
    drop_in = file("/etc/systemd/system/docker.service.d/20-metadata.conf") or ""
    assert "ExecStartPost=/usr/local/sbin/manacore-hide-metadata" in drop_in


def test_containers_that_docker_gave_up_after_a_boot_are_started_until_none_is_left(
    tmp_path: Path,
) -> None:
    unit = file("/etc/systemd/system/manacore-start-containers.service") or ""
    assert "After=docker.service" in unit
    enabled = [c for c in document()["runcmd"] if c[:2] == ["systemctl", "enable"]]
    assert any("manacore-start-containers.service" in command for command in enabled)
    # The second start is the one that works: the network is there then.
    docker = tmp_path / "docker"
    docker.write_text(
        "#!/bin/sh\n"
        f"cd {tmp_path}\n"
        "case $1 in\n"
        "  ps) [ -e started-2 ] || echo short-id ;;\n"
        "  inspect) echo long-id; echo ;;\n"
        "  start) if [ -e started-1 ]; then touch started-2; else touch started-1; fi\n"
        '         echo "$2" >>asked ;;\n'
        "esac\n"
    )
    docker.chmod(0o755)
    sleep = tmp_path / "sleep"
    sleep.write_text("#!/bin/sh\n")
    sleep.chmod(0o755)
    script = file("/usr/local/sbin/manacore-start-containers") or ""
    done = subprocess.run(
        ["sh", "-c", script], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False, timeout=20
    )
    assert done.returncode == 0
    assert (tmp_path / "asked").read_text().split() == ["long-id", "long-id"]


def test_a_server_without_a_volume_does_not_wait_for_one() -> None:
    bare = replace(CLOUD_INIT, device=None)
    assert file("/etc/systemd/system/manacore-data.service", bare) is None


def test_a_text_beyond_hetzners_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="over 32 KiB"):
        replace(CLOUD_INIT, authorized_keys=["ssh-rsa " + "A" * 700] * 60).text()
