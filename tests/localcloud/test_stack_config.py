"""The configuration of a stack for the local cloud."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from catalog import load_catalog
from localcloud.credentials import Credentials
from localcloud.home import Home
from localcloud.objects.box import StorageBox
from localcloud.stack_config import StackConfig, overlaid, seed

ROOT = Path(__file__).parents[2]


def credentials(folder: Path) -> Credentials:
    made = Credentials(folder / "keys")
    made.ensure()
    return made


def box(folder: Path) -> StorageBox:
    return StorageBox(Home(folder), credentials(folder))


def config_of(folder: Path, root: Path = ROOT) -> StackConfig:
    return StackConfig(
        stack="staging",
        root=root,
        folder=folder / "staging",
        credentials=credentials(folder),
        box=box(folder),
    )


def test_credentials_are_made_once_and_only_the_owner_reads_them(tmp_path: Path) -> None:
    made = credentials(tmp_path)
    before = (
        made.tokens(),
        made.public_key("staging"),
        made.service_secrets(["STRIPE_SECRET_KEY"]),
    )
    made.ensure()
    assert (
        made.tokens(),
        made.public_key("staging"),
        made.service_secrets(["STRIPE_SECRET_KEY"]),
    ) == before
    assert made.public_key("staging").startswith("ssh-ed25519 ")
    assert all(
        file.stat().st_mode & 0o077 == 0 for file in made.folder.glob("*") if file.suffix != ".pub"
    )


def test_the_committed_configuration_is_kept_but_for_what_is_local(tmp_path: Path) -> None:
    made = credentials(tmp_path)
    committed: dict[str, Any] = {
        "encryptionsalt": "v1:theirs",
        "config": {
            "manacore:servers": {"main": {"type": "ccx33"}},
            "manacore:ssh": {"keys": {"team": "ssh-ed25519 AAAA"}, "sources": ["10.0.0.0/8"]},
            "manacore:secrets": {"X": {"secure": "v1:theirs"}},
            "manacore:backup": {"run_at": "03:00", "endpoint": "https://theirs"},
        },
    }
    local = overlaid(committed, made, box(tmp_path), "staging")
    assert local["config"]["manacore:servers"] == committed["config"]["manacore:servers"]
    ssh = local["config"]["manacore:ssh"]
    assert ssh["keys"] == {"local": made.public_key("staging")}
    assert ssh["sources"] == ["10.0.0.0/8"]
    assert "encryptionsalt" not in local, "the team's secrets cannot be read here"
    assert "manacore:secrets" not in local["config"]
    assert local["config"]["manacore:tls"]["issuer"] == "internal"
    backup = local["config"]["manacore:backup"]
    assert backup == {"run_at": "03:00", "endpoint": "http://198.51.100.1:7070"}


def test_a_second_copy_goes_to_the_local_box(tmp_path: Path) -> None:
    made = credentials(tmp_path)
    theirs = {"copy_to": "sftp://u1@box.example.org/backups", "copy_host_key": "t", "copy_at": "4"}
    local = overlaid({"config": {"manacore:backup": theirs}}, made, box(tmp_path), "staging")
    assert local["config"]["manacore:backup"] == {
        "copy_to": "sftp://box@198.51.100.1:7023/staging",
        "copy_host_key": made.public(made.box_key),
        "copy_at": "4",
        "endpoint": "http://198.51.100.1:7070",
    }


def test_the_copys_key_is_kept_only_as_long_as_there_is_a_copy(tmp_path: Path) -> None:
    held = {"A": {"secure": "v1:x"}, "BACKUP_COPY_KEY": {"secure": "v1:y"}}
    copied: dict[str, Any] = {"copy_to": "sftp://u1@box.example.org/backups"}
    for backup, kept in ((copied, held), ({}, {"A": held["A"]})):
        config = config_of(tmp_path, tmp_path)
        (tmp_path / "Pulumi.yaml").write_text("name: manacore")
        committed = {"config": {"manacore:backup": backup}}
        (tmp_path / "Pulumi.staging.yaml").write_text(yaml.safe_dump(committed))
        config.write()
        content = yaml.safe_load(config.file.read_text())
        content["encryptionsalt"], content["config"]["manacore:secrets"] = "v1:ours", held
        config.file.write_text(yaml.safe_dump(content))
        config.write()
        written = yaml.safe_load(config.file.read_text())
        assert written["config"]["manacore:secrets"] == kept


def test_the_files_are_written_outside_the_tree_and_point_into_it(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    config.write()
    project = yaml.safe_load((config.folder / "Pulumi.yaml").read_text())
    assert project["main"] == str(ROOT)
    assert project["name"] == "manacore"


def test_writing_again_keeps_what_was_encrypted(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    config.write()
    content = yaml.safe_load(config.file.read_text())
    content["encryptionsalt"] = "v1:ours"
    content["config"]["manacore:secrets"] = {"A": {"secure": "v1:x"}}
    config.file.write_text(yaml.safe_dump(content))
    config.write()
    assert yaml.safe_load(config.file.read_text()) == content


def test_the_vendors_know_the_zones_and_repositories_of_every_stack() -> None:
    known = seed(ROOT)
    for stack in ("staging", "production"):
        config = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
        zones = config["manacore:cloudflare"]["zones"]
        assert {"name": next(iter(zones)), "id": next(iter(zones.values()))} in known["cloudflare"][
            "zones"
        ]
        assert config["manacore:github"]["repository"] in known["github"]["repositories"]


def test_every_secret_of_the_catalogue_gets_a_value(tmp_path: Path) -> None:
    names = sorted(load_catalog().secret_names)
    assert "STRIPE_SECRET_KEY" in names
    values = credentials(tmp_path).service_secrets(names)
    assert sorted(values) == names
    assert len(set(values.values())) == len(names), "no two are the same"
