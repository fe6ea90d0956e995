"""A program that crashes in its loader, as a tool left it, and one that is well."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from localcloud.images.elf import let_loader_write

HEADER = 64
READ, READ_WRITE = 4, 6


def program(folder: Path, *segments: tuple[int, int, int, int]) -> Path:
    """A program of these segments: kind, flags, address, size."""
    head = bytearray(HEADER)
    struct.pack_into("<Q", head, 0x20, HEADER)
    struct.pack_into("<H", head, 0x38, len(segments))
    file = folder / "program"
    file.write_bytes(
        head
        + b"".join(
            struct.pack("<IIQQQQQQ", kind, flags, 0, address, 0, size, size, 0x1000)
            for kind, flags, address, size in segments
        )
    )
    return file


def flags(file: Path) -> list[int]:
    content = file.read_bytes()[HEADER:]
    return [fields[1] for fields in struct.iter_unpack("<IIQQQQQQ", content)]


def test_a_page_that_the_dynamic_section_reaches_into_becomes_writable(tmp_path: Path) -> None:
    file = program(
        tmp_path,
        (1, READ_WRITE, 0x3FF000, 0xF38),
        (2, READ_WRITE, 0x3FFF60, 0x220),
        (1, READ, 0x400EA6, 0x8FA),
        (1, READ, 0x414000, 0xBD68),
    )
    let_loader_write(file)
    assert flags(file) == [READ_WRITE, READ_WRITE, READ_WRITE, READ]


@pytest.mark.parametrize(
    "segments",
    [
        [
            (1, READ_WRITE, 0x3FF000, 0x1C20),
            (2, READ_WRITE, 0x3FF050, 0x220),
            (1, READ, 0x403000, 9),
        ],
        [(1, READ, 0x403000, 9)],
    ],
)
def test_a_program_that_is_well_stays_as_it_is(
    tmp_path: Path, segments: list[tuple[int, int, int, int]]
) -> None:
    file = program(tmp_path, *segments)
    before = file.read_bytes()
    let_loader_write(file)
    assert file.read_bytes() == before
