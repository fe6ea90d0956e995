"""The second copy: real restic, S3 server and OpenSSH, and each way in which it can go wrong."""

from __future__ import annotations

import json
import os
import select
import shlex
import signal
import socket
import subprocess
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bench.programs import install_sshd
from tests.images.asking import aged, backed_up
from tests.images.bench import Bench
from tests.images.box import PATH, Box

# Needs the local cloud's packages and minutes to get them the first time, but no local cloud.
pytestmark = [pytest.mark.local, pytest.mark.full]

BEGIN_SECONDS = 300


class Server:
    """The box's own program, which can be stopped."""

    def __init__(self, bench: Bench, box: Box, sshd: Path) -> None:
        self.bench, self.box, self.sshd = bench, box, sshd
        self.libraries = {
            "LD_LIBRARY_PATH": f"{sshd}/lib/x86_64-linux-gnu:{sshd}/usr/lib/x86_64-linux-gnu"
        }

    def start(self) -> None:
        program = f"{self.sshd}/usr/sbin/sshd"
        self.process = self.bench.start_process(program, *self.box.command, more=self.libraries)
        self.bench.until(lambda: not socket.socket().connect_ex(("127.0.0.1", self.box.port)))

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


@pytest.fixture(scope="module")
def server(running: Bench) -> Generator[Server]:
    """The box, which answers."""
    folder = running.root / "box"
    folder.mkdir()
    box = Box(folder, running.ids)
    box.make(running.tools)
    found = Server(running, box, install_sshd(running.root))
    found.start()
    yield found
    found.stop()


@pytest.fixture
def box(bench: Bench, server: Server) -> Generator[Box]:
    """The box with nothing in it. Databases and Redis are backed up, and copied there."""
    found = server.box
    found.empty()
    found.trust("host_key")
    found.admit("key")
    found.stand_still_after(None)
    bench.kinds = frozenset({"postgres", "redis"})
    bench.box, bench.more = found, {}
    yield found
    bench.box, bench.more = None, {}


def copied(bench: Bench, *more: str) -> dict[str, Any]:
    """A copy that is well, by the repository's name."""
    code, results = bench.agent("copy", *more)
    assert code == 0, results
    return {one["copy"]: one for one in results}


def failed(bench: Bench, *more: str) -> str:
    """What `copy` says is wrong; it must say something."""
    code, told = bench.agent("copy", *more)
    assert code == 1, told
    return json.dumps(told)


def problems_of_copy(bench: Bench) -> str:
    """What verify says is wrong with the copy, and with nothing else."""
    code, proofs = bench.agent("verify")
    assert code == 1, proofs
    told = {one["source"]: one["problems"] for one in proofs}
    assert not any(found for name, found in told.items() if not name.startswith("copy")), told
    return json.dumps(told["copy"])


def origins(bench: Bench, **more: Any) -> list[str]:
    """The snapshots of sources by the ids that they had first."""
    before, bench.more = bench.more, more
    _, listed = bench.agent("list")
    bench.more = before
    return sorted(one["original"] or one["id"] for one in listed)


def in_box(box: Box) -> dict[str, str]:
    """The settings by which the agent takes the copy for the bucket."""
    return {"repository": box.address, "redis_repository": f"{box.address}/redis", "copy_to": ""}


def content(bench: Bench) -> str:
    """A digest of all rows, and all keys."""
    rows = bench.sql("SELECT md5(string_agg(m::text, ',' ORDER BY n)) FROM messages m")
    keys = sorted(bench.redis("KEYS", "*").splitlines())
    return " ".join([rows, *(f"{key}={bench.redis('GET', key)}" for key in keys)])


def test_the_first_copy_has_everything_and_the_next_one_only_adds(bench: Bench, box: Box) -> None:
    backed_up(bench)
    first = copied(bench)
    assert first["copy"] == {"copy": "copy", "copied": 3, "held": 3, "dropped": 0, "problem": ""}
    assert (first["copy/redis"]["copied"], first["copy/redis"]["held"]) == (1, 1)
    before, snapshots = box.objects(""), box.objects("snapshots")

    again = copied(bench)
    assert [one["copied"] for one in again.values()] == [0, 0]
    assert box.objects("") == before

    bench.sql("INSERT INTO messages VALUES (1001, 'new')")
    backed_up(bench)
    second = copied(bench)
    assert (second["copy"]["copied"], second["copy"]["held"]) == (3, 6)
    assert box.objects("snapshots") > snapshots
    assert origins(bench, **in_box(box)) == origins(bench)


def test_what_is_restored_from_the_copy_alone_is_what_was_dumped(bench: Bench, box: Box) -> None:
    was = content(bench)
    backed_up(bench)
    copied(bench)
    bench.empty_bucket()
    bench.sql("DELETE FROM messages")
    bench.redis("FLUSHALL")
    bench.more = in_box(box)
    for source in ("postgres/chat", "redis"):
        code, told = bench.agent("restore", source)
        assert code == 0, told
    assert content(bench) == was


def test_a_new_bucket_gets_everything_back_and_goes_on(bench: Bench, box: Box) -> None:
    was = content(bench)
    backed_up(bench)
    kept = origins(bench)
    bench.agent("keep", stdin='{"stack": "staging", "deployment": {}, "files": {}}')
    copied(bench)
    bench.empty_bucket()

    back = copied(bench, "--back")
    assert (back["copy"]["copied"], back["copy/redis"]["copied"]) == (4, 1)
    assert origins(bench) == kept
    again = copied(bench, "--back")
    assert [one["copied"] for one in again.values()] == [0, 0]
    code, proofs = bench.agent("verify")
    assert code == 0, proofs

    bench.sql("DELETE FROM messages")
    bench.redis("FLUSHALL")
    for source in ("postgres/chat", "redis"):
        code, told = bench.agent("restore", source)
        assert code == 0, told
    assert content(bench) == was
    backed_up(bench)
    assert copied(bench)["copy"]["copied"] == 3, "and nothing twice"


def test_a_bucket_that_lost_its_backups_makes_the_copy_drop_nothing(bench: Bench, box: Box) -> None:
    backed_up(bench)
    kept = origins(bench)
    copied(bench)
    bench.empty_bucket()
    assert "the bucket has no backups to be copied" in failed(bench)
    backed_up(bench)
    told = failed(bench)
    assert "the bucket lacks 2 backups that the copy has" in told
    assert "restore.md" in told
    assert set(kept) < set(origins(bench, **in_box(box)))
    assert copied(bench, "--back")["copy"]["copied"] == 3
    copied(bench)


def test_retention_is_the_buckets_and_a_suspect_backup_lets_nothing_expire(
    bench: Bench, box: Box
) -> None:
    bench.kinds = frozenset({"postgres"})
    for days in (40, 39, 20, 19, 18, 17, 16, 15, 14):
        aged(bench, days)
    assert copied(bench)["copy"]["held"] == 27
    bench.sql("TRUNCATE messages, rooms")
    assert bench.agent("run")[0] == 1, "it is suspect"
    # The roles, which are not suspect, lose their two oldest.
    suspect = copied(bench)["copy"]
    assert (suspect["copied"], suspect["dropped"]) == (3, 2)
    assert origins(bench, **in_box(box)) == origins(bench)

    bench.fill()
    backed_up(bench)
    good = copied(bench)["copy"]
    assert (good["copied"], good["dropped"]) == (3, 4), "two dumps, and their records"
    assert origins(bench, **in_box(box)) == origins(bench)
    bench.more = in_box(box)
    assert bench.agent("restore", "postgres/chat")[0] == 0


def test_another_host_key_is_refused_before_anything_is_sent(bench: Bench, box: Box) -> None:
    backed_up(bench)
    box.trust("another_key")
    assert "does not have the host key that is pinned (backup.copy_host_key)" in failed(bench)
    assert not list(box.files.iterdir())
    assert "does not have the host key" in problems_of_copy(bench)


def test_a_key_that_is_not_let_in_is_told(bench: Bench, box: Box) -> None:
    backed_up(bench)
    box.admit("another_key")
    assert "refuses our key: its authorized_keys needs" in failed(bench)


def test_a_box_that_cannot_be_reached_is_told_and_keeps_no_backup_from_being_made(
    bench: Bench, box: Box, server: Server
) -> None:
    backed_up(bench)
    server.stop()
    try:
        for more in ((), ("--back",)):
            assert "the copy's server cannot be reached" in failed(bench, *more)
        backed_up(bench)
    finally:
        server.start()
    assert copied(bench)["copy"]["copied"] == 6


def test_without_a_copy_the_command_says_what_is_missing(bench: Bench) -> None:
    assert "manacore:backup has no copy_to" in failed(bench)
    backed_up(bench)
    code, proofs = bench.agent("verify")
    assert code == 0, proofs
    assert not any(one["source"].startswith("copy") for one in proofs)


def test_a_copy_that_was_killed_goes_on_where_it_was(bench: Bench, box: Box) -> None:
    backed_up(bench)
    copied(bench)
    bench.sql(
        "CREATE TABLE noise AS SELECT n, md5(random()::text) || md5(random()::text) AS body"
        " FROM generate_series(1, 100000) n"
    )
    backed_up(bench)
    box.stand_still_after(1_000_000)
    agent = subprocess.Popen(
        bench.command("copy"), env=bench.environment, stdout=subprocess.PIPE,
        start_new_session=True, **bench.user,
    )  # fmt: skip
    # Opened for both, so that opening waits for nobody.
    pipe = os.open(box.folder / "pipe", os.O_RDWR)
    try:
        assert select.select([pipe], [], [], BEGIN_SECONDS)[0], "it sent less"
        holding = int(os.read(pipe, 32))
    finally:
        os.close(pipe)
        # As a container's end does: nobody lets go of anything.
        os.killpg(agent.pid, signal.SIGKILL)
        agent.communicate()
    with suppress(ProcessLookupError):
        os.kill(holding, signal.SIGKILL)
    box.stand_still_after(None)
    assert box.objects("locks"), "a lock of nobody is left"

    copied(bench)
    assert not box.objects("locks")
    assert origins(bench, **in_box(box)) == origins(bench)
    bench.more = {"copy_parts": 1}
    code, proofs = bench.agent("verify")
    assert code == 0, proofs


def test_a_repository_that_was_never_finished_is_made_anew_and_no_other(
    bench: Bench, box: Box
) -> None:
    backed_up(bench)
    copied(bench)
    (box.files / PATH / "config").unlink()
    before = box.objects("")
    assert "repository already contains keys" in failed(bench)
    assert box.objects("") == before, "with its configuration it can be read again"

    # As it is when the agent ends after the first key was sent.
    for path in box.objects("") - box.objects("keys") - box.objects("redis"):
        path.unlink()
    assert copied(bench)["copy"]["copied"] == 3
    assert origins(bench, **in_box(box)) == origins(bench)


def test_the_lock_of_a_check_that_was_killed_keeps_nobody_out(bench: Bench, box: Box) -> None:
    backed_up(bench)
    copied(bench)
    # One that nobody else may hold at the same time, as a prune has it.
    options = ["-i", f"{bench.root}/secrets/copy_key", "-o", "UserKnownHostsFile="
               f"{bench.root}/secrets/copy_known_hosts"]  # fmt: skip
    check = subprocess.Popen(
        ["restic", "--no-cache", "-r", box.address, f"--option=sftp.args={shlex.join(options)}",
         f"--password-file={bench.root}/secrets/password", "check"],
        env=bench.environment, stdout=subprocess.DEVNULL, **bench.user,
    )  # fmt: skip
    try:
        # It is there for a while: restic waits for others' before it begins.
        bench.until(lambda: bool(box.objects("locks")))
    finally:
        check.kill()
        check.wait()
    assert box.objects("locks")

    code, proofs = bench.agent("verify")
    assert code == 0, proofs
    assert not box.objects("locks")


def test_the_weekly_proof_checks_the_copy(bench: Bench, box: Box) -> None:
    backed_up(bench)
    assert "there is no copy" in problems_of_copy(bench)
    copied(bench)
    code, proofs = bench.agent("verify")
    assert code == 0, proofs
    told = {one["source"]: one for one in proofs}
    assert (told["copy"]["counted"], told["copy/redis"]["counted"]) == (3, 1)
    assert told["copy"]["age_hours"] < 1


@pytest.mark.parametrize("how", ["missing", "changed"])
def test_a_copy_whose_data_is_not_what_it_was_is_found(bench: Bench, box: Box, how: str) -> None:
    backed_up(bench)
    copied(bench)
    pack = max(box.objects("data"), key=lambda path: path.stat().st_size)
    if how == "missing":
        pack.unlink()
    else:
        whole = bytearray(pack.read_bytes())
        whole[len(whole) // 3] ^= 0xFF
        pack.chmod(0o600)
        pack.write_bytes(whole)
    bench.more = {"copy_parts": 1}
    assert "check failed" in problems_of_copy(bench)


def test_a_copy_that_is_old_is_stale(bench: Bench, box: Box) -> None:
    aged(bench, 3)
    copied(bench)
    backed_up(bench)
    assert "stale: 72 hours old" in problems_of_copy(bench)


def test_the_private_key_is_in_no_argument_and_no_variable(bench: Bench, box: Box) -> None:
    backed_up(bench)
    copied(bench)
    copied(bench, "--back")
    seen = (box.folder / "seen").read_text()
    assert f"{bench.root}/secrets/copy_key" in seen, "a file that has it is named"
    for line in box.private_key.splitlines():
        assert line not in seen
    assert bench.key not in seen


def test_another_password_neither_reads_nor_replaces_the_copy(bench: Bench, box: Box) -> None:
    backed_up(bench)
    copied(bench)
    before = box.objects("")
    bench.key = "another-key"
    bench.empty_bucket()
    backed_up(bench)
    assert "wrong password" in failed(bench)
    assert "wrong password" in failed(bench, "--back")
    assert box.objects("") == before
