"""Signing in: once for all calls, anew when the token ends or is taken away, and known by a certificate."""

import asyncio
import datetime
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.rio.story import SECRET, Rio, Story, running, undelivered
from tests.serving import serving

from adapters.rio.adapter import RioRecord
from adapters.rio.mock import build_mock
from adapters.rio.options import RioOptions
from adapters.rio.session import Session

Json = dict[str, Any]


def set_password(story: Story, password: str) -> None:
    Path(story.options["password_file"]).write_text(password)


async def test_many_first_calls_at_once_sign_in_once(adapter: RioRecord, rio: Rio, story: Story) -> None:
    updates = [story.tell("accepted", status="accepted", reference=f"SP-0000-0000-000{n}") for n in range(5)]

    answers = await asyncio.gather(*(adapter.send(update) for update in updates))

    assert all(answer.delivered for answer in answers)
    assert rio.asked["Authenticate"] == 1


async def test_the_first_sign_in_may_be_slow(impatient: RioRecord, rio: Rio, story: Story) -> None:
    """RiO's has been seen to take 12 s, when all other calls are quick."""
    await rio.fail("slow", "Authenticate", seconds=3)

    assert (await impatient.send(story.tell("submitted"))).delivered

    await rio.fail("slow", "GetClient", seconds=3)
    assert (await impatient.send(story.tell("accepted", status="accepted"))).phase == "answer"


@pytest.mark.parametrize("fault", ["token-expired", "token-revoked"])
async def test_a_token_that_is_refused_in_the_middle_is_replaced(
    adapter: RioRecord, rio: Rio, story: Story, fault: str
) -> None:
    await rio.fail(fault, "AddProgressNote")

    assert (await adapter.send(story.tell("submitted"))).delivered

    assert rio.asked["Authenticate"] == 2
    assert await rio.effects("AddProgressNote") == 1


async def test_a_token_that_is_refused_again_and_again_is_given_up(adapter: RioRecord, rio: Rio, story: Story) -> None:
    await rio.fail("token-revoked", "GetClient", times=None)

    assert undelivered(await adapter.send(story.tell("submitted"))).startswith("SESSION_REVOKED: ")
    assert rio.asked["Authenticate"] == 2


async def test_a_token_is_renewed_before_it_ends(options: Json) -> None:
    async with running(build_mock(SECRET, session_seconds=1)) as rio:
        session = Session(rio.url, RioOptions.model_validate(options), 10, 1)
        await session.call("GetTeams", {})
        await asyncio.sleep(0.93)
        await session.call("GetTeams", {})
        await session.close()

    assert rio.asked == {"Authenticate": 2, "GetTeams": 2}  # none was refused


async def test_a_wrong_password_is_tried_once(adapter: RioRecord, rio: Rio, story: Story) -> None:
    """More would lock the account."""
    set_password(story, "wrong")

    answer = await adapter.send(story.tell("submitted"))

    assert undelivered(answer).startswith("NOT_AUTHENTICATED: RiO does not accept the user name and password")
    assert rio.asked["Authenticate"] == 1


async def test_a_new_password_needs_no_restart(adapter: RioRecord, story: Story) -> None:
    set_password(story, "wrong")
    await adapter.send(story.tell("submitted"))

    set_password(story, "mock-rio-password")

    assert (await adapter.send(story.again())).delivered


async def test_a_device_that_is_not_registered(adapter: RioRecord, rio: Rio, story: Story) -> None:
    await rio.fail("device-not-registered", "Authenticate")

    assert undelivered(await adapter.send(story.tell("submitted"))).startswith("DEVICE_NOT_REGISTERED: ")


async def test_what_rio_tells_of_a_caseload(rio: Rio, options: Json, adapter: RioRecord, story: Story) -> None:
    await adapter.send(story.tell("submitted"))
    session = Session(rio.url, RioOptions.model_validate(options), 10, 1)

    [entry] = await session.call("GetCaseload", {}, Team="SPHUB")

    assert entry.ClientID == "0012345"
    await session.close()


def make_certificates(folder: Path) -> None:
    """An authority, and a server and a client that it knows; PEM files in the folder."""
    now = datetime.datetime.now(datetime.UTC)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test authority")])
    for name in ("authority", "localhost", "gateway"):
        key = authority_key if name == "authority" else ec.generate_private_key(ec.SECP256R1())
        subject = authority if name == "authority" else x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        made = (
            x509.CertificateBuilder(authority, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=name == "authority", path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(authority_key, hashes.SHA256())
        )
        (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
        kinds = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        (folder / f"{name}.key").write_bytes(key.private_bytes(*kinds))


async def test_over_mutual_tls_it_is_known_by_its_certificate(adapter: RioRecord, story: Story, tmp_path: Path) -> None:
    make_certificates(tmp_path)
    authority = {"authority": str(tmp_path / "authority.pem")}
    ours = {"certificate": str(tmp_path / "gateway.pem"), "key": str(tmp_path / "gateway.key")}
    server = {
        "ssl_certfile": tmp_path / "localhost.pem",
        "ssl_keyfile": tmp_path / "localhost.key",
        "ssl_ca_certs": str(tmp_path / "authority.pem"),
    }
    async with serving(build_mock(SECRET), **server, ssl_cert_reqs=ssl.CERT_REQUIRED) as url:
        story.url = f"{url.replace('127.0.0.1', 'localhost')}/API/4.0"
        for tls, delivered in ((authority | ours, True), (authority, False), (ours, False)):
            story.options |= {"tls": tls}
            assert (await adapter.send(story.tell("submitted"))).delivered is delivered
        await adapter.close()  # else the server waits for it


async def test_a_refused_certificate_says_so(adapter: RioRecord, rio: Rio, story: Story) -> None:
    await rio.fail("certificate-refused", "Authenticate")

    answer = await adapter.send(story.tell("submitted"))

    assert undelivered(answer).startswith("No answer to go by: RiO refuses the client certificate")
    assert answer.status == 403


async def test_tls_files_that_are_none(adapter: RioRecord, story: Story, tmp_path: Path) -> None:
    story.options |= {"tls": {"certificate": str(tmp_path / "none.pem")}}

    assert undelivered(await adapter.send(story.tell("submitted"))).startswith("The destination's TLS files cannot")
