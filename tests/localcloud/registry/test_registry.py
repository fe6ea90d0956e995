"""Image references and certificates of the local registry."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from localcloud.home import Home
from localcloud.registry.authority import Authority
from localcloud.registry.registry import Registry, repository_and_tag


@pytest.mark.parametrize(
    ("reference", "target"),
    [
        ("ghcr.io/wuesteon/chat-web:main-1234567", "wuesteon/chat-web:main-1234567"),
        ("docker.io/library/postgres:16.15", "library/postgres:16.15"),
        ("postgres:16.15", "library/postgres:16.15"),
        ("docker.io/postgres:16.15", "library/postgres:16.15"),
        ("prom/prometheus:v3", "prom/prometheus:v3"),
        ("localhost:5000/a/b", "a/b:latest"),
    ],
)
def test_servers_and_the_outer_docker_mean_the_same_image(
    tmp_path: Path, reference: str, target: str
) -> None:
    assert Registry(Home(tmp_path)).push_target(reference) == f"127.0.0.1:5001/{target}"


def test_a_digest_is_looked_up_but_not_pushed(tmp_path: Path) -> None:
    assert repository_and_tag("ghcr.io/a/b:1@sha256:ff") == ("a/b", "sha256:ff")
    with pytest.raises(ValueError, match="names a digest"):
        Registry(Home(tmp_path)).push_target("ghcr.io/a/b@sha256:ff")


def test_what_is_no_reference_is_refused() -> None:
    with pytest.raises(ValueError, match="no image reference"):
        repository_and_tag("ghcr.io/")


def test_the_authority_signs_what_servers_will_check(tmp_path: Path) -> None:
    authority = Authority(folder=tmp_path / "ca")
    certificate_path, key_path = authority.issue("registry", ["ghcr.io"], ["198.51.100.2"])
    issued = x509.load_pem_x509_certificate(certificate_path.read_bytes())
    root = x509.load_pem_x509_certificate(authority.certificate.read_bytes())
    issued.verify_directly_issued_by(root)
    names = issued.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["ghcr.io"]
    assert issued.not_valid_after_utc > datetime.datetime.now(datetime.UTC)
    assert isinstance(issued.public_key(), ec.EllipticCurvePublicKey)
    assert key_path.stat().st_mode & 0o077 == 0
    assert (tmp_path / "ca" / "ca.key").stat().st_mode & 0o077 == 0


def test_a_certificate_is_kept_and_one_for_other_names_is_new(tmp_path: Path) -> None:
    authority = Authority(folder=tmp_path)
    first = authority.issue("registry", ["ghcr.io"], [])
    content = first[0].read_bytes()
    assert authority.issue("registry", ["ghcr.io"], []) == first
    assert first[0].read_bytes() == content
    assert authority.issue("registry", ["ghcr.io", "quay.io"], []) != first
