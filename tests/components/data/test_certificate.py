"""The certificate of the databases' server: the same at each run, and what others make of it."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from components.data.certificate import HOST, Certificate, authority, server_certificate

AUTHORITY = authority("of the authority")
SERVER = server_certificate("of the server", "of the authority")


def written(folder: Path, name: str, certificate: Certificate) -> Path:
    (folder / f"{name}.key").write_text(certificate.key)
    (folder / f"{name}.crt").write_text(certificate.text)
    return folder / f"{name}.crt"


@given(st.text(min_size=1), st.text(min_size=1))
def test_the_same_random_texts_give_the_same_certificates(one: str, other: str) -> None:
    assert authority(one) == authority(one)
    assert server_certificate(one, other) == server_certificate(one, other)


def test_the_texts_are_those_of_the_last_version_of_this_program() -> None:
    # Others would be an authority that no client trusts which runs by then.
    ends = [made.text.splitlines()[-2] for made in (AUTHORITY, SERVER)]
    assert ends == ["IdDDvv35+sc0A7lL", "AiEAqyR9Nj5p5XI8JCaTcJmm1c8hKsF82yRprROdbQMDjbQ="]


def test_another_random_text_gives_another_key_and_another_number() -> None:
    made = [server_certificate(text, "of the authority") for text in ("one", "two")]
    assert made[0].key != made[1].key
    numbers = {x509.load_pem_x509_certificate(one.text.encode()).serial_number for one in made}
    assert len(numbers) == 2


@pytest.mark.parametrize("name", ["postgres", "localhost"])
def test_openssl_accepts_the_chain_for_the_servers_names(tmp_path: Path, name: str) -> None:
    trusted, server = written(tmp_path, "a", AUTHORITY), written(tmp_path, "s", SERVER)
    strict = ["-x509_strict", "-purpose", "sslserver", "-CAfile", trusted]
    shown = subprocess.run(
        ["openssl", "verify", *strict, "-verify_hostname", name, server],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert shown.stdout.strip().endswith(": OK"), shown.stderr


def test_python_takes_the_server_for_the_host_and_for_nobody_else(tmp_path: Path) -> None:
    trusted, server = written(tmp_path, "a", AUTHORITY), written(tmp_path, "s", SERVER)
    assert said(tmp_path, trusted, server, HOST) == "TLSv1.3"
    assert "match" in said(tmp_path, trusted, server, "elsewhere")
    other = written(tmp_path, "o", authority("of another"))
    assert "local issuer" in said(tmp_path, other, server, HOST)


def test_the_authority_can_vouch_for_nobody_else(tmp_path: Path) -> None:
    forged = subprocess.run(
        ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-subj", "/CN=x", "-keyout", tmp_path / "f.key"],
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    trusted = written(tmp_path, "a", AUTHORITY)
    (tmp_path / "names").write_text("subjectAltName=DNS:api.stripe.com")
    subprocess.run(
        ["openssl", "x509", "-req", "-CA", trusted, "-CAkey", tmp_path / "a.key", "-days", "9",
         "-CAcreateserial", "-extfile", tmp_path / "names", "-out", tmp_path / "f.crt"],
        input=forged, capture_output=True, check=True,
    )  # fmt: skip
    assert "permitted subtree" in said(tmp_path, trusted, tmp_path / "f.crt", "api.stripe.com")


def said(folder: Path, trusted: Path, certificate: Path, host: str) -> str:
    """The version of TLS by which a client and a server met, or why the client would not."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, certificate.with_suffix(".key"))
    asking = ssl.create_default_context(cafile=str(trusted))
    asking.verify_flags |= ssl.VERIFY_X509_STRICT
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            serving.wrap_socket(theirs, server_side=True).close()
        except OSError:
            theirs.close()

    server = threading.Thread(target=serve)
    server.start()
    try:
        with asking.wrap_socket(ours, server_hostname=host) as met:
            return str(met.version())
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    finally:
        ours.close()
        server.join()
