"""Digests, asked from a registry that challenges for tokens as ghcr.io does."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
import uvicorn
from fastapi import FastAPI, Request, Response
from hypothesis import given
from hypothesis import strategies as st

from ops.release.digests import (
    ACCEPT,
    ImageError,
    ImageNotFoundError,
    Login,
    Reference,
    Registries,
    UnauthorizedError,
    UnreachableError,
    UnresolvedImagesError,
)

CHAT = "ghcr.io/wuesteon/chat-web"
PRIVATE = "ghcr.io/wuesteon/private"
INDEX = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json"}'
DIGEST = f"sha256:{hashlib.sha256(INDEX).hexdigest()}"
BOT = Login(username="bot", password="s3cret")


@dataclass
class Registry:
    """A registry with `chat-web:main-1` for anybody and `private:main-1` for the bot."""

    url: str = ""
    # How it behaves: an elsewhere for tokens, Basic instead of Bearer, a fixed answer, no header.
    realm: str = ""
    scheme: str = "Bearer"
    status: int | None = None
    with_digest: bool = True
    asked: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    logins: list[str] = field(default_factory=list[str])

    def app(self) -> FastAPI:
        app = FastAPI()
        app.add_api_route("/token", self.token)
        app.add_api_route("/v2/{name:path}/manifests/{version}", self.manifest, methods=["HEAD"])
        app.add_api_route("/v2/{name:path}/manifests/{version}", self.manifest, methods=["GET"])
        return app

    async def token(self, request: Request, scope: str, service: str) -> Response:
        login = request.headers.get("Authorization", "")
        self.logins.append(login)
        assert service == "ghcr.io"
        pair = base64.b64decode(login.removeprefix("Basic ")).decode()
        if "private" in scope and pair != f"{BOT.username}:{BOT.password}":
            return Response('{"errors":[{"code":"DENIED"}]}', status_code=403)
        token = base64.b64encode(scope.encode()).decode()
        return Response(f'{{"token":"{token}"}}', media_type="application/json")

    async def manifest(self, request: Request, name: str, version: str) -> Response:
        assert request.headers["Accept"] == ACCEPT
        self.asked.append((request.method, f"{name}:{version}"))
        if self.status:
            return Response(status_code=self.status)
        scope = f"repository:{name}:pull"
        given = request.headers.get("Authorization", "")
        if given not in (f"Bearer {base64.b64encode(scope.encode()).decode()}", BOT.basic):
            realm = self.realm or f"{self.url}/token"
            challenge = f'{self.scheme} realm="{realm}",service="ghcr.io",scope="{scope}"'
            return Response(status_code=401, headers={"WWW-Authenticate": challenge})
        if name not in ("wuesteon/chat-web", "wuesteon/private"):
            return Response(status_code=404)
        if version not in ("main-1", "latest", DIGEST):
            return Response(status_code=404)
        headers = {"Docker-Content-Digest": DIGEST} if self.with_digest else {}
        body = INDEX if request.method == "GET" else b""
        return Response(body, headers=headers, media_type="application/vnd.oci.image.index.v1+json")


@contextmanager
def serving(registry: Registry) -> Generator[Registry]:
    """Serve a registry until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    registry.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(registry.app(), log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


@pytest.fixture
def registry() -> Generator[Registry]:
    with serving(Registry()) as served:
        yield served


def asking(registry: Registry, login: Login | None = None) -> Registries:
    return Registries(
        base_urls={"ghcr.io": registry.url}, logins={"ghcr.io": login} if login else {}
    )


def test_a_tag_becomes_a_digest_by_way_of_a_token(registry: Registry) -> None:
    assert asking(registry).digest(f"{CHAT}:main-1") == DIGEST
    assert registry.asked == [("HEAD", "wuesteon/chat-web:main-1")] * 2
    assert registry.logins == [""], "nobody's login is needed for what is public"


def test_a_digest_is_checked_to_be_there(registry: Registry) -> None:
    ask = asking(registry)
    assert ask.digest(f"{CHAT}:main-1@{DIGEST}") == DIGEST
    with pytest.raises(ImageNotFoundError):
        ask.digest(f"{CHAT}:main-1@sha256:{'0' * 64}")


def test_a_registry_without_the_header_is_asked_for_the_manifest(registry: Registry) -> None:
    registry.with_digest = False
    assert asking(registry).digest(f"{CHAT}:main-1") == DIGEST
    assert registry.asked[-1] == ("GET", "wuesteon/chat-web:main-1")


@pytest.mark.parametrize("scheme", ["Bearer", "Basic"])
def test_a_private_image_needs_a_login(registry: Registry, scheme: str) -> None:
    registry.scheme = scheme
    assert asking(registry, BOT).digest(f"{PRIVATE}:main-1") == DIGEST
    with pytest.raises(UnauthorizedError, match=r"to anybody(.|\n)*read:packages"):
        asking(registry).digest(f"{PRIVATE}:main-1")
    with pytest.raises(UnauthorizedError, match="to bot"):
        asking(registry, Login(username="bot", password="old")).digest(f"{PRIVATE}:main-1")


def test_a_password_is_not_sent_elsewhere_without_tls(registry: Registry) -> None:
    with serving(Registry()) as elsewhere:
        registry.realm = f"{elsewhere.url}/token"
        with pytest.raises(UnauthorizedError):
            asking(registry, BOT).digest(f"{PRIVATE}:main-1")
        assert elsewhere.logins == [""]


def test_a_missing_image_is_named_with_what_to_do(registry: Registry) -> None:
    with pytest.raises(ImageNotFoundError) as missing:
        asking(registry).digest(f"{CHAT}:main-2")
    assert missing.value.reference == f"{CHAT}:main-2"
    assert str(missing.value).splitlines() == [
        f"{CHAT}:main-2: ghcr.io has no such image",
        "remedy: check name and tag; was the build of this commit pushed?",
    ]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_registry_in_trouble_is_not_a_missing_image(registry: Registry, status: int) -> None:
    registry.status = status
    with pytest.raises(UnreachableError, match=f"answers {status}"):
        asking(registry).digest(f"{CHAT}:main-1")


def test_a_registry_that_does_not_answer_is_said() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(UnreachableError, match=f"does not answer(.|\n)*{url}"):
            Registries(base_urls={"ghcr.io": url}).digest(f"{CHAT}:main-1")


@pytest.mark.parametrize("realm", ["ftp://nowhere", "http://127.0.0.1:9/token"])
def test_tokens_that_cannot_be_had_are_said(registry: Registry, realm: str) -> None:
    registry.realm = realm
    with pytest.raises(UnreachableError):
        asking(registry).digest(f"{CHAT}:main-1")


def test_a_set_is_resolved_at_once_and_all_that_is_wrong_is_said(registry: Registry) -> None:
    ask = asking(registry)
    assert ask.digests([]) == {}
    assert ask.digests([f"{CHAT}:main-1", f"{CHAT}:latest", f"{CHAT}:main-1"]) == {
        f"{CHAT}:main-1": DIGEST,
        f"{CHAT}:latest": DIGEST,
    }
    wanted = [f"{CHAT}:main-1", f"{CHAT}:main-8", f"{PRIVATE}:main-1"]
    with pytest.raises(UnresolvedImagesError) as refused:
        ask.digests(wanted)
    assert [error.reference for error in refused.value.errors] == wanted[1:]
    assert all(isinstance(error, ImageError) for error in refused.value.errors)
    assert "2 images cannot be resolved:" in str(refused.value)
    assert f"{CHAT}:main-8: ghcr.io has no such image" in str(refused.value)


def test_a_login_does_not_show_its_password() -> None:
    assert "s3cret" not in repr(BOT)


@pytest.mark.parametrize(
    ("text", "registry", "repository", "version"),
    [
        ("postgres", "docker.io", "library/postgres", "latest"),
        ("grafana/loki:3", "docker.io", "grafana/loki", "3"),
        ("localhost/app", "localhost", "app", "latest"),
        ("127.0.0.1:5001/a/b:c", "127.0.0.1:5001", "a/b", "c"),
        (f"{CHAT}:main-1@{DIGEST}", "ghcr.io", "wuesteon/chat-web", DIGEST),
    ],
)
def test_references_are_split_as_docker_does(
    text: str, registry: str, repository: str, version: str
) -> None:
    expected = Reference(registry=registry, repository=repository, version=version)
    assert Reference.parse(text) == expected


@given(
    st.from_regex(r"[a-z]{1,9}(/[a-z]{1,9}){0,2}", fullmatch=True),
    st.from_regex(r"\w{1,20}", fullmatch=True),
)
def test_any_name_and_tag_of_a_registry_come_back(repository: str, tag: str) -> None:
    found = Reference.parse(f"registry.example:5000/{repository}:{tag}")
    assert found == Reference(registry="registry.example:5000", repository=repository, version=tag)


@pytest.mark.parametrize("text", ["", "ghcr.io/", f"{CHAT}@sha256:12", f"{CHAT}@latest"])
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no image reference"):
        Reference.parse(text)
