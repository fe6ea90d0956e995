"""What a release works on: the stack, its program, its ledger, its servers."""

from __future__ import annotations

import json
import ssl
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import httpx
from pulumi import automation as auto

from catalog import Catalog, load_catalog
from components.edge.pointers import RESOURCE
from localcloud.registry.authority import Authority
from localcloud.registry.registry import PUSH_ADDRESS
from ops import session
from ops.failures import OpsError
from ops.release import disk, recovery
from ops.release import ledger as ledgers
from ops.release.digests import Login, Registries
from ops.release.probes.target import Target as Probed
from ops.release.server import Server, Smoke
from ops.release.signatures import Signatures
from ops.session import Session
from ops.target import Target
from stacks.ledger import Ledger, Slot
from stacks.pointing import pointers

# The URN of the pointers of any edge, as a pattern of the engine's.
POINTERS = f"urn:pulumi:**$command:local:Command::*-{RESOURCE}"


@dataclass
class Site:
    """A stack that is up, opened for a release."""

    target: Target
    session: Session
    stack: auto.Stack
    catalog: Catalog
    outputs: Mapping[str, Any]

    @classmethod
    def open(cls, target: Target) -> Site:
        """Open it; raises `OpsError` when the stack is not up."""
        opened = Session(target)
        stack = opened.known()
        opened.warm()
        outputs = session.outputs(stack)
        if not outputs.get("services"):
            raise OpsError(f"The stack {target.stack} is not up: bring it up first.")
        return cls(target, opened, stack, load_catalog(), outputs)

    @property
    def ledger(self) -> Ledger:
        """The ledger as it is now; raises `InvalidInput`."""
        return recovery.read(self.target.stack)

    @property
    def order(self) -> list[str]:
        """All services with slots, those that others need first."""
        return [service.name for service in self.catalog.start_order() if service.slots]

    def steer(self, ledger: Ledger, what: str) -> None:
        """Write the ledger, let the edge serve it, and the engine know; raises `OpsError`."""
        self.flip(ledger)
        self.record(what)

    def flip(self, ledger: Ledger) -> None:
        """Write the ledger, and let the edge serve what it says, at once; `record` follows.

        By the script that the engine would run, and with the same pointers: it changes nothing when
        it runs again, and whoever goes back need not wait for the engine. Raises `OpsError`.
        """
        self._write(ledger)
        with self._room():
            for name, services in self.by_server(self._listed(ledger)).items():
                here = [self.catalog[service] for service in services]
                Server.of(self.outputs, name).flip(pointers(here, ledger))

    def record(self, what: str) -> None:
        """Let the engine know what `flip` did: it updates the edge's pointers, and nothing else.

        What else a program has changed meanwhile waits for the next `up`. Raises as `apply`.
        """
        with self._room():
            self.session.up(self.stack, what, only=[POINTERS])

    def apply(self, ledger: Ledger, what: str) -> None:
        """Write the ledger, and make the stack what it says.

        Raises `OpsError`, with the servers' figures when one of their disks is full.
        """
        self._write(ledger)
        with self._room():
            self.session.up(self.stack, what)

    def _write(self, ledger: Ledger) -> None:
        file = recovery.ledger_file(self.target.stack)
        try:
            ledgers.write(file, ledger)
        except OSError as error:
            raise OpsError(f"{file} cannot be written: {error}") from error

    @contextmanager
    def _room(self) -> Generator[None]:
        """Whatever fails for a full disk says which one, and what to do."""
        try:
            yield
        except OpsError as error:
            if disk.is_full(error):
                raise disk.explained(error, self.servers, self.target.stack) from error
            raise

    def _listed(self, ledger: Ledger) -> list[str]:
        """The services with pointers: those that are up, and in catalogue and ledger."""
        known = {service.name for service in self.catalog.slotted} & set(ledger.entries)
        return [found["name"] for found in self.outputs["services"] if found["name"] in known]

    def digests(self, references: Iterable[str]) -> Mapping[str, str]:
        """The digests of images, from their registries.

        Raises `OpsError` with everything that is wrong.
        """
        if not self.target.is_local:
            return Registries(logins=self._logins()).digests(references)
        authority = Authority(folder=self.target.logs.parent / "ca")
        context = ssl.create_default_context(cafile=str(authority.certificate))
        hosts = {reference.partition("/")[0] for reference in references}
        with httpx.Client(verify=context, timeout=20) as client:
            urls = dict.fromkeys(hosts, f"https://{PUSH_ADDRESS}")
            return Registries(client=client, base_urls=urls).digests(references)

    def verify(self, images: Iterable[str]) -> None:
        """Check the signatures of images where the stack has a key for them; raises `OpsError`."""
        key = self._config.get("manacore:image_key")
        if key and key.value:
            Signatures(key=key.value, logins=self._logins()).verify(images)

    @cached_property
    def _config(self) -> auto.ConfigMap:
        """The stack's configuration, decrypted: each reading starts the engine."""
        return self.stack.get_all_config()

    def _logins(self) -> dict[str, Login]:
        """The logins of private registries, from the stack's configuration."""
        found = self._config.get("manacore:registries")
        logins = cast("dict[str, dict[str, str]]", json.loads(found.value)) if found else {}
        return {
            registry: Login(username=login["username"], password=login["password"])
            for registry, login in logins.items()
        }

    @property
    def servers(self) -> list[Server]:
        """All servers of the stack."""
        return [Server.of(self.outputs, name) for name in self.outputs["servers"]]

    def server_of(self, service: str) -> Server:
        """The server that runs a service; raises `OpsError` when it was never brought up."""
        return Server.of(self.outputs, str(self._output(service)["server"]))

    def by_server(self, services: Iterable[str]) -> dict[str, list[str]]:
        """The services by their server's name."""
        found: dict[str, list[str]] = {}
        for service in services:
            found.setdefault(str(self._output(service)["server"]), []).append(service)
        return found

    def host_of(self, service: str) -> str | None:
        """The public host name of a service."""
        url = self._output(service).get("url")
        return str(url).removeprefix("https://") if url else None

    def smoke(self, service: str, slot: Slot) -> Smoke:
        """How a slot of a service is asked whether it works."""
        entry = self.catalog[service]
        return Smoke(
            container=f"{service}-{slot}",
            slot=slot.value,
            port=entry.port,
            path=entry.health,
            host=self.host_of(service),
        )

    def probes(self, services: Iterable[str]) -> list[Probed]:
        """What the prober asks during a release: the public hosts of these services."""
        found: list[Probed] = []
        ledger = self.ledger
        for service in services:
            host = self.host_of(service)
            # Under maintenance every answer is 503, which is meant.
            if host is None or ledger[service].maintenance:
                continue
            entry = self.catalog[service]
            found.append(
                Probed(
                    host=host,
                    # As everybody: by DNS. A local cloud's names are in no DNS.
                    address=str(self.server_of(service).output["ipv4"])
                    if self.target.is_local
                    else None,
                    path=entry.health,
                    verify=not self.target.is_local,
                    websocket=entry.websockets,
                    websocket_path="/ws",
                )
            )
        return found

    def _output(self, service: str) -> Mapping[str, Any]:
        for found in self.outputs["services"]:
            if found["name"] == service:
                return cast("Mapping[str, Any]", found)
        raise OpsError(f"{service} is not up yet.", ["Run ./manacore up first."])
