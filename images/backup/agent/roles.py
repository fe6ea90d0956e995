"""PostgreSQL's roles, which belong to no database: who there is, in what, and with which rights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .manifest import DUMP, Manifest, file_digest
from .postgres import Postgres
from .source import Terms
from .throwaway import Lab, throwaway

# Rights begin with whether it is the role that made the server.
_ROLES = """\
SELECT rolname, concat_ws(' ', oid = 10, rolsuper, rolinherit, rolcreaterole, rolcreatedb,
                          rolcanlogin, rolreplication, rolbypassrls, rolconnlimit)
FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1"""
_COUNTS = """\
SELECT (SELECT count(*) FROM pg_auth_members m
        JOIN pg_roles mine ON mine.oid = m.member JOIN pg_roles theirs ON theirs.oid = m.roleid
        WHERE NOT (mine.rolname ~ '^pg_' AND theirs.rolname ~ '^pg_')),
       (SELECT coalesce(sum(cardinality(setconfig)), 0) FROM pg_db_role_setting
        WHERE setdatabase = 0)"""


@dataclass(frozen=True, kw_only=True)
class Roles:
    """The roles of a server, without their passwords: those are the program's."""

    server: Postgres
    terms: Terms
    name: str = "roles"

    def dump(self, folder: Path) -> Manifest:
        """As SQL, by pg_dumpall; raises `AgentError`."""
        file = folder / DUMP
        facts, counts = _counted(self.server)
        self.server.programs.run(
            ["pg_dumpall", *self.server.options, "--globals-only", "--no-role-passwords",
             "-f", str(file)]
        )  # fmt: skip
        return Manifest(
            source=self.name,
            version=self.server.query("SHOW server_version"),
            counts=counts,
            facts=facts,
            size=file.stat().st_size,
            digest=file_digest(file),
        )

    def differences(self, manifest: Manifest, dump: Path, lab: Lab) -> list[str]:
        """Make them in a server that has none; raises `AgentError`."""
        # Roles are granted in the name of the role that made the server, so this one's is the same.
        first = next(role for role, rights in manifest.facts.items() if rights.startswith("t "))
        sql = dump.read_text(encoding="utf-8").splitlines(keepends=True)
        with throwaway(lab.folder(), first) as server:
            server.query("".join(line for line in sql if line != f"CREATE ROLE {first};\n"))
            facts, counts = _counted(server)
        found = [f"role {role} is missing" for role in manifest.facts if role not in facts]
        found += [f"role {role} is not in the manifest" for role in facts.keys() - manifest.facts]
        found += [
            f"role {role} has other rights"
            for role, rights in manifest.facts.items()
            if facts.get(role, rights) != rights
        ]
        found += [
            f"{counts[part]} {part} instead of {wanted}"
            for part, wanted in manifest.counts.items()
            if counts[part] != wanted
        ]
        return found


def _counted(server: Postgres) -> tuple[dict[str, str], dict[str, int]]:
    """The rights of each role, and how many roles, memberships and settings there are."""
    lines = (line.partition("|") for line in server.query(_ROLES).splitlines())
    rights = {role: rest for role, _, rest in lines}
    memberships, settings = server.query(_COUNTS).split("|")
    counts = {"roles": len(rights), "memberships": int(memberships), "settings": int(settings)}
    return rights, counts
