"""Folders are backed up file by file, and every way in which an archive can lie is found."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path

import pytest

from images.backup.agent.folder import Folder
from images.backup.agent.manifest import DUMP, Manifest
from images.backup.agent.process import AgentError
from images.backup.agent.source import Terms
from images.backup.agent.throwaway import Lab
from tests.images.asking import aged, backed_up, problems
from tests.images.bench import Bench

REAL = [pytest.mark.local, pytest.mark.full]
TERMS = Terms(repository="", keep_days=31, shrink_percent=50, counted="bytes", parts="files")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder with a few files."""
    root = tmp_path / "data"
    (root / "deep/er").mkdir(parents=True)
    (root / "deep/er/key.pem").write_text("a key")
    (root / "deep/er/key.pem").chmod(0o600)
    (root / f"deep/{'long' * 60}").write_text("a long name")
    (root / "empty").touch()
    (root / "link").symlink_to("deep/er")
    os.link(root / "deep/er/key.pem", root / "same")
    os.mkfifo(root / "pipe")
    return Folder(folder="data", path=root, terms=TERMS)


def dumped(folder: Folder, tmp_path: Path) -> tuple[Manifest, Path]:
    """Its manifest and its dump."""
    place = tmp_path / "dump"
    place.mkdir()
    return folder.dump(place), place / DUMP


def told(folder: Folder, manifest: Manifest, dump: Path, tmp_path: Path) -> list[str]:
    """What a proof says."""
    root = tmp_path / "lab"
    root.mkdir()
    with Lab(root) as lab:
        return folder.differences(manifest, dump, lab)


def test_each_file_is_in_the_manifest_and_the_same_after_a_restore(
    folder: Folder, tmp_path: Path
) -> None:
    manifest, dump = dumped(folder, tmp_path)
    long = f"deep/{'long' * 60}"
    assert manifest.counts == {"deep/er/key.pem": 5, "same": 5, long: 11, "empty": 0, "link": 0}
    assert told(folder, manifest, dump, tmp_path) == []
    with tarfile.open(dump) as archive:
        assert archive.getmember("deep/er/key.pem").mode == 0o600
        assert archive.getmember(".").isdir()


def without(dump: Path, name: str, changed: Path | None = None) -> None:
    """An archive that lacks a file, or has another in its place; whole in itself."""
    old = dump.rename(dump.with_suffix(".old"))
    with tarfile.open(old) as before, tarfile.open(dump, "w") as after:
        for member in before:
            content = before.extractfile(member) if member.isreg() else None
            if member.name != name:
                after.addfile(member, content)
            elif changed:
                after.add(changed, arcname=name)


def test_an_archive_that_lacks_a_file_or_has_another_is_found(
    folder: Folder, tmp_path: Path
) -> None:
    manifest, dump = dumped(folder, tmp_path)
    without(dump, "same")
    without(dump, "deep/er/key.pem", changed=Path(__file__))
    assert told(folder, manifest, dump, tmp_path) == [
        "file same is missing",
        "file deep/er/key.pem is not what it was",
    ]


def test_an_archive_that_ends_early_is_found(folder: Folder, tmp_path: Path) -> None:
    manifest, dump = dumped(folder, tmp_path)
    os.truncate(dump, dump.stat().st_size * 6 // 10)
    try:
        said = told(folder, manifest, dump, tmp_path)
    except AgentError as error:
        said = [str(error)]
    assert said


class TestStored:
    """With the real repository."""

    pytestmark = REAL

    @pytest.fixture(autouse=True)
    def folders_alone(self, bench: Bench) -> None:
        """Nothing else is backed up."""
        bench.kinds = frozenset({"folder"})

    def test_a_folder_is_proven_and_handed_out_as_it_was(self, bench: Bench) -> None:
        made = backed_up(bench)
        assert (made["source"], made["counted"]) == ("folder/certificates", 28)
        code, proofs = bench.agent("verify")
        assert (code, proofs[0]["problems"]) == (0, []), proofs
        (bench.certificates / "acme/one/key.pem").write_text("lost")
        out = bench.root / "out"
        out.mkdir(exist_ok=True)
        bench.export_into("folder/certificates", out)
        assert (out / "acme/one/key.pem").read_text() == "the key of one"
        assert (out / "acme/latest").readlink() == Path("two")
        assert "may not put" in json.dumps(bench.agent("restore", "folder/certificates"))

    def test_a_folder_that_was_emptied_is_suspect(self, bench: Bench) -> None:
        backed_up(bench)
        for file in bench.certificates.rglob("*.pem"):
            file.write_text("")
        _, results = bench.agent("run")
        assert results[0]["problem"] == "suspect: empty, and had 28 bytes before"

    def test_a_corrupted_pack_is_found(self, bench: Bench) -> None:
        backed_up(bench)
        bench.corrupt("data")
        assert "failed" in problems(bench)

    def test_a_backup_of_three_days_ago_is_stale(self, bench: Bench) -> None:
        aged(bench, 3)
        assert "stale: 72 hours old" in problems(bench)

    def test_what_may_not_be_read_fails_the_backup_and_is_not_left_out(self, bench: Bench) -> None:
        (bench.certificates / "another's").touch(mode=0o600)
        code, results = bench.agent("run")
        if os.geteuid() == 0:  # else the file is the agent's own
            assert (code, results[0]["snapshot"]) == (1, "")
            assert "folder/certificates cannot be read" in results[0]["problem"]
