"""The state behind the API: one account, its zones, and whose token is accepted."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import deque
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Annotated, Any, Final, cast

from fastapi import Body

from localcloud.emulators.cloudflare.envelope import ApiError, Problem, refuse
from localcloud.emulators.store import Row, Store

DEFAULT_ACCOUNT: Final = "0123456789abcdef0123456789abcdef"
JsonBody = Annotated[Any, Body()]
"""A request's body, of any kind: `json_object` refuses it as the vendor does."""
IDENTIFIER: Final = re.compile(r"[0-9a-f]{32}")


def new_id() -> str:
    """An identifier as the vendor's: 32 hexadecimal digits."""
    return secrets.token_hex(16)


def stable_id(text: str) -> str:
    """The identifier that belongs to a name, the same each time."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def timestamp(moment: datetime | None = None) -> str:
    """The moment, by default now, as the API writes it."""
    return (moment or datetime.now(UTC)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def json_object(body: object) -> Row:
    """A request's body, which must be a JSON object."""
    if not isinstance(body, dict):
        raise refuse(400, 9207, "Request body is invalid: a JSON object is expected")
    return cast("Row", body)


class Cloud:
    """One account and its zones, in a store that keeps what they have."""

    def __init__(
        self,
        store: Store,
        *,
        tokens: Collection[str],
        seed: Mapping[str, Any],
        dnssec_activation_seconds: float = 0,
        buckets: Path | None = None,
    ) -> None:
        """Put the seeded zones into the store, where they are not there yet."""
        self.store = store
        self.buckets = buckets
        self.tokens = frozenset(tokens)
        self.dnssec_activation_seconds = dnssec_activation_seconds
        self.account_id = str(seed.get("account_id", DEFAULT_ACCOUNT))
        self.seeded: list[str] = []
        zones = cast("list[str | Mapping[str, Any]]", seed.get("zones", []))
        with store.transaction() as tables:
            for entry in zones:
                given = {"name": entry} if isinstance(entry, str) else entry
                name = str(given["name"]).encode("idna").decode().lower()
                zone_id = str(given.get("id", stable_id(name)))
                tables["zones"].setdefault(zone_id, new_zone(zone_id, name, self.account_id))

    def zone(self, zone_id: str) -> Row:
        """The zone of that id; to be called inside a `with` of the store."""
        if IDENTIFIER.fullmatch(zone_id) is None:
            raise refuse(
                400,
                7003,
                f"Could not route to /zones/{zone_id}, perhaps your object identifier is invalid?",
            )
        with self.store.reading() as tables:
            zone = tables.get("zones", {}).get(zone_id)
        if zone is None:
            raise refuse(404, 1001, "Invalid zone identifier")
        return zone

    def check_account(self, account_id: str) -> None:
        """Refuse an account that is not the one of the tokens."""
        if account_id != self.account_id:
            raise refuse(403, 10000, "Authentication error")


class RateLimit:
    """So many requests per window for each token, then none until the oldest has left it."""

    def __init__(
        self, requests: int, seconds: float, clock: Callable[[], float] = monotonic
    ) -> None:
        self._requests = requests
        self._seconds = seconds
        self._clock = clock
        self._seen: dict[str, deque[float]] = {}
        self._lock = Lock()

    def count(self, token: str) -> None:
        """Count a request. Raises the 429 that says when to come back."""
        now = self._clock()
        with self._lock:
            seen = self._seen.setdefault(token, deque())
            while seen and seen[0] <= now - self._seconds:
                seen.popleft()
            if len(seen) >= self._requests:
                wait = max(1, round(seen[0] + self._seconds - now))
                text = (
                    f"More than {self._requests} requests per {self._seconds:g} seconds reached. "
                    "Please wait and consider throttling your request speed"
                )
                raise ApiError(429, Problem(971, text), headers={"Retry-After": str(wait)})
            seen.append(now)


def new_zone(zone_id: str, name: str, account_id: str) -> Row:
    """A zone as the API shows it."""
    now = timestamp()
    return {
        "id": zone_id,
        "name": name,
        "status": "active",
        "paused": False,
        "type": "full",
        "development_mode": 0,
        "name_servers": ["ada.ns.cloudflare.com", "bob.ns.cloudflare.com"],
        "original_name_servers": [],
        "original_registrar": None,
        "original_dnshost": None,
        "created_on": now,
        "modified_on": now,
        "activated_on": now,
        "meta": {
            "step": 4,
            "custom_certificate_quota": 0,
            "page_rule_quota": 3,
            "phishing_detected": False,
        },
        "owner": {"id": None, "type": "user", "email": None},
        "account": {"id": account_id, "name": "local"},
        "tenant": {"id": None, "name": None},
        "tenant_unit": {"id": None},
        "permissions": ["#dns_records:edit", "#zone:read", "#zone_settings:edit"],
        "plan": {
            "id": "0feeeeeeeeeeeeeeeeeeeeeeeeeeeeee",
            "name": "Free Website",
            "price": 0,
            "currency": "USD",
            "frequency": "",
            "is_subscribed": False,
            "can_subscribe": False,
            "legacy_id": "free",
            "legacy_discount": False,
            "externally_managed": False,
        },
    }
