"""The calls of Docker's API that the stand-in makes, with types and the daemon's own messages."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import docker
from docker import errors
from docker.utils import parse_repository_tag
from requests import exceptions

from localcloud.providers.framework import NotFound, ProviderError

Json = dict[str, Any]


class DockerApi:
    """An API client of one daemon; safe to use from many threads."""

    def __init__(self, client: docker.APIClient, url: str) -> None:
        # Its low-level methods are untyped, and the public ones know less than the schema.
        self._client: Any = client
        self._url = url

    def ping(self) -> None:
        """Fail when the daemon does not answer."""
        with self._errors():
            self._client.ping()

    def get(self, path: str, *names: str) -> Json:
        """`GET` an object."""
        with self._errors():
            response = self._client._get(self._client._url(path, *names))
            result: Json = self._client._result(response, json=True)
            return result

    def post(self, path: str, *names: str, body: Json | None = None, **query: object) -> Json:
        """`POST`, with a body or without; an empty answer is an empty object."""
        with self._errors():
            url = self._client._url(path, *names)
            response = self._client._post_json(url, data=body, params=query)
            self._client._raise_for_status(response)
            result: Json = response.json() if response.content else {}
            return result

    def delete(self, path: str, *names: str, **query: object) -> None:
        """`DELETE` an object."""
        with self._errors():
            response = self._client._delete(self._client._url(path, *names), params=query)
            self._client._raise_for_status(response)

    def put_archive(self, container_id: str, archive: bytes) -> None:
        """Unpack a tar archive at the container's root."""
        with self._errors():
            self._client.put_archive(container_id, "/", archive)

    def logs(self, container_id: str) -> str:
        """All that a container has written."""
        with self._errors():
            content: bytes = self._client.logs(container_id)
            return content.decode(errors="replace")

    def pull(
        self, image: str, platform: str | None, credentials: Mapping[str, str] | None
    ) -> Iterator[Json]:
        """Pull an image; the events of it."""
        repository, tag = parse_repository_tag(image)
        with self._errors():
            yield from self._client.pull(
                repository,
                tag=tag or "latest",
                stream=True,
                decode=True,
                platform=platform,
                auth_config=dict(credentials) if credentials else None,
            )

    def events(self, filters: Mapping[str, list[str]]) -> Any:  # noqa: ANN401 - the SDK's stream
        """The stream of events, with a `close`."""
        with self._errors():
            return self._client.events(decode=True, filters=filters)

    @contextmanager
    def _errors(self) -> Generator[None]:
        try:
            yield
        except errors.NotFound as error:
            raise NotFound(_explain(error)) from error
        except errors.APIError as error:
            raise ProviderError(f"Error response from daemon: {_explain(error)}") from error
        except (errors.DockerException, exceptions.RequestException) as error:
            raise ProviderError(f"cannot reach Docker at {self._url}: {error}") from error


def _explain(error: errors.APIError) -> str:
    return str(error.explanation or error)
