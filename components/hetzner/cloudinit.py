"""What a new server does first: the `#cloud-config` text, as a pure function.

Reference: https://cloudinit.readthedocs.io/en/latest/reference/modules.html
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from components.hetzner.hostkey import HostKey

DATA_ROOT = "/mnt/data"
_MAXIMUM = 32 * 1024

_SSHD = """\
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
AllowUsers {user}
# Every connection of the Docker client is a session: the defaults (10:30:100, 10) refuse some.
MaxStartups 200:30:400
MaxSessions 200
"""

_DAEMON: dict[str, Any] = {
    "live-restore": True,
    "log-driver": "json-file",
    "log-opts": {"max-size": "10m", "max-file": "3"},
    # Away from the private network (10.0.0.0/16) and from what home networks use.
    "default-address-pools": [{"base": "172.20.0.0/14", "size": 24}],
    "userland-proxy": False,
}

_UPGRADES = """\
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
"""

# Docker waits for this unit, so that no database ever starts on the root disk because the volume
# is late: the device appears when the volume is attached, which is after the server's first boot.
_VOLUME_UNIT = """\
[Unit]
Description=Data volume
Before=docker.service

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=infinity
ExecStart=/usr/local/sbin/manacore-data-volume

[Install]
WantedBy=multi-user.target
"""

_VOLUME_SCRIPT = """\
#!/bin/sh
set -eu
device={device}
until [ -e "$device" ]; do sleep 1; done
mkdir -p {root}
mountpoint -q {root} || mount -t ext4 -o defaults,discard "$device" {root}
chmod 0711 {root}
"""

_DOCKER_DROP_IN = """\
[Unit]
Requires=manacore-data.service
After=manacore-data.service
"""

# Docker starts containers in any order after a boot, and gives up one that joins the network of
# another which does not run yet. It notes why; one that somebody stopped has no such note.
_STARTER = """\
#!/bin/sh
set -u
failed() {
  docker ps --all --quiet --filter status=created --filter status=exited |
    xargs --no-run-if-empty docker inspect --format \
      '{{if and .State.Error (ne .HostConfig.RestartPolicy.Name "no")}}{{.Id}}{{end}}' |
    grep .
}
until docker version >/dev/null 2>&1; do sleep 1; done
while ids=$(failed); do
  docker start $ids >/dev/null
  sleep 2
done
"""

_STARTER_UNIT = """\
[Unit]
Description=Start containers that Docker gave up
After=docker.service
PartOf=docker.service

[Service]
ExecStart=/usr/local/sbin/manacore-start-containers

[Install]
WantedBy=docker.service
"""

# The vendor's metadata service tells anyone on the server its user data, and with it the private
# host key: containers have no business there. The chain is the one that Docker leaves to others.
_METADATA_SCRIPT = """\
#!/bin/sh
set -eu
rule="DOCKER-USER -d 169.254.169.254 -j REJECT"
iptables -w -C $rule 2>/dev/null || iptables -w -I $rule
"""

_METADATA_DROP_IN = """\
[Service]
ExecStartPost=/usr/local/sbin/manacore-hide-metadata
"""


@dataclass(frozen=True, kw_only=True)
class CloudInit:
    """`device` is the data volume's path, None on a server without one."""

    hostname: str
    user: str
    authorized_keys: Sequence[str]
    host_key: HostKey
    device: str | None

    def text(self) -> str:
        """The user data. Raises `ValueError` beyond Hetzner's limit of 32 KiB."""
        text = "#cloud-config\n" + json.dumps(self._document(), indent=1)
        if len(text.encode()) > _MAXIMUM:
            raise ValueError(f"user data of {self.hostname} is over 32 KiB: use fewer SSH keys")
        return text

    def _document(self) -> dict[str, Any]:
        return {
            "hostname": self.hostname,
            "users": [
                {
                    "name": self.user,
                    "groups": "docker",
                    "shell": "/bin/bash",
                    "sudo": "ALL=(ALL) NOPASSWD:ALL",
                    "lock_passwd": True,
                    "ssh_authorized_keys": list(self.authorized_keys),
                }
            ],
            "disable_root": True,
            "ssh_pwauth": False,
            "ssh_deletekeys": True,
            "ssh_keys": {
                "ed25519_private": self.host_key.private,
                "ed25519_public": self.host_key.public,
            },
            "package_update": True,
            "packages": [
                "docker.io",
                "docker-cli",
                "docker-compose",
                "python3",
                "unattended-upgrades",
            ],
            "write_files": self._files(),
            "runcmd": self._commands(),
        }

    def _files(self) -> list[dict[str, str]]:
        files = [
            _file("/etc/ssh/sshd_config.d/10-manacore.conf", _SSHD.format(user=self.user)),
            _file("/etc/docker/daemon.json", json.dumps(_DAEMON, indent=1)),
            _file("/etc/apt/apt.conf.d/20auto-upgrades", _UPGRADES),
            _file("/usr/local/sbin/manacore-hide-metadata", _METADATA_SCRIPT, mode="0755"),
            _file("/etc/systemd/system/docker.service.d/20-metadata.conf", _METADATA_DROP_IN),
            _file("/usr/local/sbin/manacore-start-containers", _STARTER, mode="0755"),
            _file("/etc/systemd/system/manacore-start-containers.service", _STARTER_UNIT),
        ]
        if self.device:
            script = _VOLUME_SCRIPT.format(device=self.device, root=DATA_ROOT)
            files += [
                _file("/usr/local/sbin/manacore-data-volume", script, mode="0755"),
                _file("/etc/systemd/system/manacore-data.service", _VOLUME_UNIT),
                _file("/etc/systemd/system/docker.service.d/10-data.conf", _DOCKER_DROP_IN),
            ]
        return files

    def _commands(self) -> list[list[str]]:
        volume = [["systemctl", "enable", "manacore-data.service"]] if self.device else []
        return [
            ["install", "-d", "-m", "0711", "/srv/manacore", DATA_ROOT],
            ["systemctl", "daemon-reload"],
            *volume,
            ["systemctl", "reload-or-restart", "ssh.service"],
            ["systemctl", "enable", "docker.service", "manacore-start-containers.service"],
            # Stopped first, so that nobody talks to a Docker that is about to go; its socket keeps
            # callers waiting. Not waited for: the volume may be attached later than this runs.
            ["systemctl", "stop", "docker.service"],
            ["systemctl", "start", "--no-block", "docker.service"],
        ]


def _file(path: str, content: str, mode: str = "0644") -> dict[str, str]:
    return {"path": path, "content": content, "permissions": mode}
