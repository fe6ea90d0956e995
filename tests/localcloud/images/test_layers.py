"""Layers and images are named by their content, and hold what Docker expects."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from localcloud.images.layers import LayerStore, LayerWriter, key_of
from localcloud.images.model import Image, ImageConfig, ImageError, Layer, digest_of


def _fill(writer: LayerWriter) -> None:
    writer.file("bin/tool", "#!/bin/sh\n", mode=0o755)
    writer.file("tmp/x", b"1", owner=(999, 998))
    writer.link("opt/tool", "/bin/tool")
    writer.file("opt/caps", b"", capabilities="\x01\x00\x00\x02")


def _members(layer: Layer) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(layer.path) as archive:
        return {member.name: member for member in archive}


def test_the_same_files_give_the_same_digest_in_another_cache(tmp_path: Path) -> None:
    first = LayerStore(tmp_path / "a").layer("k", _fill)
    second = LayerStore(tmp_path / "b").layer("k", _fill)
    assert first.digest == second.digest
    assert first.diff_id == second.diff_id
    assert digest_of(first.path.read_bytes()) == first.digest
    assert first.size == first.path.stat().st_size


def test_a_layer_never_puts_a_directory_in_the_place_of_debians_links_into_usr(
    tmp_path: Path,
) -> None:
    members = _members(LayerStore(tmp_path).layer("k", _fill))
    assert "usr/bin/tool" in members
    assert "bin" not in members


def test_owners_modes_links_and_capabilities_are_kept(tmp_path: Path) -> None:
    members = _members(LayerStore(tmp_path).layer("k", _fill))
    assert members["usr/bin/tool"].mode == 0o755
    assert (members["tmp/x"].uid, members["tmp/x"].gid) == (999, 998)
    assert members["tmp"].mode == 0o1777
    assert members["opt/tool"].linkname == "/bin/tool"
    headers = members["opt/caps"].pax_headers
    assert headers["SCHILY.xattr.security.capability"] == "\x01\x00\x00\x02"


def test_a_known_layer_is_not_made_again(tmp_path: Path) -> None:
    store = LayerStore(tmp_path)
    made = store.layer("k", _fill)

    def refuse(_writer: LayerWriter) -> None:
        raise AssertionError("made again")

    assert store.layer("k", refuse) == made


def test_a_layer_whose_blob_was_cut_short_is_made_again(tmp_path: Path) -> None:
    store = LayerStore(tmp_path)
    made = store.layer("k", _fill)
    made.path.write_bytes(b"half")
    again = store.layer("k", _fill)
    assert again == made
    assert digest_of(again.path.read_bytes()) == made.digest


def test_a_failed_layer_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail(writer: LayerWriter) -> None:
        writer.file("a", b"1")
        raise ImageError("no source")

    with pytest.raises(ImageError):
        LayerStore(tmp_path).layer("k", fail)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_key_changes_with_the_content_of_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    before = key_of("x", tmp_path)
    (tmp_path / "a").write_text("2")
    assert key_of("x", tmp_path) != before
    assert key_of("x", "y") != key_of("xy")


def test_a_key_of_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="clone the repository again"):
        key_of(tmp_path / "none")


def test_an_image_names_its_layers_and_how_it_runs(tmp_path: Path) -> None:
    layer = LayerStore(tmp_path).layer("k", _fill)
    config = ImageConfig(
        user="999", entrypoint=("run",), command=("a",), ports=(80,), volumes=("/data",)
    )
    image = Image(layers=(layer,), config=config)
    document = json.loads(image.config_blob)
    assert document["rootfs"]["diff_ids"] == [layer.diff_id]
    assert document["config"]["User"] == "999"
    assert document["config"]["ExposedPorts"] == {"80/tcp": {}}
    manifest = json.loads(image.manifest)
    assert manifest["config"]["digest"] == digest_of(image.config_blob)
    assert manifest["layers"][0]["digest"] == layer.digest
    assert image.digest == digest_of(image.manifest)
