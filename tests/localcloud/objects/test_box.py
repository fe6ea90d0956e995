"""The Storage Box of the local cloud."""

from __future__ import annotations

from pathlib import Path

from localcloud.credentials import Credentials
from localcloud.home import Home
from localcloud.objects.box import StorageBox
from stacks import second_copy


def test_the_program_takes_it_for_a_server_of_a_second_copy(tmp_path: Path) -> None:
    home = Home(tmp_path)
    credentials = Credentials(home.keys)
    credentials.ensure()
    box = StorageBox(home, credentials)
    given = {"copy_to": box.address("staging"), "copy_host_key": box.host_key}
    assert second_copy.address(given["copy_to"]) == "sftp://box@198.51.100.1:7023/staging"
    assert second_copy.host_key(given["copy_host_key"]).startswith("ssh-ed25519 ")

    program = home.local / "box-program/usr/bin/rclone"
    program.parent.mkdir(parents=True)
    program.touch()
    command = box.command()
    assert command[0] == str(program)
    assert "198.51.100.1:7023" in command, "other machines do not reach it"
    assert str(credentials.copy_key.with_suffix(".pub")) in command, "whom it lets in"
    assert box.folder.stat().st_mode & 0o077 == 0
