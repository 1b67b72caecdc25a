"""An authority of a test's own, and the certificates that it signs."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PEM, PLAIN = serialization.Encoding.PEM, serialization.NoEncryption()


@dataclass(frozen=True)
class Issued:
    certificate: Path
    key: Path


class Authority:
    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(f"authority {folder.name}")
        self.certificate = folder / "authority.pem"
        ca = _builder(self._name, self._name, self._key.public_key(), ca=True)
        self.certificate.write_bytes(ca.sign(self._key, hashes.SHA256()).public_bytes(PEM))

    def issue(self, name: str) -> Issued:
        """For a server at 127.0.0.1, or a client of that common name."""
        key = ec.generate_private_key(ec.SECP256R1())
        issued = Issued(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        there = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        built = _builder(_name(name), self._name, key.public_key(), ca=False).add_extension(there, critical=False)
        issued.certificate.write_bytes(built.sign(self._key, hashes.SHA256()).public_bytes(PEM))
        issued.key.write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, PLAIN))
        return issued


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, ca: bool
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
