"""What runs on the machine of the program."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pulumi_command import Provider
    from pulumi_command.local import Command
else:
    from components.sdk.light import Provider as LightProvider
    from components.sdk.light import Resource

    class Provider(LightProvider):
        """Configuration of the plugin."""

        token = "command"

    class Command(Resource):
        """A shell text that runs here."""

        token = "command:local:Command"
        maps = frozenset({"environment"})
        outputs = ("stdout",)
        replaced_on = ("triggers[*]",)


__all__ = [
    "Command",
    "Provider",
]
