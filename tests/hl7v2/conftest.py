"""A listener on a real port, before a real database; and what an integration engine says to it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select
from tests.app import Running
from tests.identity.conftest import nhs, patient, referral_of, rio

from adapters.hl7v2.listener import Block, Limits, listening
from gateway.hl7v2 import take
from gateway.store.schema import audit
from mappings.hl7v2.message import Message, read

Json = dict[str, Any]

EXAMPLES = Path(__file__).parent / "examples"
PID = "PID|1||{id}^^^RIO^MR~{number}^^^NHS^NH||Harrow^Margaret^Anne^^Ms^^L||19710614|2"
TRACED = "|" * 24 + "NSTS01"  # PID-32


def example(folder: str) -> str:
    return (EXAMPLES / folder / "message.hl7").read_text("utf-8")


def expected(folder: str) -> Any:
    return json.loads((EXAMPLES / folder / "expected.json").read_text("utf-8"))


def message(type_: str, *segments: str, control_id: str | None = None, **changed: str) -> str:
    """A message of the demo's RiO; `changed` are fields of its MSH: application, facility, processing, version ..."""
    msh = {"application": "RIO", "facility": "XND01", "processing": "P", "version": "2.4", "charset": "UNICODE UTF-8"}
    msh |= changed
    head = (
        f"MSH|^~\\&|{msh['application']}|{msh['facility']}|GATEWAY|SP|20260302101500||{type_}"
        f"|{control_id or uuid4().hex[:20]}|{msh['processing']}|{msh['version']}||||||{msh['charset']}"
    )
    return "\n".join([head, f"EVN|{type_[-3:]}|20260302101500", *segments]) + "\n"


def pid(id_: str = "0012345", number: str = "9990001014", rest: str = TRACED) -> str:
    return PID.format(id=id_, number=number) + rest


@dataclass
class Engine:
    """A trust's integration engine with one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, text: str | bytes, encoding: str = "utf-8") -> Message:
        """Sends a message, and reads its acknowledgement."""
        block = text if isinstance(text, bytes) else text.replace("\n", "\r").encode(encoding)
        self.writer.write(b"\x0b" + block + b"\x1c\r")
        return read(await self.answer())

    async def answer(self) -> bytes:
        async with asyncio.timeout(60):
            block = await self.reader.readuntil(b"\x1c\r")
        assert block[:1] == b"\x0b"
        return block[1:-2]

    async def is_closed(self) -> bool:
        async with asyncio.timeout(20):  # less than any limit that a test does not set
            try:
                return await self.reader.read() == b""
            except ConnectionResetError:  # so a close looks while the engine still sends
                return True


def code(ack: Message) -> str:
    return ack.segments("MSA")[0].text(1)


def faults(ack: Message) -> list[str]:
    """PID-3 204: why"""
    told = [one for err in ack.segments("ERR") for one in err.fields(1)]
    return [f"{one.text(1)}-{one.text(3)} {one.text(4)}: {one.text(4, 5)}" for one in told]


@dataclass
class Trust:
    """The trust over all its doors: FHIR (`running`) and HL7 v2."""

    running: Running
    port: int
    limits: Limits
    engines: list[Engine] = field(default_factory=list)

    async def connect(self, **tls: Any) -> Engine:
        self.engines.append(Engine(*await asyncio.open_connection("127.0.0.1", self.port, **tls)))
        return self.engines[-1]

    async def send(self, text: str | bytes, encoding: str = "utf-8") -> Message:
        engine = self.engines[-1] if self.engines else await self.connect()
        return await engine.send(text, encoding)

    async def accepts(self, text: str) -> Message:
        """A message that must be accepted."""
        ack = await self.send(text)
        assert code(ack) == "AA", faults(ack)
        return ack

    async def refer(self, *identifiers: Json, client: str = "demo-epr", **elements: Any) -> Json:
        """A referral that comes over FHIR; by their types, the resources as they are stored."""
        answer = await self.running.call(
            client,
            "POST",
            "/FHIR/R4",
            referral_of(patient(*identifiers, **elements)),
            Prefer="return=representation",
        )
        assert answer.status_code == 200, answer.text
        stored = [entry["resource"] for entry in answer.json()["entry"]]
        return {one["resourceType"]: one for one in stored}

    async def read(self, reference: str, client: str = "demo-epr") -> Json:
        answer = await self.running.call(client, "GET", f"/FHIR/R4/{reference}")
        assert answer.status_code == 200, answer.text
        shown: Json = answer.json()
        return shown

    async def platform(self, path: str) -> Json:
        answer = await self.running.call("demo-platform", "GET", f"/platform/v1/{path}")
        assert answer.status_code == 200, answer.text
        shown: Json = answer.json()
        return shown

    async def audited(self) -> list[tuple[str, int]]:
        """(action, outcome) of each message, the first first."""
        async with self.running.store.reading() as connection:
            query = select(audit.c.action, audit.c.outcome).where(audit.c.action.startswith("HL7v2"))
            return [(row.action, row.outcome) for row in await connection.execute(query.order_by(audit.c.at))]


Listen = Callable[..., Awaitable[Trust]]


@pytest.fixture
async def listen(gateway: Running) -> AsyncIterator[Listen]:
    """Starts a listener; unless told, with the limits of a real one."""
    opened = []
    trusts = []

    async def answer(block: Block) -> bytes | None:
        return await take(gateway.app.state.gateway, block)

    async def start_one(limits: Limits | None = None, **options: Any) -> Trust:
        listener = listening(options.pop("answer", answer), "127.0.0.1", 0, limits=limits, **options)
        trusts.append(Trust(gateway, await listener.__aenter__(), limits or Limits()))
        opened.append(listener)
        return trusts[-1]

    yield start_one
    for trust in trusts:
        for engine in trust.engines:
            engine.writer.close()
    for listener in opened:
        await listener.__aexit__(None, None, None)


@pytest.fixture
async def trust(listen: Listen) -> Trust:
    return await listen()


MARGARET = (nhs(), rio())
