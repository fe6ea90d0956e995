"""The local certificate authority, and the registry's certificate by it."""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID = datetime.timedelta(days=800)  # below the limit that clients set for a server's certificate


@dataclass(frozen=True, kw_only=True)
class Authority:
    """A certificate authority in a folder; its key never leaves it."""

    folder: Path

    @property
    def certificate(self) -> Path:
        """The authority's own certificate: what servers trust."""
        return self.folder / "ca.crt"

    def ensure(self) -> None:
        """Make the authority unless it exists."""
        if self.certificate.exists() and (self.folder / "ca.key").exists():
            return
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "manacore local cloud")])
        certificate = (
            _builder(subject=name, issuer=name, key=key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(authority=True), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .sign(key, hashes.SHA256())
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        _write(self.folder / "ca.key", _pem(key), 0o600)
        _write(self.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644)

    def issue(self, stem: str, names: Sequence[str], addresses: Sequence[str]) -> tuple[Path, Path]:
        """A server certificate and its key in the folder, made unless both exist."""
        self.ensure()
        wanted = hashlib.sha256(repr((sorted(names), sorted(addresses))).encode()).hexdigest()[:8]
        certificate_path = self.folder / f"{stem}-{wanted}.crt"
        key_path = self.folder / f"{stem}-{wanted}.key"
        if certificate_path.exists() and key_path.exists():
            return certificate_path, key_path
        authority = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        signer = serialization.load_pem_private_key((self.folder / "ca.key").read_bytes(), None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)  # noqa: S101 we wrote it
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        certificate = (
            _builder(subject=subject, issuer=authority.subject, key=key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
                critical=False,
            )
            .sign(signer, hashes.SHA256())
        )
        _write(key_path, _pem(key), 0o600)
        _write(certificate_path, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
        return certificate_path, key_path


def _builder(
    *, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # clocks differ
        .not_valid_after(now + VALID)
    )


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write a whole file or none, never readable by more than `mode` allows."""
    partial = path.with_name(f".{path.name}.partial")
    partial.touch(mode=mode)
    partial.write_bytes(content)
    partial.rename(path)
