"""A certificate authority for one run of the stack, and the certificates it signs."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .ports import HOST

_VALID_FOR = datetime.timedelta(days=7)


@dataclass(frozen=True)
class KeyPair:
    """A certificate with its key, both as PEM."""

    certificate: str
    key: str


class CertificateAuthority:
    """Signs certificates for servers on loopback and for clients."""

    def __init__(self, name: str = "kafkade devstack") -> None:
        self._key = new_key()
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._certificate = (
            _builder(self._name, self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def pem(self) -> str:
        """The authority's own certificate."""
        return _pem(self._certificate)

    def server(self, name: str, *, hosts: Sequence[str] = (), addresses: Sequence[str] = ()) -> KeyPair:
        """A certificate that is good for ``localhost`` and 127.0.0.1, and for further names and addresses."""
        alternatives = x509.SubjectAlternativeName(
            [
                *(x509.DNSName(host) for host in ("localhost", *hosts)),
                *(x509.IPAddress(ipaddress.ip_address(address)) for address in (HOST, *addresses)),
            ]
        )
        # brokers are clients of each other as well
        return self._sign(name, [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH], alternatives)

    def client(self, name: str) -> KeyPair:
        """A certificate that says its holder is ``CN=name``."""
        return self._sign(name, [ExtendedKeyUsageOID.CLIENT_AUTH])

    def _sign(
        self,
        name: str,
        purposes: Sequence[x509.ObjectIdentifier],
        alternatives: x509.SubjectAlternativeName | None = None,
    ) -> KeyPair:
        key = new_key()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (
            _builder(subject, self._name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(), critical=True)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        if alternatives:
            builder = builder.add_extension(alternatives, critical=False)
        return KeyPair(_pem(builder.sign(self._key, hashes.SHA256())), key_pem(key))


def new_key() -> ec.EllipticCurvePrivateKey:
    """A key: of a curve, since making one of RSA takes noticeably longer."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey, *, traditional: bool = False) -> str:
    """The key without a password: in PKCS #8, or as ``BEGIN EC PRIVATE KEY``.

    Java reads only the first; kube-apiserver takes keys of ServiceAccounts only as the second.
    """
    form = serialization.PrivateFormat
    return key.private_bytes(
        serialization.Encoding.PEM,
        form.TraditionalOpenSSL if traditional else form.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _builder(subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + _VALID_FOR)
    )


def _usage(*, signs_certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
