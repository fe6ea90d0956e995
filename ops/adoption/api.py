"""Questions to a vendor's API."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import httpx

from ops.failures import OpsError

# Vendors answer such questions in well under a second; a hanging one must not hang an update.
_TIMEOUT = 20.0


def ask(url: str, token: str, variables: Mapping[str, str], query: Mapping[str, str]) -> Any:  # noqa: ANN401 - a vendor's JSON
    """The vendor's answer as JSON; None when there is no such thing.

    `token` names the variable that holds the token. Raises `OpsError` when the vendor does not
    answer, or refuses.
    """
    try:
        answer = httpx.get(
            url,
            params=dict(query),
            headers={"Authorization": f"Bearer {variables.get(token, '')}"},
            timeout=_TIMEOUT,
        )
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        answer.raise_for_status()
        return answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise OpsError(
            "An earlier update was killed, and what it left cannot be looked up.",
            [f"{url}: {error}", f"Check {token} and the network, then run it again."],
        ) from error
