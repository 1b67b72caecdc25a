"""The framing, its limits, and TLS: on real sockets, before an answer that echoes."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hl7.mllp import open_hl7_connection
from tests.hl7v2.certificates import Authority
from tests.hl7v2.conftest import MARGARET, Engine, Listen, Trust, code, faults, message, pid
from tests.waiting import until

from adapters.hl7v2.listener import Block, Limits, listening, server_tls
from gateway.demo.parties import demo_parties
from gateway.parties import Parties, register

SMALL = Limits(block_bytes=1000, connections=3)
QUICK = Limits(block_seconds=0.3, idle_seconds=0.6)
FRAME = b"\x0b%b\x1c\r"

Start = Callable[..., Awaitable[Trust]]


async def echo(block: Block) -> bytes | None:
    return None if block.content == b"again" else b"%d %b" % (block.whole, block.content[:20])


@pytest.fixture
async def echoing(listen: Listen) -> Trust:
    return await listen(SMALL, answer=echo)


async def test_messages_are_answered_in_order_however_they_are_cut(echoing: Trust) -> None:
    engine = await echoing.connect()
    stream = b"\r\n".join(FRAME % text for text in (b"one", b"two", b"three"))
    for byte in stream:
        engine.writer.write(bytes([byte]))
        await engine.writer.drain()
    assert [await engine.answer() for _ in range(3)] == [b"1 one", b"1 two", b"1 three"]


async def test_an_end_without_its_carriage_return_is_an_end(echoing: Trust) -> None:
    engine = await echoing.connect()
    engine.writer.write(b"\x0bone\x1c\n\x0btwo\x1c")
    assert [await engine.answer(), await engine.answer()] == [b"1 one", b"1 two"]


@pytest.mark.parametrize(
    "rubbish",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS, where none is spoken
        b"MSH|^~\\&|no block around it\r",
        b"\x0bone \x0btwo\x1c\r",  # the first never ended
    ],
)
async def test_what_is_no_block_ends_the_connection(echoing: Trust, rubbish: bytes) -> None:
    engine = await echoing.connect()
    engine.writer.write(rubbish)
    assert await engine.is_closed()
    engine = await echoing.connect()
    engine.writer.write(FRAME % b"next")
    assert await engine.answer() == b"1 next"


@pytest.mark.parametrize(("sent", "seconds"), [(b"\x0bnever", 0.3), (b"", 0.6)], ids=["in a block", "between blocks"])
async def test_who_says_nothing_more_is_cut_off(listen: Listen, sent: bytes, seconds: float) -> None:
    engine = await (await listen(QUICK, answer=echo)).connect()
    engine.writer.write(sent)
    started = asyncio.get_running_loop().time()
    assert await engine.is_closed()
    assert asyncio.get_running_loop().time() - started > seconds - 0.1


async def test_a_byte_now_and_then_is_not_enough(listen: Listen) -> None:
    engine = await (await listen(QUICK, answer=echo)).connect()
    engine.writer.write(b"\x0b")

    async def drip() -> None:
        while True:
            engine.writer.write(b"a")
            await asyncio.sleep(0.05)

    dripping = asyncio.create_task(drip())
    assert await engine.is_closed()
    dripping.cancel()


async def test_what_is_too_long_is_told_so_and_not_held(echoing: Trust) -> None:
    engine = await echoing.connect()
    engine.writer.write(FRAME % (b"MSH" + b"x" * 5_000))
    assert await engine.answer() == b"0 MSHxxxxxxxxxxxxxxxxx"
    assert await engine.is_closed()


async def test_the_answer_reaches_an_engine_that_sends_on(echoing: Trust) -> None:
    """A close with bytes unread resets the connection, and takes the answer with it."""
    engine = await echoing.connect()
    engine.writer.write(b"\x0bMSH" + b"x" * 20_000_000 + b"\x1c\r")
    await engine.writer.drain()
    assert await engine.answer() == b"0 MSHxxxxxxxxxxxxxxxxx"
    assert await engine.is_closed()


async def test_what_has_no_end_is_not_heard_out(listen: Listen) -> None:
    engine = await (await listen(Limits(block_bytes=1000, block_seconds=0.3), answer=echo)).connect()
    engine.writer.write(b"\x0bMSH" + b"x" * 5_000)
    assert await engine.answer() == b"0 MSHxxxxxxxxxxxxxxxxx"
    assert await engine.is_closed()


async def test_there_is_no_more_room_than_for_so_many(echoing: Trust) -> None:
    engines = [await echoing.connect() for _ in range(SMALL.connections)]
    for engine in engines:
        engine.writer.write(FRAME % b"here")
        assert await engine.answer() == b"1 here"
    more = await echoing.connect()
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await more.answer()
    engines[0].writer.close()
    await engines[0].writer.wait_closed()

    async def room() -> bool:
        last = await echoing.connect()
        last.writer.write(FRAME % b"room")
        try:
            return await last.answer() == b"1 room"
        except (ConnectionError, asyncio.IncompleteReadError):  # the listener has not seen yet that one is gone
            return False

    await until(room)


async def test_no_answer_closes_the_connection(echoing: Trust) -> None:
    engine = await echoing.connect()
    engine.writer.write(FRAME % b"again" + FRAME % b"one")
    assert await engine.is_closed()


async def test_a_message_in_hand_is_answered_when_the_listener_stops() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(_block: Block) -> bytes:
        begun.set()
        await go_on.wait()
        return b"done"

    listener = listening(slowly, "127.0.0.1", 0)
    engine = Engine(*await asyncio.open_connection("127.0.0.1", await listener.__aenter__()))
    engine.writer.write(FRAME % b"one" + FRAME % b"two")
    await begun.wait()
    stopping = asyncio.create_task(listener.__aexit__(None, None, None))
    await asyncio.sleep(0.05)
    go_on.set()
    await stopping
    assert await engine.answer() == b"done"
    assert await engine.is_closed()  # the second was not begun: it comes again
    engine.writer.close()


async def test_another_makers_client_understands_us(trust: Trust) -> None:
    """python-hl7's own MLLP client."""
    await trust.refer(*MARGARET)
    reader, writer = await open_hl7_connection("127.0.0.1", trust.port, encoding="utf-8")
    writer.writeblock(message("ADT^A31", pid(), control_id="RIO-9").replace("\n", "\r").encode())
    ack = await reader.readmessage()
    assert (str(ack.segment("MSA")[1]), str(ack.segment("MSA")[2])) == ("AA", "RIO-9")
    writer.close()


async def test_a_message_that_is_too_long_is_refused_by_its_name(listen: Listen) -> None:
    trust = await listen(SMALL)
    ack = await trust.send(message("ADT^A31", pid(), "NTE|1||" + "x" * 5_000, control_id="RIO-8"))
    assert (code(ack), ack.segments("MSA")[0].text(2)) == ("AR", "RIO-8")
    assert "longer than 1,000 bytes" in faults(ack)[0]


async def test_only_systems_with_a_certificate_connect(listen: Listen, tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs")
    server = authority.issue("127.0.0.1")
    tls = server_tls(server.certificate, server.key, authority.certificate)
    trust = await listen(tls=tls)
    parties = demo_parties(tmp_path / "keys").model_dump()
    parties["organisations"][0]["hl7v2"][0]["certificate_name"] = "rio.northdale.example"
    await register(trust.running.store, Parties.model_validate(parties))

    def client(who: Authority | None, name: str = "rio.northdale.example") -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(authority.certificate))
        if who:
            mine = who.issue(name)
            context.load_cert_chain(mine.certificate, mine.key)
        return context

    known = await trust.connect(ssl=client(authority))
    assert code(await known.send(message("ADT^A31", pid()))) == "AA"
    other = await trust.connect(ssl=client(authority, "other.northdale.example"))
    ack = await other.send(message("ADT^A31", pid()))
    assert (code(ack), "certificate" in faults(ack)[0]) == ("AR", True)

    async def call(context: ssl.SSLContext) -> None:
        await (await trust.connect(ssl=context)).send(message("ADT^A31", pid()))

    for who in (None, stranger):
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            await call(client(who))
