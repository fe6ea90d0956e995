"""The certificate of the databases' server, and the stack's own authority that signs it.

Both are derived from random texts that the state keeps encrypted, so that each run has the same
ones: others would be written to every server, and a client would not trust what the next run made.

P-256, not Ed25519 as the host keys: libpq binds a log-in by password to a digest of the server's
certificate, the one with which that is signed, and Ed25519 signs without ("could not find digest
for NID UNDEF"). What is random in a signature of P-256 is derived from the key here (RFC 6979).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOST = "postgres"
_LOOPBACK = ip_network("127.0.0.1/32")
# Its name for services and the agent, and what a program beside it may say.
_NAMES = (HOST, "localhost")
# Times of a run would make another certificate at each. There is no end that a person could forget:
# what ends a certificate is another random text (docs/runbooks/credentials.md). It is the last
# second that the shorter form of a time can say, which every reader knows.
_FROM, _UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)
_CURVE = ec.SECP256R1()


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """A certificate and its private key, PEM. Only the key is secret."""

    text: str
    key: str


def authority(secret: str) -> Certificate:
    """The authority of a random text.

    Clients add it to those they trust for everything (Node.js knows no other way), so it can vouch
    for the databases' server alone: whoever got its key could not pretend to be somebody else.
    """
    key = _key(secret)
    names = [x509.DNSName(name) for name in _NAMES]
    only = x509.NameConstraints([*names, x509.IPAddress(_LOOPBACK)], None)
    usage = _usage(signs_certificates=True)
    made = (
        _begun(key, "manacore data network", "manacore data network")
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(only, critical=True)
    )
    return _signed(made, key, key)


def server_certificate(secret: str, authority_secret: str) -> Certificate:
    """The server's certificate of a random text, signed by the authority of another one."""
    key, issuer = _key(secret), _key(authority_secret)
    names = [x509.DNSName(name) for name in _NAMES]
    loopback = x509.IPAddress(_LOOPBACK.network_address)
    issued_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())
    made = (
        _begun(key, HOST, "manacore data network")
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([*names, loopback]), critical=False)
        .add_extension(issued_by, critical=False)
    )
    return _signed(made, key, issuer)


def _key(secret: str) -> ec.EllipticCurvePrivateKey:
    # Twice as many bits as the order has, so that no number is likelier than another.
    wide = int.from_bytes(hashlib.sha512(secret.encode()).digest(), "big")
    return ec.derive_private_key(wide % (_CURVE.group_order - 1) + 1, _CURVE)


def _begun(key: ec.EllipticCurvePrivateKey, subject: str, issuer: str) -> x509.CertificateBuilder:
    public = key.public_key()
    encoded = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(public)
        .serial_number(int.from_bytes(hashlib.sha256(encoded).digest()[:16], "big"))
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _signed(
    made: x509.CertificateBuilder,
    key: ec.EllipticCurvePrivateKey,
    issuer: ec.EllipticCurvePrivateKey,
) -> Certificate:
    signed = made.sign(issuer, SHA256(), ecdsa_deterministic=True)
    return Certificate(
        text=signed.public_bytes(Encoding.PEM).decode(),
        key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    )
