"""A Redis server: its own protocol, its figures, and its dumps by `redis-cli`."""

from __future__ import annotations

import socket
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedRWPair
from pathlib import Path

from .process import AgentError, Programs

_ANSWER_SECONDS = 60
Reply = bytes | int | None


@dataclass(frozen=True, kw_only=True)
class Redis:
    """A server at `host` (or at the socket `host`); its password is in a file, if it has one."""

    host: str
    port: int = 0
    user: str = ""
    password_file: str = ""
    programs: Programs = field(default_factory=Programs)

    @contextmanager
    def connection(self) -> Generator[Connection]:
        """A connection that is logged in; raises `AgentError`."""
        try:
            with self._socket() as link, link.makefile("rwb") as stream:
                connection = Connection(stream)
                if self.user:
                    connection.ask("AUTH", self.user, self._password())
                yield connection
        except OSError as error:
            raise AgentError(f"Redis at {self.host} cannot be reached: {error}") from error

    def figures(self) -> dict[str, str]:
        """What it says of itself (INFO); raises `AgentError`."""
        with self.connection() as connection:
            return connection.figures()

    def dump(self, file: Path) -> None:
        """All that it holds, as a replica is given it; raises `AgentError`."""
        # The password by standard input: a variable of a process can be read by others.
        self.programs.run(
            ["redis-cli", "-h", self.host, "-p", str(self.port), "--user", self.user,
             "--askpass", "--rdb", str(file)],
            stdin=f"{self._password()}\n",
        )  # fmt: skip

    def _password(self) -> str:
        return Path(self.password_file).read_text(encoding="utf-8").strip()

    def _socket(self) -> socket.socket:
        if not self.host.startswith("/"):
            return socket.create_connection((self.host, self.port), timeout=_ANSWER_SECONDS)
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(_ANSWER_SECONDS)
        link.connect(self.host)
        return link


@dataclass(frozen=True)
class Connection:
    """Commands and their replies, several at once where there are many."""

    stream: BufferedRWPair

    def ask(self, *command: str | bytes | int) -> Reply:
        """One command. Raises `AgentError`."""
        return self.ask_all([command])[0]

    def ask_all(self, commands: Sequence[Sequence[str | bytes | int]]) -> list[Reply]:
        """One reply for each; raises `AgentError` with the first that is an error."""
        for command in commands:
            self.stream.write(_packed(command))
        self.stream.flush()
        return [self._reply() for _ in commands]

    def keys(self, cursor: bytes) -> tuple[bytes, list[bytes]]:
        """The next keys of the chosen database, and where to go on; `b"0"` begins and ends."""
        self.stream.write(_packed(["SCAN", cursor, "COUNT", 500]))
        self.stream.flush()
        self._size(b"*")
        following = self._reply()
        found = [self._reply() for _ in range(self._size(b"*"))]
        return bytes(following or b"0"), [key for key in found if isinstance(key, bytes)]

    def figures(self) -> dict[str, str]:
        """What the server says of itself."""
        told = self.ask("INFO")
        lines = told.decode(errors="replace").splitlines() if isinstance(told, bytes) else []
        parts = (line.partition(":") for line in lines if not line.startswith("#"))
        return {name: value for name, _, value in parts if name}

    def _reply(self) -> Reply:
        kind, rest = self._line()
        match kind:
            case b"+":
                return rest
            case b":":
                return int(rest)
            case b"$":
                size = int(rest)
                return None if size < 0 else self._exactly(size + 2)[:-2]
            case _:
                raise AgentError(f"Redis answers: {rest.decode(errors='replace')}")

    def _size(self, wanted: bytes) -> int:
        kind, rest = self._line()
        if kind != wanted:
            raise AgentError(f"Redis answers: {rest.decode(errors='replace')}")
        return int(rest)

    def _line(self) -> tuple[bytes, bytes]:
        line = self.stream.readline()
        if not line.endswith(b"\r\n"):
            raise AgentError("Redis ended the connection")
        return line[:1], line[1:-2]

    def _exactly(self, size: int) -> bytes:
        found = self.stream.read(size)
        if len(found) < size:
            raise AgentError("Redis ended the connection")
        return found


def databases(figures: dict[str, str]) -> dict[str, int]:
    """How many keys each database has that has any, by its number as text."""
    return {
        name.removeprefix("db"): int(value.partition(",")[0].removeprefix("keys="))
        for name, value in figures.items()
        if name.startswith("db") and name[2:].isdigit()
    }


def _packed(command: Sequence[str | bytes | int]) -> bytes:
    parts = [part if isinstance(part, bytes) else str(part).encode() for part in command]
    sized = (b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
    return b"*%d\r\n" % len(parts) + b"".join(sized)
