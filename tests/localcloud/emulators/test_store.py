"""The emulators' state: whole at any time, undone as a whole, there again after a restart."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from localcloud.emulators.store import Store

WRITER = """
import sys
from pathlib import Path
from localcloud.emulators.store import Store

store = Store(Path(sys.argv[1]))
while True:
    with store.transaction() as tables:
        number = store.next_id("rows")
        tables["rows"][str(number)] = {"id": number, "text": "x" * 2000}
        tables["copies"][str(number)] = {"id": number}
        if len(tables["rows"]) > 200:
            tables["rows"].clear()
            tables["copies"].clear()
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state.json"
    store = Store(path)
    with store.transaction() as tables:
        number = store.next_id("zones", 10)
        tables["zones"][str(number)] = {"id": number, "name": "example.com"}

    again = Store(path)

    with again.reading() as tables:
        assert tables["zones"] == {"10": {"id": 10, "name": "example.com"}}
    assert again.next_id("zones", 10) == 11
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_transaction_that_raises_leaves_tables_file_and_counters_as_they_were(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.json"
    store = Store(path)
    with store.transaction() as tables:
        tables["zones"]["1"] = {"name": "a"}
    before = path.read_bytes()

    with pytest.raises(RuntimeError, match="halfway"), store.transaction() as tables:
        tables["zones"]["1"]["name"] = "b"
        tables["zones"]["2"] = {}
        with store.transaction():
            store.next_id("zones")
        raise RuntimeError("halfway")

    with store.reading() as tables:
        assert tables["zones"] == {"1": {"name": "a"}}
    assert path.read_bytes() == before
    assert store.next_id("zones") == 1


def test_a_full_disk_undoes_the_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.json"
    store = Store(path)
    with store.transaction() as tables:
        tables["zones"]["1"] = {"name": "a"}

    def full(_path: Path, _text: str) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"), store.transaction() as tables:
        tables["zones"]["2"] = {"name": "b"}

    with store.reading() as tables:
        assert list(tables["zones"]) == ["1"]
    assert json.loads(path.read_text())["zones"] == {"1": {"name": "a"}}


@pytest.mark.parametrize("turn", range(5))
def test_a_process_killed_while_it_writes_leaves_a_whole_state(tmp_path: Path, turn: int) -> None:
    path = tmp_path / "state.json"
    # A half-written file of an earlier kill must not be in the way either.
    path.with_suffix(".partial").write_text('{"rows": {"1"')
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    written = 0
    for line in writer.stdout:
        written = int(line)
        if written > 20 + 7 * turn:
            break
    writer.send_signal(signal.SIGKILL)
    # What was told before the kill but not read yet counts as written, too.
    written = max([written, *(int(line) for line in writer.stdout.read().splitlines())])
    writer.wait()

    store = Store(path)

    with store.reading() as tables:
        assert tables["rows"].keys() == tables["copies"].keys()
        assert str(written) in tables["rows"]
    assert store.next_id("rows") > written


def test_threads_never_get_the_same_number(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.json")
    numbers: list[int] = []

    def draw() -> None:
        for _ in range(50):
            with store.transaction():
                numbers.append(store.next_id("rows"))

    threads = [threading.Thread(target=draw) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(numbers) == list(range(1, 201))
