"""The host key that is known before its server."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from components.hetzner.hostkey import host_key, seed_of

SEED = base64.b64encode(bytes(range(32))).decode()


def test_openssh_reads_the_private_key_and_finds_the_public_one(tmp_path: Path) -> None:
    key = host_key(SEED)
    file = tmp_path / "key"
    file.write_text(key.private)
    file.chmod(0o600)
    shown = subprocess.run(
        ["ssh-keygen", "-y", "-f", file], capture_output=True, text=True, check=True
    ).stdout
    assert shown.split()[:2] == key.public.split()


@given(st.binary(min_size=32, max_size=32))
def test_the_same_seed_gives_the_same_text(seed: bytes) -> None:
    text = base64.b64encode(seed).decode()
    assert host_key(text) == host_key(text)


def test_another_seed_gives_another_key() -> None:
    assert host_key(SEED).public != host_key(base64.b64encode(b"z" * 32).decode()).public


def test_a_random_text_gives_always_the_same_seed_of_the_right_length() -> None:
    seed = seed_of("a random text")
    assert seed == seed_of("a random text") != seed_of("another")
    assert len(base64.b64decode(seed)) == 32
