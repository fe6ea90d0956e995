"""The second copy's configuration: all of it or none, and what each part has to be."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from catalog import InvalidInputError, load_catalog
from components.hetzner.hostkey import host_key, seed_of
from stacks.program import load
from tests.support.platform import SECRET, files, planned, raw

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO4x+DyIpxIZpvz5vuDam8ImIFiPWhWmFFVTUE35ZJ5c"
TO = "sftp://u1@u1.your-storagebox.de/manacore"
BACKUP: dict[str, object] = {"copy_to": TO, "copy_host_key": HOST_KEY}
KEY = host_key(seed_of("of the copy")).private


def secrets(**more: str) -> dict[str, str]:
    return {**dict.fromkeys(load_catalog().secret_names, SECRET), **more}


def refused(backup: dict[str, object], **more: str) -> list[str]:
    with pytest.raises(InvalidInputError) as error:
        load("staging", raw("staging", backup=backup, secrets=secrets(**more)))
    return [str(problem) for problem in error.value.problems]


@pytest.fixture(scope="module")
def plan() -> Any:
    """A stack with a second copy."""
    return planned("staging", backup=BACKUP, secrets=secrets(BACKUP_COPY_KEY=KEY))[0]


def test_the_port_is_that_of_a_storage_box_unless_the_address_has_one() -> None:
    def to(address: str) -> str | None:
        given = raw(
            "staging",
            backup={**BACKUP, "copy_to": address},
            secrets=secrets(BACKUP_COPY_KEY=KEY),
        )
        return load("staging", given).settings.backup.copy_to

    assert to(TO) == "sftp://u1@u1.your-storagebox.de:23/manacore"
    assert to("sftp://me@198.51.100.7:22//srv/copy/") == "sftp://me@198.51.100.7:22//srv/copy"


@pytest.mark.parametrize(
    "address",
    [
        "u1@u1.your-storagebox.de:/manacore", "sftp://u1.your-storagebox.de/manacore",
        "sftp://u1@host:70000/path", "sftp://u1@host:0/path", "sftp://u1@host", "sftp://u1@host/",
        "sftp://u1:secret@host/path", "sftp://u1@host/a b", "sftp://-oProxyCommand@host/path", "sftp://u1@-host/path",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(address: str) -> None:
    (line,) = refused({**BACKUP, "copy_to": address}, BACKUP_COPY_KEY=KEY)
    assert line.startswith("Pulumi.staging.yaml: backup.copy_to: ")
    assert "write sftp://USER@HOST/PATH" in line


@pytest.mark.parametrize(
    "key", [f"u1.your-storagebox.de {HOST_KEY}", "SHA256:abc", "ssh-ed25519", f"{HOST_KEY} comment"]
)
def test_what_is_no_host_key_is_refused(key: str) -> None:
    (line,) = refused({**BACKUP, "copy_host_key": key}, BACKUP_COPY_KEY=KEY)
    assert line.startswith("Pulumi.staging.yaml: backup.copy_host_key: ")
    assert "ssh-keyscan -p 23 HOST" in line


def test_an_address_alone_lacks_the_two_others() -> None:
    missing_host_key, missing_secret = refused({"copy_to": TO})
    assert missing_host_key.startswith("Pulumi.staging.yaml: backup.copy_host_key: is missing")
    assert missing_secret.startswith("Pulumi.staging.yaml: secrets.BACKUP_COPY_KEY: is missing")
    assert "pulumi config set --secret --path 'secrets.BACKUP_COPY_KEY'" in missing_secret


def test_the_others_without_an_address_are_told_all_at_once() -> None:
    found = refused({"copy_host_key": HOST_KEY, "copy_at": "03:30"}, BACKUP_COPY_KEY=KEY)
    assert [line.partition(": is set")[0] for line in found] == [
        "Pulumi.staging.yaml: backup.copy_at",
        "Pulumi.staging.yaml: backup.copy_host_key",
        "Pulumi.staging.yaml: secrets.BACKUP_COPY_KEY",
    ]
    assert all("set backup.copy_to, or remove it" in line for line in found)


def test_it_is_told_together_with_what_else_is_missing() -> None:
    given = raw("staging", backup={"copy_to": TO}, secrets=secrets(), variables={})
    with pytest.raises(InvalidInputError) as error:
        load("staging", given)
    paths = [problem.path for problem in error.value.problems]
    assert "Pulumi.staging.yaml: secrets.BACKUP_COPY_KEY" in paths
    assert "Pulumi.staging.yaml: variables.SUPABASE_URL" in paths


def made_by_ssh_keygen(folder: Path, *options: str) -> str:
    command = ["ssh-keygen", "-q", *options, "-f", str(folder / "key")]
    subprocess.run(command, check=True)
    return (folder / "key").read_text()


@pytest.mark.parametrize("form", ["RFC4716", "PEM"])
def test_a_key_with_a_passphrase_is_refused_and_one_without_is_taken(
    tmp_path: Path, form: str
) -> None:
    for name, passphrase in (("open", ""), ("closed", "words of somebody")):
        folder = tmp_path / name
        folder.mkdir()
        options = ["-t", "rsa", "-b", "2048", "-m", form, "-N", passphrase]
        key = made_by_ssh_keygen(folder, *options)
        if passphrase:
            (line,) = refused(BACKUP, BACKUP_COPY_KEY=key)
            assert "has a passphrase, which nobody could enter" in line
            assert key not in line
        else:
            given = raw("staging", backup=BACKUP, secrets=secrets(BACKUP_COPY_KEY=key.strip()))
            assert load("staging", given)


@pytest.mark.parametrize(
    "key",
    [
        HOST_KEY,
        "-----BEGIN OPENSSH PRIVATE KEY-----\n!!!\n-----END OPENSSH PRIVATE KEY-----\n",
    ],
)
def test_what_is_no_private_key_is_refused_and_not_shown(key: str) -> None:
    (line,) = refused(BACKUP, BACKUP_COPY_KEY=key)
    assert line.startswith("Pulumi.staging.yaml: secrets.BACKUP_COPY_KEY: is no private key")
    assert key not in line


def test_the_agent_gets_address_and_host_key_in_its_settings_and_the_key_in_a_secret_file(
    plan: Any,
) -> None:
    config = files(plan, "backup-config")
    told = json.loads(config["settings.json"])
    assert told["copy_to"] == "sftp://u1@u1.your-storagebox.de:23/manacore"
    assert config["copy_known_hosts"] == f"[u1.your-storagebox.de]:23 {HOST_KEY}\n"
    assert files(plan, "backup-secrets")["copy_key"].strip() == KEY.strip()


def test_the_apps_workflows_do_not_get_the_key(plan: Any) -> None:
    token = "github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret"
    names = [secret.inputs["secretName"] for secret in plan.of(token)]
    assert names
    assert not any("BACKUP" in name for name in names)


def test_a_stack_without_a_copy_tells_the_agent_nothing_of_one() -> None:
    recorder, _ = planned("staging")
    assert "copy" not in files(recorder, "backup-config")["settings.json"]
    assert "copy_key" not in files(recorder, "backup-secrets")
