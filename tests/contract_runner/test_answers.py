"""Answers that are none, or that spoil what is asked next: a failure of that test, in a sentence that is true; and
requests without end, of which no more is kept than the gateway takes."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from starlette.types import Message, Receive, Scope, Send
from tests.contract_runner.test_targets import ONE, answering, run_beside
from tests.serving import serving

from gateway.contract.listening import Recorder

BODY = ONE[ONE.index("  - id: GWY-01") :]
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"


@asynccontextmanager
async def speaking(answer: Answer) -> AsyncIterator[str]:
    """Answers as it should when asked whether it is there; then as told."""
    asked = 0

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                asked += 1
                if asked == 1:
                    writer.write(OK % (2, b"{}"))
                    await writer.drain()
                else:
                    await answer(writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def reset(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def reset_in_the_middle(writer: asyncio.StreamWriter) -> None:
    writer.write(OK % (500, b"{"))
    await writer.drain()
    writer.transport.abort()


async def no_http(writer: asyncio.StreamWriter) -> None:
    writer.write(b"+OK POP3 ready\r\n\r\n")


async def headers_without_end(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-Filler: " + b"x" * 8_000 + b"\r\n")
        await writer.drain()


async def drip(writer: asyncio.StreamWriter) -> None:
    writer.write(OK % (500, b"{"))
    while True:
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.write(b" ")


async def a_bomb(writer: asyncio.StreamWriter) -> None:
    """Says that it unfolds: it was not asked to, and nobody unfolds it."""
    body = b"\x1f\x8b" + b"\x00" * 1_000
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


BROKEN_OFF = "the connection ended, or what came was no HTTP, before the answer was whole"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (reset, BROKEN_OFF),
        (reset_in_the_middle, BROKEN_OFF),
        (no_http, BROKEN_OFF),
        (headers_without_end, BROKEN_OFF),
        (drip, "no whole answer came in time"),
        (a_bomb, "Expected JSON; the answer is none."),
    ],
)
async def test_what_became_of_an_answer_is_told(answer: Answer, told: str, tmp_path: Path) -> None:
    suite, config = tmp_path / "suite.yaml", tmp_path / "config.yaml"
    suite.write_text(ONE)
    config.write_text("seconds: 1")
    async with speaking(answer) as url:
        ran = await run_beside(suite, url, "--config", str(config))
    assert ran.exit_code == 1, ran.output
    assert told in ran.output


KEEPS = """      - send: {{ path: Patient }}
        keep: {{ id: id }}
      - send: {{ {use} }}
"""


@pytest.mark.parametrize(
    ("use", "id_", "told"),
    [
        ('path: "Patient/${id}"', "é", r"an address has no such signs"),
        ('path: "Patient/${id}"', "\ud800", r"an address has no such signs"),
        ('path: "Patient/${id}"', "x" * 70_000, "an address of 70,0"),
        ('path: "Patient/${id}"', "a\r\nX-Other: 1", "an address has no such signs"),
        ('headers: { If-Match: "${id}" }', "a\r\nX-Other: 1", "what was kept for the header if-match has signs"),
        ('headers: { If-Match: "${id}" }', "é", "what was kept for the header if-match has signs"),
        ('raw: "${id}", method: POST', "\ud800", None),
        ("body: one, method: POST", "half \ud800", None),
        ('path: "Patient/${id}"', "../../x?y#z%zz[", None),
    ],
)
async def test_what_it_answered_once_spoils_no_later_step(use: str, id_: str, told: str | None, tmp_path: Path) -> None:
    suite = tmp_path / "suite.yaml"
    documents = 'documents: { one: { id: "${id}" } }\ntests:\n'
    test = BODY[: BODY.index("      - send")].replace("01", "02")
    spoilt = KEEPS.format(use=use) if told else KEEPS.format(use=use) + "        expect: { status: 200 }\n"
    suite.write_text(ONE.replace("tests:\n", documents) + test + spoilt)
    app = answering(200, json.dumps({"resourceType": "CapabilityStatement", "id": id_}).encode())
    async with serving(app) as url:
        ran = await run_beside(suite, url)
    assert ran.exit_code == (1 if told else 0), ran.output
    assert (told or "2 passed") in ran.output
    assert "cut short" not in ran.output


async def test_a_request_without_end_fills_no_memory() -> None:
    heard = 0

    async def refuse(_scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal heard
        while heard < 8_000_000:  # as the gateway does, which takes five
            heard += len((await receive())["body"])
        await answering(413, b"")(_scope, receive, send)

    async def endless() -> Message:
        return {"type": "http.request", "body": b"x" * 65_536, "more_body": True}

    async def sent(message: Message) -> None:
        answered.append(message)

    answered: list[Message] = []
    recorder = Recorder(refuse, "http://127.0.0.1")
    scope = {"type": "http", "method": "POST", "path": "/FHIR/R4", "query_string": b"", "headers": []}
    await asyncio.wait_for(recorder(scope, endless, sent), 10)
    assert answered[0]["status"] == 413
    assert heard >= 8_000_000
    assert len(recorder.exchanges[0].sent_body) < 6_100_000
