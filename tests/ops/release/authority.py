"""A certificate authority for the tests' hosts."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Authority:
    """The authority's file, and the certificate with its key that it gave to `*.example.test`."""

    file: Path
    certificate: Path

    @classmethod
    def create(cls, folder: Path) -> Authority:
        """A new authority, with its files in `folder`."""
        key = ec.generate_private_key(ec.SECP256R1())
        root = _certificate("the tests' authority", key, None)
        of_server = ec.generate_private_key(ec.SECP256R1())
        leaf = _certificate("*.example.test", of_server, (root, key))
        made = cls(folder / "authority.pem", folder / "server.pem")
        made.file.write_bytes(root.public_bytes(serialization.Encoding.PEM))
        made.certificate.write_bytes(
            leaf.public_bytes(serialization.Encoding.PEM)
            + of_server.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return made

    def for_server(self) -> ssl.SSLContext:
        """The TLS settings of a server for these hosts."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        return context


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer:
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256())
