"""What a stand-in Pulumi provider is written with.

A stand-in declares its properties and does the work of create, read, update and delete on the
vendor's own SDK; checks, defaults, differences, previews, secrets and gRPC are done here.

    class Server(Resource[hcloud.Client]):
        token = "hcloud:index/server:Server"
        properties = (
            Property("name", computed=True),                  # optional, filled by the cloud
            Property("serverType", required=True),
            Property("image", force_new=True),
            Property("labels", MapOf(String)),
            Property("ipv4Address", output=True),             # only the provider sets it
        )

        def create(self, ctx, inputs):
            made = ctx.client.servers.create(name=inputs["name"], ...).server
            return str(made.id), self._outputs(made)

        def read(self, ctx, resource_id, state):          # refresh and import (state is {})
            found = ctx.client.servers.get_by_id(int(resource_id))  # raise NotFound or return None
            return self._outputs(found)

        def update(self, ctx, resource_id, old, new): ...; return self._outputs(...)
        def delete(self, ctx, resource_id, state): ...    # NotFound counts as deleted

    def provider() -> Provider[hcloud.Client]:                # what server.py looks for
        return Provider(
            name="hcloud", package="pulumi-hcloud",
            config=(Property("token", secret=True, env=("HCLOUD_TOKEN",)), ...),
            configure=lambda config: hcloud.Client(token=config["token"]),
            resources=(Server(), ...), functions=(...),
        )

Rules:
- Property names are the schema's camelCase ones. `inputs`, `state`, `old`, `new` are plain dicts;
  secrets are unwrapped; an absent optional property has no key (use `.get`). In `check` alone
  values may be `UNKNOWN`.
- Outputs that `create` and `update` return are laid over the inputs, those of `read` over the
  state: a key that is left out keeps its value, `None` removes it. So what an API does not give
  back (a secret's value) is simply left out. `read` may return the key "id" to change the id.
- Refresh shows drift in each property of the state; import takes as inputs all that `read` gives
  except output-only and zero values.
- A difference is one between *state* and inputs. `computed` properties that the program leaves
  out never differ.
- Raise `ProviderError` with a message for the user, `NotFound` where the thing is gone,
  `PartialFailure` when it exists but did not come up (kept in the state, replaced by the next up).
- Methods run in threads, up to 64 at once: the client must be thread-safe. Long waits should
  call `ctx.check_cancelled()` or wait with `ctx.sleep(seconds)`.
- A provider's settings come from its inputs, then from `env` of this process, then `default`.
"""

# ruff: noqa: ARG002 - the arguments of the methods are the interface, used or not

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

from localcloud.providers.diff import Change
from localcloud.providers.schema import (
    Anything,
    Boolean,
    Failure,
    Integer,
    ListOf,
    MapOf,
    Number,
    Object,
    Property,
    SetOf,
    String,
    Type,
)
from localcloud.providers.values import UNKNOWN, Secret, Values, has_unknown

__all__ = [
    "UNKNOWN",
    "Anything",
    "Boolean",
    "Cancelled",
    "Change",
    "Context",
    "Failure",
    "Function",
    "Integer",
    "ListOf",
    "MapOf",
    "NotFound",
    "Number",
    "Object",
    "PartialFailure",
    "Property",
    "Provider",
    "ProviderError",
    "Resource",
    "Secret",
    "SetOf",
    "String",
    "Type",
    "Values",
    "has_unknown",
]

ClientT = TypeVar("ClientT")


class ProviderError(Exception):
    """A failure whose message is for the user; shown without a traceback."""


class NotFound(ProviderError):  # noqa: N818 - it reads as what it says
    """The thing does not exist in the cloud (any more)."""


class Cancelled(ProviderError):  # noqa: N818
    """The engine gave up on the operation."""


class PartialFailure(ProviderError):  # noqa: N818
    """The resource was made (or changed) but did not come up: kept in the state, then replaced."""

    def __init__(self, resource_id: str, outputs: Mapping[str, Any], reason: str) -> None:
        super().__init__(reason)
        self.resource_id = resource_id
        self.outputs = dict(outputs)


@dataclass(frozen=True, kw_only=True)
class Context(Generic[ClientT]):
    """What an operation knows besides its properties."""

    urn: str
    timeout: float
    """Seconds of the program's custom timeout; 0 when there is none."""
    get_client: Callable[[], ClientT]
    cancelled: threading.Event
    log: Callable[[str], None] = field(default=lambda _: None)
    """Shows a line of information in the engine's output."""
    cancel_scope: threading.Event = field(default_factory=threading.Event)
    """Set when the engine asks every operation of this provider to stop."""

    @property
    def client(self) -> ClientT:
        """What the provider's `configure` made; an error when it is not configured."""
        return self.get_client()

    @property
    def name(self) -> str:
        """The resource's logical name."""
        return self.urn.rpartition("::")[2]

    def check_cancelled(self) -> None:
        """Raise `Cancelled` when the engine has given up on the operation."""
        if self.cancelled.is_set() or self.cancel_scope.is_set():
            raise Cancelled("the operation was cancelled")

    def sleep(self, seconds: float) -> None:
        """Wait, but no longer than the engine does."""
        until = time.monotonic() + seconds
        while True:
            self.check_cancelled()
            left = until - time.monotonic()
            if left <= 0:
                return
            self.cancelled.wait(min(left, 0.5))


class Resource(ABC, Generic[ClientT]):
    """One resource type."""

    token: ClassVar[str]
    properties: ClassVar[tuple[Property, ...]]
    autoname: ClassVar[str | None] = None
    """The property that gets `<logical name>-<7 hex digits>` when the program gives none. A name
    that the program gives makes a replacement delete the old resource first, as with the bridge."""
    delete_before_replace: ClassVar[bool] = False
    undo_abandoned: ClassVar[bool] = True
    """Delete what was created while the engine died: no state knows of it."""

    def check(self, ctx: Context[ClientT], inputs: Values) -> Sequence[Failure]:
        """Further checks; values may be unknown. `ctx.client` may be missing here."""
        return ()

    def customise_diff(
        self,
        old: Values,
        new: Values,
        changes: Sequence[Change],
    ) -> Sequence[Change]:
        """The last word on what differs."""
        return changes

    def preview(self, inputs: Values) -> Values:
        """Outputs that are known before the resource exists."""
        return {}

    @abstractmethod
    def create(self, ctx: Context[ClientT], inputs: Values) -> tuple[str, Values]:
        """Make the resource; its id and outputs."""

    @abstractmethod
    def read(self, ctx: Context[ClientT], resource_id: str, state: Values) -> Values | None:
        """The outputs as the cloud has them now; None when the resource is gone."""

    def update(self, ctx: Context[ClientT], resource_id: str, old: Values, new: Values) -> Values:
        """Change the resource in place; its outputs."""
        raise ProviderError(f"{self.token} cannot be updated in place")

    @abstractmethod
    def delete(self, ctx: Context[ClientT], resource_id: str, state: Values) -> None:
        """Remove the resource."""


@dataclass(frozen=True, kw_only=True)
class Function(Generic[ClientT]):
    """A function (invoke), for instance `hcloud:index/getServerTypes:getServerTypes`."""

    token: str
    properties: tuple[Property, ...] = ()
    run: Callable[[Context[ClientT], Values], Values]


@dataclass(frozen=True, kw_only=True)
class Provider(Generic[ClientT]):
    """A whole stand-in provider."""

    name: str
    package: str
    """The SDK's distribution name: its version is the plugin's version."""
    configure: Callable[[Values], ClientT]
    """Makes the client from the known configuration; may raise `ProviderError`."""
    config: tuple[Property, ...] = ()
    resources: tuple[Resource[ClientT], ...] = ()
    functions: tuple[Function[ClientT], ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict[str, str])
    """Tokens that exist in the real plugin but not here, each with what to do instead."""
