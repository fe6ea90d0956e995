"""State of an emulator: tables of JSON rows, kept in one file that is always whole.

    store = Store(path)                      # path None: in memory only
    with store.transaction() as tables:      # all or nothing, one writer at a time
        row_id = store.next_id("zones")
        tables["zones"][str(row_id)] = {"id": row_id, "name": "example.com"}
    with store.reading() as tables:
        zone = tables["zones"]["1"]

An exception inside a transaction puts the tables back as they were and leaves the file alone.
Rows must not be kept and changed outside of the `with`: copy what is handed out.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

Row = dict[str, Any]
"""One JSON object. Its shape is the vendor's; each emulator knows its own."""
Table = dict[str, Row]
"""Rows by key, in order of insertion."""

_COUNTERS = "_counters"


class Store:
    """Tables of JSON rows; thread-safe, reentrant, persistent when it has a path."""

    def __init__(self, path: Path | None = None) -> None:
        """Open the state at `path`; a file that is not there is an empty state."""
        self._path = path
        self._lock = threading.RLock()
        self._depth = 0
        text = path.read_text() if path is not None and path.exists() else "{}"
        self._saved = text
        self._tables: defaultdict[str, Table] = defaultdict(dict)
        self._load(text)

    @contextmanager
    def transaction(self) -> Generator[defaultdict[str, Table]]:
        """Change the tables; saved when the outermost block ends, undone when it raises."""
        with self._lock:
            self._depth += 1
            try:
                yield self._tables
                if self._depth == 1:
                    self._save()
            except BaseException:
                if self._depth == 1:
                    self._load(self._saved)
                raise
            finally:
                self._depth -= 1

    @contextmanager
    def reading(self) -> Generator[Mapping[str, Table]]:
        """Look at the tables while nobody changes them."""
        with self._lock:
            yield self._tables

    def next_id(self, name: str, start: int = 1) -> int:
        """The next number of the sequence `name`: never given out twice, across restarts."""
        with self.transaction() as tables:
            counters = tables[_COUNTERS].setdefault(_COUNTERS, {})
            value = cast("int", counters.get(name, start))
            counters[name] = value + 1
            return value

    def _load(self, text: str) -> None:
        # The same object stays, so that a caller that holds the tables sees what was restored.
        self._tables.clear()
        self._tables.update(json.loads(text))

    def _save(self) -> None:
        text = json.dumps(self._tables)
        if text == self._saved:
            return
        if self._path is not None:
            # Written beside and renamed: a process killed at any point leaves the old file or
            # the new one. Not synced to disk: a power cut ends the servers as well.
            self._path.parent.mkdir(parents=True, exist_ok=True)
            partial = self._path.with_suffix(".partial")
            partial.write_text(text)
            partial.chmod(0o600)
            partial.replace(self._path)
        self._saved = text
