"""A file of JSON that is written in one step: a reader sees the old one or the new one."""

from __future__ import annotations

import json
import os
from pathlib import Path


def write(file: Path, value: object) -> None:
    """Write it, also before a power cut; raises `OSError`."""
    fresh = file.with_name(f".{file.name}.new")
    with fresh.open("w", encoding="utf-8") as out:
        json.dump(value, out, indent=1)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)
