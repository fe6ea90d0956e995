"""The ssh client's options."""

from __future__ import annotations

import shlex
from dataclasses import replace

from components.docker.ssh import SshTarget

TARGET = SshTarget(
    user="deploy", address="198.51.100.10", host_key="ssh-ed25519 AAAA", server_id="42"
)


def test_the_host_key_is_pinned_and_nothing_else_is_believed() -> None:
    options = TARGET.options
    assert "KnownHostsCommand=/bin/echo %H ssh-ed25519 AAAA" in options
    assert "StrictHostKeyChecking=yes" in options
    assert "UserKnownHostsFile=/dev/null" in options
    assert "BatchMode=yes" in options


def test_a_rebuilt_server_is_not_reached_through_its_predecessors_connection() -> None:
    def socket(target: SshTarget) -> str:
        return next(o for o in target.shared_options if o.startswith("ControlPath="))

    assert socket(TARGET) != socket(replace(TARGET, server_id="43"))


def test_single_commands_leave_no_connection_behind() -> None:
    assert not any("Control" in option for option in TARGET.options)


def test_the_identity_is_only_named_when_it_is_given() -> None:
    assert not any(o.startswith("IdentityFile") for o in TARGET.options)
    assert "IdentityFile=~/key" in replace(TARGET, identity_file="~/key").options


def test_a_remote_text_survives_the_local_shell_as_one_word() -> None:
    text = """echo "a b" 'c' $HOME && true"""
    assert shlex.split(TARGET.command(text))[-1] == text
