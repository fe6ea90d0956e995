"""The command stand-in under the real engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pulumi
import pulumi_command as command
import pytest

from localcloud.providers import command as standin
from tests.localcloud.providers.conftest import MakeHarness

pytestmark = pytest.mark.local


def test_the_scripts_run_when_their_time_has_come(
    make_harness: MakeHarness, tmp_path: Path
) -> None:
    harness = make_harness(standin.provider())
    log = tmp_path / "log"
    arguments: dict[str, Any] = {
        "create": f"cat >> {log}; echo $GREETING; echo oops >&2",
        "update": f"echo update after $PULUMI_COMMAND_STDOUT >> {log}; echo updated",
        "delete": f"echo delete after $PULUMI_COMMAND_STDOUT >> {log}",
        "stdin": "create\n",
        "environment": {"GREETING": "hello"},
        "triggers": ["a"],
    }

    def program() -> None:
        options = pulumi.ResourceOptions(provider=command.Provider("command"))
        made = command.local.Command("it", opts=options, **arguments)
        pulumi.export("stdout", made.stdout)
        pulumi.export("stderr", made.stderr)

    harness.preview(program)
    assert not log.exists(), "a preview runs nothing"
    harness.up(program)
    outputs = harness.stack.outputs()
    assert (outputs["stdout"].value, outputs["stderr"].value) == ("hello", "oops")
    assert set(harness.preview()) == {"same"}

    arguments["environment"] = {"GREETING": "bye"}
    assert harness.preview()["update"] == 1
    harness.up()
    assert harness.stack.outputs()["stdout"].value == "updated"

    arguments["triggers"] = ["b"]
    assert harness.up()["replace"] == 1
    harness.destroy()
    assert log.read_text().splitlines() == [
        "create",
        "update after hello",
        "create",
        "delete after updated",
        "delete after bye",
    ]


def test_a_failing_script_is_an_error_with_its_output(make_harness: MakeHarness) -> None:
    harness = make_harness(standin.provider())

    def program() -> None:
        options = pulumi.ResourceOptions(provider=command.Provider("command"))
        command.local.Command("it", create="echo why >&2; exit 3", opts=options)

    with pytest.raises(Exception, match=r"exit status 3: running [\s\S]*why"):
        harness.up(program)


def test_remote_commands_are_refused(make_harness: MakeHarness) -> None:
    harness = make_harness(standin.provider())

    def program() -> None:
        options = pulumi.ResourceOptions(provider=command.Provider("command"))
        connection = command.remote.ConnectionArgs(host="127.0.0.1")
        command.remote.Command("it", connection=connection, create="true", opts=options)

    with pytest.raises(Exception, match="run the OpenSSH client in a command:local:Command"):
        harness.preview(program)
