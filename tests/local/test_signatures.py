"""Signatures by the real cosign, in the real registry."""

from __future__ import annotations

import os
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest

from localcloud.home import Home
from localcloud.images.sources import Sources
from localcloud.registry.authority import Authority
from localcloud.registry.registry import PUSH_ADDRESS
from ops.release.digests import Registries
from ops.release.signatures import Signatures, UnsignedImagesError
from tests.local.platform import Platform
from tests.local.releases import WEB, push

pytestmark = [pytest.mark.local, pytest.mark.full]

COSIGN = "github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3"


def key(folder: Path, name: str) -> tuple[Path, str]:
    """A new key pair: the private file, and the public text."""
    subprocess.run(
        ["cosign", "generate-key-pair", "--output-key-prefix", name], cwd=folder, check=True
    )
    return folder / f"{name}.key", (folder / f"{name}.pub").read_text()


def test_only_what_the_trusted_key_signed_is_taken(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home.from_environment()
    program = Sources(home.images / "sources").go(COSIGN)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    authority = Authority(folder=home.local / "ca")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    monkeypatch.setenv("COSIGN_PASSWORD", "of this test")
    tags = ("signed", "unsigned")
    for tag in tags:
        push(platform, f"{WEB}={tag}")
    signed, unsigned = (pushed(authority, tag) for tag in tags)
    private, public = key(tmp_path, "ours")
    services = tmp_path / "no-services.json"
    for command in (
        ["signing-config", "create", "--out", str(services)],
        ["sign", "--yes", "--key", str(private), "--signing-config", str(services), signed],
    ):
        subprocess.run(["cosign", *command], check=True)
    Signatures(key=public).verify([signed])
    with pytest.raises(UnsignedImagesError) as caught:
        Signatures(key=public).verify([signed, unsigned])
    assert unsigned in caught.value.details[0]
    assert "no signatures" in caught.value.details[0]
    _, other = key(tmp_path, "others")
    with pytest.raises(UnsignedImagesError) as caught:
        Signatures(key=other).verify([signed])
    assert signed in caught.value.details[0]


def pushed(authority: Authority, tag: str) -> str:
    """An image by its digest, where the registry is reached from here."""
    name = f"wuesteon/{WEB}:{tag}"
    context = ssl.create_default_context(cafile=str(authority.certificate))
    with httpx.Client(verify=context) as client:
        urls = {PUSH_ADDRESS: f"https://{PUSH_ADDRESS}"}
        digest = Registries(client=client, base_urls=urls).digest(f"{PUSH_ADDRESS}/{name}")
    return f"{PUSH_ADDRESS}/{name}@{digest}"
