"""The digests of images, asked from their registries: what a release is pinned to.

Protocol: https://github.com/opencontainers/distribution-spec/blob/main/spec.md (pulling
manifests), https://distribution.github.io/distribution/spec/auth/token/ (tokens).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx

from ops.failures import OpsError

# An index first: it is what a pull resolves a tag to, whatever the machine's platform.
ACCEPT = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_DOCKER_HUB = {"docker.io": "https://registry-1.docker.io"}
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_AT_ONCE = 8
_PATIENCE_SECONDS = 20


class ImageError(OpsError):
    """An image cannot be resolved; `reference` names it."""

    def __init__(self, reference: str, problem: str, remedy: str) -> None:
        """What is wrong with which image, and what to do about it."""
        self.reference = reference
        super().__init__(message=f"{reference}: {problem}", details=(f"remedy: {remedy}",))


class ImageNotFoundError(ImageError):
    """The registry has no such image."""


class UnauthorizedError(ImageError):
    """The registry does not let us read the image."""


class UnreachableError(ImageError):
    """The registry gives no answer, or none that can be used."""


class UnresolvedImagesError(OpsError):
    """Images of a set that cannot be resolved, all at once."""

    def __init__(self, errors: Iterable[ImageError]) -> None:
        """Keep the single errors, in their order."""
        self.errors = tuple(errors)
        lines = [line for error in self.errors for line in (error.message, *error.details)]
        count = "1 image" if len(self.errors) == 1 else f"{len(self.errors)} images"
        super().__init__(message=f"{count} cannot be resolved:", details=lines)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """An image reference in its parts; `version` is the digest, or else the tag."""

    registry: str
    repository: str
    version: str

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Split as Docker does: `postgres:16` is `docker.io/library/postgres:16`."""
        name, _, digest = text.partition("@")
        first, slash, rest = name.partition("/")
        named = slash and ("." in first or ":" in first or first == "localhost")
        registry, path = (first, rest) if named else ("docker.io", name)
        repository, _, tag = path.partition(":")
        if not repository or (digest and not _DIGEST.fullmatch(digest)):
            raise ValueError(f"{text!r} is no image reference: expected name:tag[@sha256:...]")
        if registry == "docker.io" and "/" not in repository:
            repository = f"library/{repository}"
        return cls(registry=registry, repository=repository, version=digest or tag or "latest")


@dataclass(frozen=True, kw_only=True)
class Login:
    """Who asks a registry; for ghcr.io the token needs `read:packages`."""

    username: str
    password: str = field(repr=False)

    @property
    def basic(self) -> str:
        """The value of `Authorization` that says so."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


@dataclass(frozen=True, kw_only=True)
class Registries:
    """How registries are reached: with which client, at which address, as whom.

    `base_urls` and `logins` are by registry host (`ghcr.io`). A registry without an address of
    its own is reached by HTTPS at its host, one without a login is asked as anybody.
    """

    client: httpx.Client = field(
        default_factory=lambda: httpx.Client(
            timeout=_PATIENCE_SECONDS,
            follow_redirects=True,
            transport=httpx.HTTPTransport(retries=2),
        )
    )
    base_urls: Mapping[str, str] = field(default_factory=dict[str, str])
    logins: Mapping[str, Login] = field(default_factory=dict[str, Login])

    def digest(self, reference: str) -> str:
        """The digest (`sha256:...`) that an image has now; a digest is checked to be there.

        Raises an `ImageError`, and `ValueError` when the reference is none.
        """
        return _Question(self, reference).digest()

    def digests(self, references: Iterable[str]) -> dict[str, str]:
        """The digests of many images, by reference, several asked at once.

        Raises `UnresolvedImagesError` with all that cannot be resolved.
        """
        wanted = tuple(dict.fromkeys(references))
        if not wanted:
            return {}
        with ThreadPoolExecutor(min(_AT_ONCE, len(wanted))) as pool:
            answers = list(pool.map(self._tried, wanted))
        errors = [answer for answer in answers if isinstance(answer, ImageError)]
        if errors:
            raise UnresolvedImagesError(errors)
        found = zip(wanted, answers, strict=True)
        return {reference: answer for reference, answer in found if isinstance(answer, str)}

    def _tried(self, reference: str) -> str | ImageError:
        try:
            return self.digest(reference)
        except ImageError as error:
            return error


class _Question:
    """One image, asked for."""

    def __init__(self, registries: Registries, text: str) -> None:
        self._text = text
        self._image = Reference.parse(text)
        self._client = registries.client
        host = self._image.registry
        default = _DOCKER_HUB.get(host, f"https://{host}")
        self._base = registries.base_urls.get(host, default).rstrip("/")
        self._login = registries.logins.get(host)

    def digest(self) -> str:
        url = f"{self._base}/v2/{self._image.repository}/manifests/{self._image.version}"
        answer = self._ask("HEAD", url)
        headers: dict[str, str] = {}
        if answer.status_code == 401:
            headers = {"Authorization": self._authorization(answer)}
            answer = self._ask("HEAD", url, headers=headers)
        self._refuse(answer)
        digest = answer.headers.get("Docker-Content-Digest", "")
        if not digest:
            # The header is optional: a digest is the hash of the manifest's bytes anyway.
            manifest = self._ask("GET", url, headers=headers)
            self._refuse(manifest)
            digest = f"sha256:{hashlib.sha256(manifest.content).hexdigest()}"
        expected = self._image.version
        if not _DIGEST.fullmatch(digest) or (":" in expected and digest != expected):
            raise self._unreachable(f"answers with the digest {digest!r}")
        return digest

    def _authorization(self, challenge: httpx.Response) -> str:
        scheme, _, rest = challenge.headers.get("WWW-Authenticate", "").partition(" ")
        if scheme.lower() == "basic" and self._login:
            return self._login.basic
        fields = dict(_CHALLENGE.findall(rest))
        realm = fields.pop("realm", "")
        if scheme.lower() != "bearer" or not realm:
            raise self._unauthorized()
        fields.setdefault("scope", f"repository:{self._image.repository}:pull")
        answer = self._token(realm, {k: fields[k] for k in ("service", "scope") if k in fields})
        if answer.status_code in (400, 401, 403, 404):
            # ghcr.io says no here already, to a stranger who asks for what is private or not there.
            raise self._unauthorized()
        self._refuse(answer)
        try:
            document = answer.json()
            token = str(document.get("token") or document["access_token"])
        except (ValueError, KeyError, AttributeError) as error:
            raise self._unreachable(f"gives no token at {realm}") from error
        return f"Bearer {token}"

    def _token(self, realm: str, query: Mapping[str, str]) -> httpx.Response:
        headers: dict[str, str] = {}
        # A password goes over HTTPS, or to where the caller told us to ask without it.
        if self._login and realm.startswith(("https://", f"{self._base}/")):
            headers = {"Authorization": self._login.basic}
        return self._ask("GET", realm, headers=headers, params=query)

    def _ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        try:
            return self._client.request(
                method, url, headers={"Accept": ACCEPT, **(headers or {})}, params=params
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._unreachable(f"does not answer: {error}") from error

    def _refuse(self, answer: httpx.Response) -> None:
        if answer.status_code in (401, 403):
            raise self._unauthorized()
        if answer.status_code == 404:
            raise ImageNotFoundError(
                self._text,
                f"{self._image.registry} has no such image",
                "check name and tag; was the build of this commit pushed?",
            )
        if not answer.is_success:
            raise self._unreachable(f"answers {answer.status_code}")

    def _unauthorized(self) -> UnauthorizedError:
        who = self._login.username if self._login else "anybody"
        return UnauthorizedError(
            self._text,
            f"{self._image.registry} does not show it to {who}, or it is not there",
            "check the name, and the registry's login (ghcr.io: a token with read:packages)",
        )

    def _unreachable(self, what: str) -> UnreachableError:
        return UnreachableError(
            self._text,
            f"{self._image.registry} {what}",
            f"is {self._base} reached from here? Then try again",
        )
