"""Images reach the registry once, and only what it lacks is sent."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from catalog import Kind, load_catalog
from localcloud.home import Home
from localcloud.images import public, sources
from localcloud.images.build import ImageBuilder
from localcloud.images.delivery import RegistryClient
from localcloud.images.infrastructure import BACKUP, BACKUP_FOLDER, NEXT_BACKUP
from localcloud.images.layers import LayerStore
from localcloud.images.model import Image, ImageConfig, ImageError, digest_of
from localcloud.registry.registry import Registry


@dataclass
class FakeRegistry:
    """A registry's protocol over memory."""

    blobs: dict[str, bytes] = field(default_factory=dict[str, bytes])
    manifests: dict[str, bytes] = field(default_factory=dict[str, bytes])
    uploads: int = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if match := re.fullmatch(r"/v2/(.+)/manifests/([^/]+)", path):
            name = f"{match[1]}:{match[2]}"
            if request.method == "PUT":
                self.manifests[name] = request.content
                return httpx.Response(201)
            if name not in self.manifests:
                return httpx.Response(404)
            digest = digest_of(self.manifests[name])
            return httpx.Response(200, headers={"Docker-Content-Digest": digest})
        if path.endswith("/blobs/uploads/"):
            return httpx.Response(202, headers={"Location": "http://r/upload/1?state=x"})
        if path.startswith("/upload/"):
            content = request.read()
            assert request.url.params["state"] == "x"
            assert request.url.params["digest"] == digest_of(content)
            self.uploads += 1
            self.blobs[digest_of(content)] = content
            return httpx.Response(201)
        return httpx.Response(200 if path.rpartition("/")[2] in self.blobs else 404)


def _client(handler: FakeRegistry) -> RegistryClient:
    return RegistryClient(httpx.Client(base_url="http://r", transport=httpx.MockTransport(handler)))


def _image(root: Path, user: str = "1") -> Image:
    layer = LayerStore(root).layer("k", lambda writer: writer.file("a", b"1"))
    return Image(layers=(layer,), config=ImageConfig(user=user))


def test_a_pushed_image_is_found_by_its_digest(tmp_path: Path) -> None:
    client = _client(FakeRegistry())
    image = _image(tmp_path)
    assert client.digest("chat", "main") is None
    assert client.push(image, "chat", "main") == image.digest
    assert client.digest("chat", "main") == image.digest


def test_layers_that_the_registry_has_are_not_sent_again(tmp_path: Path) -> None:
    registry = FakeRegistry()
    client = _client(registry)
    client.push(_image(tmp_path), "chat", "main")
    before = registry.uploads
    client.push(_image(tmp_path, user="2"), "quote", "main")
    assert registry.uploads == before + 1  # the configuration alone


def test_a_registry_that_refuses_is_an_error_with_its_answer(tmp_path: Path) -> None:
    def refuse(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(507, text="no space left")

    transport = httpx.MockTransport(refuse)
    client = RegistryClient(httpx.Client(base_url="http://r", transport=transport))
    with pytest.raises(ImageError, match="507 no space left"):
        client.push(_image(tmp_path), "chat", "main")


def test_unknown_images_are_refused_all_at_once_with_what_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(public.VARIABLE, "never")
    builder = ImageBuilder(Home(tmp_path), Registry(Home(tmp_path)))
    with pytest.raises(ImageError) as caught:
        builder.ensure(["docker.io/library/mysql:8", "docker.io/library/nats:2"], load_catalog())
    message = str(caught.value)
    assert "docker.io/library/mysql:8, docker.io/library/nats:2" in message
    assert "docker.io/library/postgres:16.15" in message


def test_the_catalogues_infrastructure_can_all_be_made_here(tmp_path: Path) -> None:
    builder = ImageBuilder(Home(tmp_path), Registry(Home(tmp_path)))
    wanted = {service.image for service in load_catalog() if service.image}
    assert wanted <= set(builder.infrastructure.recipes)


def test_a_wrong_policy_for_public_images_names_the_right_ones() -> None:
    with pytest.raises(ImageError, match="auto, always or never"):
        public.policy({public.VARIABLE: "sometimes"})
    assert public.policy({}) == "auto"


def test_an_address_without_a_registry_is_not_reachable() -> None:
    assert not public.reachable("http://127.0.0.1:9/v2/")


def test_public_images_are_pulled_tagged_and_pushed(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def run(command: tuple[str, ...], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(list(command))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    public.mirror("docker.io/library/redis:7.2.11", "127.0.0.1:5001/library/redis:7.2.11")
    assert [command[1] for command in commands] == ["pull", "tag", "push"]
    assert commands[2][-1] == "127.0.0.1:5001/library/redis:7.2.11"


@pytest.mark.parametrize(("reference", "postgres"), [(BACKUP, "16.15"), (NEXT_BACKUP, "18.4")])
def test_an_image_of_ours_is_built_where_public_ones_are_pulled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: str, postgres: str
) -> None:
    commands: list[tuple[str, ...]] = []

    def run(command: tuple[str, ...], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setenv(public.VARIABLE, "always")
    ImageBuilder(Home(tmp_path), Registry(Home(tmp_path))).build_infrastructure([reference])
    target = f"127.0.0.1:5001/{reference.partition('/')[2]}"
    argument = f"--build-arg=POSTGRES={postgres}"
    assert commands == [
        ("docker", "build", "--quiet", argument, "--tag", target, str(BACKUP_FOLDER)),
        ("docker", "push", "--quiet", target),
    ]


@pytest.mark.local
def test_the_backups_dockerfile_has_the_platforms_servers_and_the_restic_tested_here() -> None:
    dockerfile = (BACKUP_FOLDER / "Dockerfile").read_text()
    (postgres,) = re.findall(r"^ARG POSTGRES=(\S+)", dockerfile, re.MULTILINE)
    bases = re.findall(r"^FROM (\S+)", dockerfile.replace("${POSTGRES}", postgres), re.MULTILINE)
    images = {s.kind: s.image for s in load_catalog()}
    assert bases[1:] == [images[Kind.REDIS], images[Kind.POSTGRES]]
    restic = re.fullmatch(r"docker\.io/restic/restic:([\d.]+)@sha256:[0-9a-f]{64}", bases[0])
    assert restic, "it is pinned by its digest"
    # Whatever else needs these packages finds them here, and this asks for none that are here.
    debs = sources.Sources(Home.from_environment().images / "sources").debian("trixie", ["restic"])
    assert debs["restic"].name.split("_")[1].partition("-")[0] == restic[1]


def test_the_backups_dockerfile_has_the_programs_that_the_agent_calls() -> None:
    dockerfile = (BACKUP_FOLDER / "Dockerfile").read_text()
    (installed,) = re.findall(r"--no-install-recommends (.+) \\", dockerfile)
    assert {"openssh-client", "python3", "rclone"} <= set(installed.split())


def test_a_missing_client_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImageError, match="mvn is not installed; remedy: apt-get install"):
        sources.Sources(tmp_path / "s").postgres_server()
    assert not list((tmp_path / "s" / "maven").iterdir())
