"""The API as the resources use it: calls, errors, spelling of keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import httpx
from cloudflare import APIConnectionError, APIStatusError, Cloudflare

from localcloud.providers.framework import (
    NotFound,
    ProviderError,
    Resource,
    Values,
)

RETRIES: Final = 4


class Api:
    """The few calls that the resources need, with errors that name what the API said."""

    def __init__(self, token: str, base_url: str | None) -> None:
        self._client = Cloudflare(api_token=token, base_url=base_url, max_retries=RETRIES)

    def call(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] = {}
    ) -> Any:  # noqa: ANN401 - the API's JSON
        """The `result` of a request. Raises `NotFound` or `ProviderError`."""
        # The client's own request: it authenticates, waits on 429 and tries again.
        request = cast("Callable[..., httpx.Response]", getattr(self._client, method))
        options = {"headers": dict(headers)} if headers else {}
        try:
            answer = (
                request(path, cast_to=httpx.Response, options=options)
                if body is None
                else request(path, cast_to=httpx.Response, body=body, options=options)
            )
        except APIStatusError as error:
            if error.status_code == 404:
                raise NotFound(_said(error.response)) from error
            raise Refused(error.response) from error
        except APIConnectionError as error:
            raise ProviderError(f"Cloudflare cannot be reached: {error}") from error
        return answer.json()["result"] if answer.content else None


class Refused(ProviderError):  # noqa: N818 - it reads as what it says
    """The API said no; `codes` are its own."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(_said(answer))
        try:
            self.codes = frozenset(int(p["code"]) for p in answer.json()["errors"])
        except (ValueError, KeyError, TypeError):
            self.codes = frozenset[int]()


def moment() -> datetime:
    """Now, a little before: clocks differ."""
    return datetime.now(UTC) - timedelta(seconds=2)


def made_since(began: datetime, created: str) -> bool:
    """Whether something with this creation time was made after `began`: by the request that is
    being repeated because its answer was lost."""
    return datetime.fromisoformat(created) >= began


def _said(answer: httpx.Response) -> str:
    try:
        problems = answer.json()["errors"]
        said = "; ".join(f"{p['message']} ({p['code']})" for p in problems)
    except (ValueError, KeyError, TypeError):
        said = answer.text
    return f"Cloudflare answered {answer.status_code}: {said}"


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def to_api(value: object) -> object:
    """Keys of nested objects as the API spells them."""
    if isinstance(value, dict):
        given = cast("dict[str, object]", value)
        return {_snake(k): to_api(v) for k, v in given.items() if v is not None}
    if isinstance(value, list):
        return [to_api(item) for item in cast("list[object]", value)]
    return value


def from_api(value: object) -> object:
    """Keys of nested objects as the schema spells them."""
    if isinstance(value, dict):
        given = cast("dict[str, object]", value)
        return {_camel(k): from_api(v) for k, v in given.items() if v is not None}
    if isinstance(value, list):
        return [from_api(item) for item in cast("list[object]", value)]
    return value


def parts(resource_id: str, form: str) -> list[str]:
    """The parts of an import id, which must have the given form."""
    parts = resource_id.split("/")
    if len(parts) != len(form.split("/")) or not all(parts):
        raise ProviderError(f"invalid id {resource_id!r}: expected {form}")
    return parts


def computed_only(resource: Resource[Api], inputs: Values, answer: Values) -> Values:
    """What an answer adds: outputs, and what the program has left to the provider."""
    fields = {field.name: field for field in resource.properties}
    return {
        key: value
        for key, value in answer.items()
        if key in fields and (fields[key].output or (fields[key].computed and key not in inputs))
    }
