"""The client side of the EPR's callback: what each answer means, and what no answer can do to the gateway."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from standardwebhooks import Webhook
from tests.certificates import certificate

import adapters.http
from adapters.ports import Answer, Update
from adapters.rio.callback import FhirCallback

URL = "https://epr.example/FHIR/R4"
TASK = '{"resourceType":"Task","id":"t1","note":[{"text":"Ünicode ✓"}]}'.encode()


@pytest.fixture
async def callback() -> AsyncIterator[FhirCallback]:
    callback = FhirCallback(seconds=0.5)
    yield callback
    await callback.close()


def an_update(url: str, body: bytes, secret: str, **options: Any) -> Update:
    options = {"private": True} | options
    return Update("d1", "t1", 3, body, "accepted", datetime.now(UTC), "c1", url, secret, options)


@pytest.fixture(autouse=True)
def known_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The invented host has no address; a call by its name is what respx answers."""
    look_up = adapters.http.addresses_of

    async def addresses_of(url: str, *, private: bool) -> list[str]:
        return ["epr.example"] if url.startswith("https://epr.example") else await look_up(url, private=private)

    monkeypatch.setattr(adapters.http, "addresses_of", addresses_of)


@pytest.fixture
def update(secret: str) -> Update:
    return an_update(URL, TASK, secret)


def outcome(code: str, diagnostics: str = "") -> dict[str, Any]:
    return {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": code, "diagnostics": diagnostics}],
    }


@respx.mock
async def test_it_puts_the_task_as_stored_signed_and_with_its_ids(
    callback: FhirCallback, update: Update, secret: str
) -> None:
    route = respx.put(f"{URL}/Task/t1").respond(200)

    answer = await callback.send(update)

    assert (answer.delivered, answer.phase, answer.status) == (True, "done", 200)
    request = route.calls.last.request
    assert request.content == TASK
    assert request.headers["content-type"] == "application/fhir+json"
    assert (request.headers["x-request-id"], request.headers["x-correlation-id"]) == ("d1", "c1")
    assert request.headers["webhook-id"] == "d1"
    Webhook(secret).verify(request.content, dict(request.headers))


@pytest.mark.parametrize(
    ("status", "body", "delivered", "gone"),
    [
        (200, None, True, False),
        (201, None, True, False),
        (204, None, True, False),
        (200, outcome("processing"), False, False),  # RiO tells of faults inside a 200
        (201, outcome("exception") | {"issue": [{"severity": "fatal", "code": "exception"}]}, False, False),
        (200, outcome("informational") | {"issue": [{"severity": "warning", "code": "informational"}]}, True, False),
        (200, {"resourceType": "Task", "issue": [{"severity": "error"}]}, True, False),
        (409, outcome("duplicate"), True, False),
        (409, outcome("conflict"), False, False),
        (410, None, False, True),
        (301, None, False, False),
        (400, outcome("invalid"), False, False),
        (401, None, False, False),
        (404, None, False, False),
        (429, None, False, False),
        (500, outcome("duplicate"), False, False),
        (503, None, False, False),
    ],
)
@respx.mock
async def test_what_each_answer_means(
    callback: FhirCallback, update: Update, status: int, body: dict[str, Any] | None, delivered: bool, gone: bool
) -> None:
    respx.put(f"{URL}/Task/t1").respond(status, json=body)

    answer = await callback.send(update)

    assert (answer.status, answer.delivered, answer.gone) == (status, delivered, gone)


@respx.mock
async def test_of_a_fault_inside_a_200_nobody_knows_what_it_did(callback: FhirCallback, update: Update) -> None:
    respx.put(f"{URL}/Task/t1").respond(200, json=outcome("processing", "not saved"))

    answer = await callback.send(update)

    assert (answer.phase, answer.answer) == ("fault", "processing: not saved")


@pytest.mark.parametrize(
    ("value", "at_least", "at_most"),
    [
        ("120", 120, 120),
        (format_datetime(datetime.now(UTC) + timedelta(seconds=300), usegmt=True), 200, 300),
        (format_datetime(datetime.now(UTC) - timedelta(seconds=300), usegmt=True), 0, 0),
    ],
    ids=["seconds", "a date ahead", "a date gone by"],
)
@respx.mock
async def test_retry_after_in_seconds_or_as_a_date(
    callback: FhirCallback, update: Update, value: str, at_least: float, at_most: float
) -> None:
    respx.put(f"{URL}/Task/t1").respond(503, headers={"Retry-After": value})

    retry_after = (await callback.send(update)).retry_after

    assert retry_after is not None
    assert at_least <= retry_after <= at_most


@pytest.mark.parametrize("value", ["soon", "-5", "1e9", ""])
@respx.mock
async def test_a_retry_after_that_says_nothing_is_passed_over(
    callback: FhirCallback, update: Update, value: str
) -> None:
    respx.put(f"{URL}/Task/t1").respond(503, headers={"Retry-After": value})

    assert (await callback.send(update)).retry_after is None


@pytest.mark.parametrize(
    ("error", "phase"),
    [
        (httpx.ConnectError, "connect"),
        (httpx.ConnectTimeout, "connect"),
        (httpx.WriteError, "send"),
        (httpx.WriteTimeout, "send"),
        (httpx.ReadError, "answer"),
        (httpx.ReadTimeout, "answer"),
        (httpx.RemoteProtocolError, "answer"),
    ],
)
@respx.mock
async def test_trouble_on_the_way_says_how_far_it_got(
    callback: FhirCallback, update: Update, error: type[Exception], phase: str
) -> None:
    respx.put(f"{URL}/Task/t1").mock(side_effect=error)

    answer = await callback.send(update)

    assert (answer.phase, answer.status, answer.delivered) == (phase, None, False)


# --- neighbours that misbehave, over real sockets --------------------------------------------------------------------

Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def neighbour(speak: Speak, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server that reads one request and then does as it likes; yields its address."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            await speak(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def to(url: str, update: Update, **options: Any) -> Update:
    return an_update(url, update.body, update.secret, **options)


async def test_a_redirect_is_not_followed(callback: FhirCallback, update: Update) -> None:
    visitors = []

    async def elsewhere(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visitors.append(writer)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with neighbour(elsewhere) as other:

        async def redirect(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(f"HTTP/1.1 307 Moved\r\nLocation: {other}/\r\nContent-Length: 0\r\n\r\n".encode())

        async with neighbour(redirect) as url:
            answer = await callback.send(to(url, update))

    assert (answer.status, answer.delivered, visitors) == (307, False, [])


async def test_an_answer_of_a_gigabyte_is_not_read(callback: FhirCallback, update: Update) -> None:
    written = 0

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while written < 1_000_000_000:
            writer.write(b"x" * 65_536)
            await writer.drain()
            written += 65_536

    async with neighbour(flood) as url:
        answer = await callback.send(to(url, update))

    assert answer.delivered  # its status had come
    assert len(answer.answer) < 100
    assert written < 50_000_000  # what fits in the buffers between us


async def test_an_answer_that_drips_is_cut_off(callback: FhirCallback, update: Update) -> None:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in b"HTTP/1.1 200 OK\r\n" + b"X-Patience: much\r\n" * 100:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.05)

    async with neighbour(drip) as url:
        answer = await callback.send(to(url, update))

    assert (answer.phase, answer.status, answer.delivered) == ("answer", None, False)


@pytest.mark.parametrize(
    "noise", [b"", b"not HTTP at all\r\n\r\n", b"HTTP/1.1 999999 ?\r\n\r\n", b"\x16\x03\x01\x00" * 50]
)
async def test_what_is_no_http_is_no_answer(callback: FhirCallback, update: Update, noise: bytes) -> None:
    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(noise)

    async with neighbour(speak) as url:
        answer = await callback.send(to(url, update))

    assert (answer.phase, answer.delivered) == ("answer", False)


async def test_a_refused_destination_is_a_failed_attempt(callback: FhirCallback, update: Update) -> None:
    answer = await callback.send(to("http://epr.example/FHIR/R4", update))

    assert (answer.phase, answer.delivered) == ("connect", False)
    assert "https://" in answer.answer


# --- mutual TLS ------------------------------------------------------------------------------------------------------


async def test_mutual_tls_and_nothing_less(tmp_path: Path, update: Update) -> None:
    epr, ours = certificate(tmp_path, "epr"), certificate(tmp_path, "gateway")
    strict = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=ours[0])
    strict.load_cert_chain(*epr)
    strict.verify_mode = ssl.CERT_REQUIRED

    async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async def send(url: str, **tls: Path) -> Answer:
        callback = FhirCallback(2)
        try:
            return await callback.send(to(url, update, tls=tls))
        finally:
            await callback.close()

    async with neighbour(take, strict) as url:
        known = await send(url, certificate=ours[0], key=ours[1], authority=epr[0])
        nameless = await send(url, authority=epr[0])
        unknown_authority = await send(url, certificate=ours[0], key=ours[1])

    assert known.delivered
    assert not nameless.delivered
    assert (unknown_authority.delivered, unknown_authority.phase) == (False, "tls")
