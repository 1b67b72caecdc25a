"""The connection itself: to the address that was looked at, over TLS, by the server's own name."""

import datetime
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.serving import serving

from adapters.http import tls_context
from adapters.source import client
from adapters.source.address import Place, Server
from adapters.source.client import NotFetched, Source
from adapters.source.mock import Held, build_mock

PATIENT = {"resourceType": "Patient", "id": "1"}


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """The files of a key and of a certificate, signed by itself, for this name."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    today = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "key.pem", folder / "cert.pem"


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every name leads to this machine; the names that were looked up."""
    names: list[str] = []

    async def here(url: str, *, private: bool) -> list[str]:
        names.append(url)
        return ["127.0.0.1"]

    monkeypatch.setattr(client, "addresses_of", here)
    return names


async def read(server: Server, tls: ssl.SSLContext, times: int = 1) -> list[bytes]:
    source = Source(2, {}, tls)
    try:
        return [await source.read(Place(server, "Patient/1")) for _ in range(times)]
    finally:
        await source.close()


async def test_the_name_is_looked_up_once_and_the_connection_goes_to_what_was_found(
    tmp_path: Path, looked_up: list[str]
) -> None:
    key, cert = certificate(tmp_path, "epr.example")
    held = Held()
    held.keep(PATIENT)
    async with serving(build_mock(held), ssl_keyfile=key, ssl_certfile=cert) as url:
        port = urlsplit(url).port
        server = Server(f"https://epr.example:{port}/FHIR/R4")
        bodies = await read(server, tls_context(authority=cert), times=3)

    assert bodies == [b'{"resourceType":"Patient","id":"1"}'] * 3
    assert looked_up == [server.base_url]
    assert {headers["host"] for _, headers in held.asked} == {f"epr.example:{port}"}


async def test_a_server_with_the_certificate_of_another_is_not_read_from(tmp_path: Path, looked_up: list[str]) -> None:
    key, cert = certificate(tmp_path, "another.example")
    held = Held()
    async with serving(build_mock(held), ssl_keyfile=key, ssl_certfile=cert) as url:
        server = Server(f"https://epr.example:{urlsplit(url).port}/FHIR/R4", "Bearer secret")
        with pytest.raises(NotFetched, match="it cannot be connected to"):
            await read(server, tls_context(authority=cert))

    assert looked_up
    assert held.asked == []


async def test_a_name_that_leads_nowhere() -> None:
    for host in ("epr.invalid", f"{'a' * 64}.example"):
        with pytest.raises(NotFetched, match="its name leads to no address"):
            await read(Server(f"https://{host}/FHIR/R4"), tls_context())


def test_a_secret_does_not_show() -> None:
    assert "let-me-in" not in repr(Place(Server("https://epr.example", "Bearer let-me-in"), "Patient/1"))
