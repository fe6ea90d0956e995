"""The configuration of each connection: the engine opens one for every provider resource."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Generic, TypeVar

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from localcloud.providers.framework import ProviderError

ClientT = TypeVar("ClientT")

_MOST_SESSIONS: Final = 512  # a connection's end is not announced: the longest unused one goes


class Session(Generic[ClientT]):
    """One engine connection: its client, once configured, and a way to log to that engine."""

    def __init__(self) -> None:
        self.engine_address = ""
        self.stopped = threading.Event()
        self._client: Callable[[], ClientT] | None = None
        self._reason = "the engine has not configured it"
        self._logger: engine_pb2_grpc.EngineStub | None = None
        self._lock = threading.Lock()

    def configured(self, client: ClientT) -> None:
        """Use this client from now on."""
        self._client = lambda: client

    def unconfigured(self, reason: str) -> None:
        """There is no client, for this reason."""
        self._client = None
        self._reason = reason

    def client(self) -> ClientT:
        """The configured client."""
        if self._client is None:
            raise ProviderError(f"the provider is not configured: {self._reason}")
        return self._client()

    def log(self, urn: str, message: str) -> None:
        """Show an information line in the engine's output; a deaf engine is no error."""
        with self._lock:
            if self._logger is None and self.engine_address:
                channel = grpc.insecure_channel(self.engine_address)
                self._logger = engine_pb2_grpc.EngineStub(channel)
            logger = self._logger
        if logger is None:
            return
        request = engine_pb2.LogRequest(severity=engine_pb2.INFO, message=message, urn=urn)
        try:
            answer: empty_pb2.Empty = logger.Log(request, timeout=5)
            del answer
        except grpc.RpcError:
            return


class Sessions(Generic[ClientT]):
    """The sessions of a server, by gRPC peer."""

    def __init__(self) -> None:
        self._by_peer: OrderedDict[str, Session[ClientT]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, peer: str) -> Session[ClientT]:
        """The session of a connection, made when it is new."""
        with self._lock:
            session = self._by_peer.setdefault(peer, Session[ClientT]())
            self._by_peer.move_to_end(peer)
            while len(self._by_peer) > _MOST_SESSIONS:
                self._by_peer.popitem(last=False)
            return session
