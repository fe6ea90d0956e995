"""What Redis is configured with: its users, and no password that could be read off."""

from __future__ import annotations

import hashlib

from components.data.redis import BACKUP_USER, configuration

CONFIGURATION = configuration("of all", "of the backup", 256)


def test_the_backups_user_is_in_the_configuration_by_its_passwords_digest() -> None:
    digest = hashlib.sha256(b"of the backup").hexdigest()
    (user,) = [line for line in CONFIGURATION.splitlines() if line.startswith("user ")]
    assert user.startswith(f"user {BACKUP_USER} reset on ~* resetchannels -@all +ping ")
    assert user.endswith(f" #{digest}")
    assert "of the backup" not in CONFIGURATION


def test_it_has_no_right_to_read_or_write_a_key_by_itself() -> None:
    allowed = {part for part in CONFIGURATION.split() if part.startswith("+")}
    assert not allowed & {"+get", "+set", "+del", "+keys", "+flushall", "+config", "+eval", "+acl"}
    assert not any("@" in right for right in allowed), "no whole category"


def test_a_quarter_of_the_memory_is_left() -> None:
    assert "maxmemory 192mb" in CONFIGURATION
