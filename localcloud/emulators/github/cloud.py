"""The emulated GitHub: accounts, teams and repositories, and what they are allowed by their plan.

Seed (all keys optional):

    {"owner": "wuesteon", "plan": "team", "repository": "monorepo", "private": true,
     "repositories": ["more", "names"], "users": ["first", "second"], "teams": ["platform"],
     "owner_type": "Organization"}

The first user is the one that the tokens belong to, unless the owner itself is a user. A seed
that names other values for the plan or for `private` changes those of an existing state.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

from nacl.public import PrivateKey

from localcloud.emulators.github.errors import not_found
from localcloud.emulators.store import Row, Store

Plan = Literal["free", "pro", "team", "enterprise"]
PLANS: tuple[Plan, ...] = ("free", "pro", "team", "enterprise")
DEFAULT_OWNER = "wuesteon"
DEFAULT_REPOSITORY = "manacore-monorepo"


class Cloud:
    """State and rules that the endpoints share."""

    def __init__(self, store: Store, seed: Mapping[str, Any]) -> None:
        """Open the state and bring it up to the seed."""
        self.store = store
        self.owner = str(seed.get("owner") or DEFAULT_OWNER)
        plan = str(seed.get("plan") or "team")
        if plan not in PLANS:
            raise ValueError(f"github.plan: {plan!r} is none of {', '.join(PLANS)}")
        default_type = "User" if plan == "pro" else "Organization"
        owner_type = str(seed.get("owner_type") or default_type)
        users = [str(user) for user in seed.get("users") or ("octo-lead", "octo-ops")]
        names = [str(name) for name in seed.get("repositories") or ()]
        first = str(seed.get("repository") or (names[0] if names else DEFAULT_REPOSITORY))
        private = bool(seed.get("private", True))
        with store.transaction():
            owner = self._account(self.owner, owner_type)
            owner["plan"] = plan
            for user in users:
                self._account(user, "User")
            for team in seed.get("teams") or ("platform",):
                self._team(str(team))
            for name in dict.fromkeys((first, *names)):
                self._repository(name, private=private)
        self.login = self.owner if owner_type == "User" else users[0]

    def _account(self, login: str, kind: str) -> Row:
        with self.store.transaction() as tables:
            row = tables["accounts"].setdefault(
                login.lower(), {"id": self.store.next_id("accounts", 1001), "login": login}
            )
            row["type"] = kind
            return row

    def _team(self, name: str) -> None:
        slug = name.lower().replace(" ", "-")
        with self.store.transaction() as tables:
            if not any(row["slug"] == slug for row in tables["teams"].values()):
                number = self.store.next_id("teams", 3001)
                tables["teams"][str(number)] = {"id": number, "name": name, "slug": slug}

    def _repository(self, name: str, *, private: bool) -> None:
        with self.store.transaction() as tables:
            rows = tables["repositories"]
            row = next((r for r in rows.values() if r["name"].lower() == name.lower()), None)
            if row is None:
                number = self.store.next_id("repositories", 500_001)
                row = rows[str(number)] = {
                    "id": number,
                    "name": name,
                    "default_branch": "main",
                    "branches": ["main"],
                    "archived": False,
                    "vulnerability_alerts": False,
                    "automated_security_fixes": False,
                    "security_and_analysis": {
                        "secret_scanning": {"status": "disabled"},
                        "secret_scanning_push_protection": {"status": "disabled"},
                        "dependabot_security_updates": {"status": "disabled"},
                    },
                    "created_at": self.now(),
                    "updated_at": self.now(),
                }
            row["private"] = private

    @property
    def plan(self) -> Plan:
        """The owner's plan."""
        with self.store.reading() as tables:
            return cast("Plan", tables["accounts"][self.owner.lower()]["plan"])

    def offers(self, feature: str, repository: Row) -> bool:
        """Whether the plan has a feature for this repository.

        Public repositories have all of them. For private ones (docs.github.com, "Deployments and
        environments", "About rulesets", "About secret scanning"): branch policies, environment
        secrets and rulesets from Pro and Team up; required reviewers, wait timers, pattern
        rules and secret scanning with Enterprise.
        """
        if not repository["private"]:
            return feature != "patterns" or self.plan == "enterprise"
        if feature in ("branch policies", "environment secrets", "rulesets"):
            return self.plan != "free"
        return self.plan == "enterprise"

    def repository(self, owner: str, name: str) -> Row:
        """A repository by its full name, in any case."""
        with self.store.reading() as tables:
            for row in tables["repositories"].values():
                same = row["name"].lower() == name.lower()
                if same and owner.lower() == self.owner.lower():
                    return row
        raise not_found()

    def repository_by_id(self, number: int) -> Row:
        """A repository by its number."""
        with self.store.reading() as tables:
            row = tables["repositories"].get(str(number))
        if row is None:
            raise not_found()
        return row

    def account(self, login: str) -> Row:
        """A user or organization by its login."""
        with self.store.reading() as tables:
            row = tables["accounts"].get(login.lower())
        if row is None:
            raise not_found()
        return row

    def account_by_id(self, number: int) -> Row | None:
        """A user by its number."""
        with self.store.reading() as tables:
            return next((r for r in tables["accounts"].values() if r["id"] == number), None)

    def teams(self) -> list[Row]:
        """The owner's teams; a user has none."""
        if self.account(self.owner)["type"] != "Organization":
            return []
        with self.store.reading() as tables:
            return list(tables["teams"].values())

    def key_pair(self, scope: str) -> Row:
        """The key pair that secrets of a repository or environment are sealed for."""
        with self.store.transaction() as tables:
            row = tables["keys"].get(scope)
            if row is None:
                private = PrivateKey.generate()
                row = tables["keys"][scope] = {
                    "key_id": str(568_250_167_242_549_000 + self.store.next_id("keys")),
                    "key": base64.b64encode(bytes(private.public_key)).decode(),
                    "private": base64.b64encode(bytes(private)).decode(),
                }
            return row

    @staticmethod
    def now(after: str | None = None) -> str:
        """The time in GitHub's notation, to the second, and later than `after`.

        GitHub's clock has no finer grain; here two changes within a second are told apart all
        the same, so that a test of drift need not wait.
        """
        moment = datetime.now(UTC).replace(microsecond=0)
        if after is not None:
            moment = max(moment, datetime.fromisoformat(after) + timedelta(seconds=1))
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def node_id(kind: str, number: int) -> str:
    """An opaque id as GitHub's GraphQL API uses it."""
    encoded = base64.urlsafe_b64encode(f"{kind}:{number}".encode()).decode().rstrip("=")
    return f"{kind}_{encoded}"
