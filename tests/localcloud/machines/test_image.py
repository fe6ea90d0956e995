"""The server's disk is addressed by its recipe."""

from __future__ import annotations

from pathlib import Path

from localcloud.machines.image import packages, recipe_hash, server_image


def test_the_recipe_is_the_address(tmp_path: Path) -> None:
    (tmp_path / "customize").write_text("one")
    first = recipe_hash(tmp_path)
    (tmp_path / "README.md").write_text("what it is")
    assert recipe_hash(tmp_path) == first, "a map of the folder changes no disk"
    (tmp_path / "customize").write_text("two")
    assert recipe_hash(tmp_path) != first
    (tmp_path / "customize").rename(tmp_path / "renamed")
    assert len({first, recipe_hash(tmp_path)}) == 2


def test_installed_and_offline_packages_are_apart() -> None:
    assert {"systemd", "cloud-init", "docker.io", "openssh-server"} <= set(packages())
    assert "jq" in packages("offline")
    assert not set(packages()) & set(packages("offline"))


def test_the_reference_is_local_and_content_addressed() -> None:
    image = server_image()
    assert image.reference == f"manacore-local/server:{image.digest}"
