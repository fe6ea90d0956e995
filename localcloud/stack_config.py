"""A stack's configuration for the local cloud: the committed one, completed outside the tree."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from catalog import Catalog
from localcloud.credentials import Credentials
from localcloud.objects.box import StorageBox
from localcloud.objects.store import ENDPOINT
from stacks import second_copy

PROJECT = "manacore"


class StackConfigError(Exception):
    """The engine refused the configuration."""


@dataclass(frozen=True, kw_only=True)
class StackConfig:
    """The files of one stack in `folder`, from those in `root`.

    Only what a local cloud must have its own way is laid over: who logs in, who issues the
    certificates, where backups go, and the secrets, which are encrypted with the local passphrase.
    """

    stack: str
    root: Path
    folder: Path
    credentials: Credentials
    box: StorageBox

    @property
    def file(self) -> Path:
        """The completed configuration."""
        return self.folder / f"Pulumi.{self.stack}.yaml"

    @property
    def has_second_copy(self) -> bool:
        """Whether the committed configuration asks for one."""
        config = _read(self.root / self.file.name)["config"]
        return bool(config.get(f"{PROJECT}:backup", {}).get("copy_to"))

    def write(self) -> None:
        """Write both files; secrets that are there already are kept."""
        self.folder.mkdir(parents=True, exist_ok=True)
        project = _read(self.root / "Pulumi.yaml")
        # The program stays in the tree: the plain command line finds it from here too.
        project["main"] = str(self.root)
        if isinstance(runtime := project.get("runtime"), dict):
            options = cast("dict[str, Any]", runtime).setdefault("options", {})
            options["virtualenv"] = str(self.root / ".venv")
        (self.folder / "Pulumi.yaml").write_text(yaml.safe_dump(project, sort_keys=False))
        merged = overlaid(_read(self.root / self.file.name), self.credentials, self.box, self.stack)
        if self.file.exists():
            before = _read(self.file)
            if "encryptionsalt" in before:
                merged["encryptionsalt"] = before["encryptionsalt"]
                kept = dict(before.get("config", {}).get(f"{PROJECT}:secrets") or {})
                if not self.has_second_copy:
                    kept.pop(second_copy.SECRET, None)
                if kept:
                    merged["config"][f"{PROJECT}:secrets"] = kept
        self.file.write_text(yaml.safe_dump(merged, sort_keys=False))

    def ensure_stack(self, engine: Path, variables: Mapping[str, str], catalog: Catalog) -> None:
        """Make the stack in the backend, and encrypt the secrets that the catalogue asks for."""
        pulumi = _Engine(engine, self.folder, variables)
        listed = json.loads(pulumi.run("stack", "ls", "--json"))
        if self.stack not in [str(found["name"]).rsplit("/", 1)[-1] for found in listed]:
            pulumi.run("stack", "init", self.stack)
        held = _read(self.file)["config"].get(f"{PROJECT}:secrets", {})
        values = self.credentials.service_secrets(catalog.secret_names)
        if self.has_second_copy:
            values[second_copy.SECRET] = self.credentials.copy_key.read_text()
        missing = {name: value for name, value in values.items() if name not in held}
        if missing:
            pairs: list[str] = []
            for name, value in missing.items():
                pairs += ["--secret", f"{PROJECT}:secrets.{name}={value}"]
            pulumi.run("config", "set-all", "--stack", self.stack, "--path", *pairs)


def overlaid(
    committed: Mapping[str, Any], credentials: Credentials, box: StorageBox, stack: str
) -> dict[str, Any]:
    """The committed configuration with what is the local cloud's own."""
    config: dict[str, Any] = dict(committed["config"])
    ssh = dict(config.get(f"{PROJECT}:ssh", {}))
    ssh["keys"] = {"local": credentials.public_key(stack)}
    ssh["identity_file"] = str(credentials.private_key(stack))
    config[f"{PROJECT}:ssh"] = ssh
    tls = dict(config.get(f"{PROJECT}:tls", {}))
    tls["issuer"] = "internal"
    config[f"{PROJECT}:tls"] = tls
    backup = dict(config.get(f"{PROJECT}:backup", {}))
    if backup.get("copy_to"):
        backup |= {"copy_to": box.address(stack), "copy_host_key": box.host_key}
    config[f"{PROJECT}:backup"] = {**backup, "endpoint": ENDPOINT}
    config.pop(f"{PROJECT}:secrets", None)
    # Nobody signs what is made here.
    config.pop(f"{PROJECT}:image_key", None)
    kept = {key: value for key, value in committed.items() if key != "encryptionsalt"}
    return {**kept, "config": config}


def seed(root: Path) -> dict[str, Any]:
    """What exists at the vendors before the program runs: accounts, zones, repositories.

    Of all stacks, so that several can run in one local cloud.
    """
    zones: dict[str, str] = {}
    repositories: list[str] = []
    account = owner = ""
    for file in sorted(root.glob("Pulumi.*.yaml")):
        config = _read(file).get("config", {})
        cloudflare = config.get(f"{PROJECT}:cloudflare", {})
        github = config.get(f"{PROJECT}:github", {})
        account = str(cloudflare.get("account") or account)
        zones |= cloudflare.get("zones", {})
        owner = str(github.get("owner") or owner)
        if repository := github.get("repository"):
            repositories.append(str(repository))
    return {
        "hetzner": {},
        "cloudflare": {
            "account_id": account,
            "zones": [{"name": name, "id": identity} for name, identity in zones.items()],
        },
        "github": {"owner": owner, "repositories": list(dict.fromkeys(repositories))},
    }


@dataclass(frozen=True)
class _Engine:
    binary: Path
    folder: Path
    variables: Mapping[str, str]

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [str(self.binary), "--non-interactive", "--cwd", str(self.folder), *arguments],
            env={**os.environ, **self.variables},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            # Never the arguments: they may hold secrets.
            raise StackConfigError(f"pulumi {' '.join(arguments[:2])}: {done.stderr.strip()}")
        return done.stdout


def _read(file: Path) -> dict[str, Any]:
    return cast("dict[str, Any]", yaml.safe_load(file.read_text(encoding="utf-8")) or {})
