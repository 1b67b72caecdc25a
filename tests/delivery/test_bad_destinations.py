"""Destinations that no adapter calls, and neighbours that cannot hurt it: the same for each kind."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.certificates import certificate
from tests.delivery.neighbours import Asked, answer, neighbour

from adapters.http import Neighbours
from adapters.ports import Adapter, Answer, Update
from gateway.delivery import build_adapters
from gateway.settings import Settings

TASK = {
    "resourceType": "Task",
    "id": "0198f2a4-7c00-7000-8000-000000000005",
    "meta": {"versionId": "3", "lastUpdated": "2026-03-02T09:30:00.000Z"},
    "identifier": [{"system": "urn:social-prescribing-gateway:Id:referral-reference", "value": "SP-1111-2222-3333"}],
    "status": "accepted",
    "intent": "order",
    "note": [{"authorString": "Social prescribing gateway", "text": "Accepted. Zoë will be in touch."}],
}
BARS = {
    "source": "https://fhir.nhs.uk/Id/dos-service-id|2000090001",
    "target": "https://fhir.nhs.uk/Id/dos-service-id|2000090002",
    "sender": {"ods_code": "XNH01", "name": "Wellbeing Hub"},
    "use_case": "sp1",
    "versions": {"application": "1.0.0", "api": "1.4.0"},
}
KINDS = ("fhir-callback", "bars-message", "webhook")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def adapter(kind: str, settings: Settings) -> AsyncIterator[Adapter]:
    adapters = build_adapters(settings.model_copy(update={"send_timeout_seconds": 0.5}))
    yield adapters[kind]
    for each in adapters.values():
        await each.close()


@pytest.fixture
def update(secret: str) -> Update:
    return to("https://epr.example", secret)


def to(url: str, secret: str, **options: Any) -> Update:
    body = json.dumps(TASK).encode()
    return Update(
        "0198f2a4-7c00-7000-8000-0000000000d1",
        TASK["id"],  # type: ignore[arg-type]  # of a dict of all sorts
        3,
        body,
        "accepted",
        datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
        "c1",
        url,
        secret,
        BARS | options,
    )


def lead_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """The DNS leads the invented host to these, one after the other; returns the names that were looked up."""
    looked_up: list[str] = []

    def getaddrinfo(host: Any, port: Any, *_: Any, **__: Any) -> list[Any]:
        looked_up.append(str(host))
        address = addresses[min(len(looked_up), len(addresses)) - 1]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return looked_up


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.5",
        "172.16.0.1",
        "192.168.1.1",
        "127.0.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1",
        "fd00::1",
        "::ffff:10.0.0.5",
        "::ffff:169.254.169.254",
        "64:ff9b::a00:5",  # 10.0.0.5 by NAT64
        "64:ff9b::a9fe:a9fe",
    ],
)
async def test_a_name_that_leads_into_a_private_network_is_not_called(
    adapter: Adapter, secret: str, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    lead_to(monkeypatch, address)

    answered = await adapter.send(to("https://epr.example/FHIR/R4", secret))

    assert (answered.delivered, answered.phase, answered.milliseconds) == (False, "connect", 0)
    assert answered.answer == "The host has an address that the gateway does not call."


@pytest.mark.parametrize("address", ["169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fe80::1"])
async def test_where_clouds_keep_their_secrets_is_never_called(
    adapter: Adapter, secret: str, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    lead_to(monkeypatch, address)

    answered = await adapter.send(to("https://epr.example/FHIR/R4", secret, private=True))

    assert answered.answer == "The host has an address that the gateway does not call."


@pytest.mark.parametrize(
    "url", ["http://localhost:{port}", "http://127.0.0.1:{port}", "http://[::ffff:127.0.0.1]:{port}"]
)
async def test_this_machine_is_called_only_when_it_is_registered_so(adapter: Adapter, secret: str, url: str) -> None:
    called = []

    async def take(asked: Asked, writer: Any) -> None:
        called.append(asked)
        answer(writer, 200)

    async with neighbour(take) as there:
        place = url.format(port=there.rpartition(":")[2])
        refused = await adapter.send(to(place, secret))
        assert (refused.delivered, called) == (False, [])
        if "ffff" not in url:
            assert (await adapter.send(to(place, secret, private=True))).delivered


@pytest.mark.parametrize(
    "url", ["http://epr.example/FHIR", "ftp://epr.example/", "https://a:b@epr.example/", "https://x/?a"]
)
async def test_what_is_no_destination_is_not_called(adapter: Adapter, secret: str, url: str) -> None:
    answered = await adapter.send(to(url, secret, private=True))

    assert (answered.delivered, answered.phase) == (False, "connect")
    assert answered.answer.startswith("The address must")


async def test_a_name_that_no_dns_can_hold_is_no_crash(adapter: Adapter, secret: str) -> None:
    answered = await adapter.send(to(f"https://{'a' * 64}.example/", secret))

    assert (answered.delivered, answered.answer) == (False, "The host has no address.")


async def test_the_address_that_was_checked_is_the_one_that_is_called(
    adapter: Adapter, secret: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = []

    async def take(asked: Asked, writer: Any) -> None:
        hosts.append(asked.headers["host"])
        answer(writer, 200)

    pem, key = certificate(tmp_path, "epr", host="epr.example")
    async with neighbour(take, server_side(pem, key)) as there:
        port = there.rpartition(":")[2]
        looked_up = lead_to(monkeypatch, "127.0.0.1", "10.0.0.5")
        place = to(f"https://epr.example:{port}", secret, private=True, tls={"authority": str(pem)})
        answers = [await adapter.send(place) for _ in range(3)]

    assert [one.delivered for one in answers] == [True] * 3
    assert looked_up == ["epr.example"]  # once, so that the second answer of the DNS changes nothing
    assert hosts == [f"epr.example:{port}"] * 3


async def test_a_redirect_is_not_followed(adapter: Adapter, secret: str) -> None:
    visitors = []

    async def elsewhere(asked: Asked, writer: Any) -> None:
        visitors.append(asked)
        answer(writer, 200)

    async with neighbour(elsewhere) as other:

        async def redirect(_: Asked, writer: Any) -> None:
            answer(writer, 307, Location=f"{other}/")

        async with neighbour(redirect) as url:
            answered = await adapter.send(to(url, secret, private=True))

    assert (answered.status, answered.delivered, visitors) == (307, False, [])


async def test_an_answer_of_a_gigabyte_is_not_read(adapter: Adapter, secret: str) -> None:
    written = 0

    async def flood(_: Asked, writer: Any) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while written < 1_000_000_000:
            writer.write(b"x" * 65_536)
            await writer.drain()
            written += 65_536

    async with neighbour(flood) as url:
        answered = await adapter.send(to(url, secret, private=True))

    assert answered.delivered  # its status had come
    assert len(answered.answer) < 100
    assert written < 50_000_000  # what fits in the buffers between us


async def test_an_answer_that_drips_is_cut_off(adapter: Adapter, secret: str) -> None:
    async def drip(_: Asked, writer: Any) -> None:
        for byte in b"HTTP/1.1 200 OK\r\n" + b"X-Patience: much\r\n" * 100:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.05)

    async with neighbour(drip) as url:
        answered = await adapter.send(to(url, secret, private=True))

    assert (answered.phase, answered.status, answered.delivered) == ("answer", None, False)


@pytest.mark.parametrize(
    "noise", [b"", b"not HTTP at all\r\n\r\n", b"HTTP/1.1 999999 ?\r\n\r\n", b"\x16\x03\x01\x00" * 50]
)
async def test_what_is_no_http_is_no_answer(adapter: Adapter, secret: str, noise: bytes) -> None:
    async def speak(_: Asked, writer: Any) -> None:
        writer.write(noise)
        writer.close()

    async with neighbour(speak) as url:
        answered = await adapter.send(to(url, secret, private=True))

    assert (answered.phase, answered.delivered) == ("answer", False)


async def test_an_answer_that_comes_twice_does_not_answer_the_next_request() -> None:
    """A second 200 to the first request would pass for the answer to the second, which nobody has taken."""
    taken = 0

    async def twice(_: Asked, writer: Any) -> None:
        nonlocal taken
        taken += 1
        for _each in range(2):
            answer(writer, 200 if taken == 1 else 503)

    neighbours = Neighbours(seconds=2, connections=1)
    async with neighbour(twice) as url:
        replies = [await neighbours.exchange(url, {"private": True}, "PUT", "Task/1", {}, b"{}") for _ in range(3)]
        await neighbours.close()

    assert [one.status for one in replies] == [200, 503, 503]


# --- TLS -------------------------------------------------------------------------------------------------------------


def server_side(pem: Path, key: Path, clients: Path | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=clients)
    context.load_cert_chain(pem, key)
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def take(_: Asked, writer: Any) -> None:
    answer(writer, 200)


@pytest.mark.parametrize(
    ("shown", "trusted"),
    [({"days": -1}, True), ({"host": "other.example"}, True), ({"host": "127.0.0.2"}, True), ({}, False)],
    ids=["expired", "another host", "another address", "unknown authority"],
)
async def test_a_wrong_certificate_is_told_apart_and_nothing_is_sent(
    adapter: Adapter, secret: str, tmp_path: Path, shown: dict[str, Any], trusted: bool
) -> None:
    pem, key = certificate(tmp_path, "epr", **shown)
    tls = {"authority": str(pem)} if trusted else {}

    async with neighbour(take, server_side(pem, key)) as url:
        answered = await adapter.send(to(url, secret, private=True, tls=tls))

    assert (answered.delivered, answered.phase, answered.status) == (False, "tls", None)


async def test_certificate_files_that_are_not_there_fail_the_attempt(adapter: Adapter, secret: str) -> None:
    answered = await adapter.send(to("https://127.0.0.1:9", secret, private=True, tls={"authority": "/nowhere.pem"}))

    assert answered.answer == "The certificate files registered for it cannot be used."


async def test_mutual_tls_and_nothing_less(adapter: Adapter, secret: str, tmp_path: Path) -> None:
    epr, ours = certificate(tmp_path, "epr"), certificate(tmp_path, "gateway")

    async def send(url: str, **tls: Path) -> Answer:
        return await adapter.send(to(url, secret, private=True, tls={name: str(path) for name, path in tls.items()}))

    async with neighbour(take, server_side(*epr, clients=ours[0])) as url:
        known = await send(url, certificate=ours[0], key=ours[1], authority=epr[0])
        nameless = await send(url, authority=epr[0])
        unknown_authority = await send(url, certificate=ours[0], key=ours[1])

    assert known.delivered
    assert not nameless.delivered
    assert (unknown_authority.delivered, unknown_authority.phase) == (False, "tls")
