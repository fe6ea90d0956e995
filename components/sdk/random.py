"""What is made up once and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pulumi_random import (
        Provider,
        RandomPassword,
    )
else:
    from components.sdk.light import Provider as LightProvider
    from components.sdk.light import Resource

    class Provider(LightProvider):
        """Configuration of the plugin."""

        token = "random"

    class RandomPassword(Resource):
        """A random text, secret."""

        token = "random:index/randomPassword:RandomPassword"
        maps = frozenset({"keepers"})
        outputs = ("result",)
        secret = ("bcrypt_hash", "result")


__all__ = [
    "Provider",
    "RandomPassword",
]
