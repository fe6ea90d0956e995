"""ELF programs that were edited after they were linked."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

_PROGRAM_HEADERS, _COUNT = 0x20, 0x38
_HEADER = struct.Struct("<IIQQQQQQ")
_LOAD, _DYNAMIC = 1, 2
_WRITABLE = 2
_PAGE = 0x1000


@dataclass(frozen=True, kw_only=True)
class _Segment:
    place: int
    kind: int
    flags: int
    start: int
    end: int


def let_loader_write(program: Path) -> None:
    """Let the loader write to a program's dynamic section, as it does to begin.

    A tool that edits libraries' paths may move that section to the end of its segment and over, on
    a page that another segment maps read-only: the program crashes before it begins. A 64-bit
    little-endian program that is well stays as it is.
    """
    content = bytearray(program.read_bytes())
    segments = _segments(content)
    dynamic = next((one for one in segments if one.kind == _DYNAMIC), None)
    if dynamic is None:
        return
    for one in segments:
        shares_a_page = one.start // _PAGE * _PAGE < dynamic.end and dynamic.start < one.end
        if one.kind == _LOAD and shares_a_page and not one.flags & _WRITABLE:
            struct.pack_into("<I", content, one.place + 4, one.flags | _WRITABLE)
    program.write_bytes(content)


def _segments(content: bytearray) -> list[_Segment]:
    (first,) = struct.unpack_from("<Q", content, _PROGRAM_HEADERS)
    (count,) = struct.unpack_from("<H", content, _COUNT)
    found: list[_Segment] = []
    for place in range(first, first + count * _HEADER.size, _HEADER.size):
        kind, flags, _, address, _, _, size, _ = _HEADER.unpack_from(content, place)
        found.append(
            _Segment(place=place, kind=kind, flags=flags, start=address, end=address + size)
        )
    return found
