"""What the mock tells others: HL7 v2.4 messages as text, sent over MLLP when it knows where to, and their disorder."""

import asyncio
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from adapters.rio.mock.store import Row, Store

SECONDS = 5  # that a receiver has to answer
START, END = b"\x0b", b"\x1c\r"  # MLLP release 1
ESCAPES = str.maketrans({"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"})

Disorder = Literal["duplicate", "replay", "gap", "out-of-order"]


class Event(BaseModel):
    """Something that happened to a client: A28 and A31 demographics, A40 merged `into` another, A37 the merge undone,
    A01 admitted, A03 discharged from the ward, I12 referred (the newest referral)."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["A28", "A31", "A40", "A37", "A01", "A03", "I12"]
    client: str
    into: str | None = None


class Events(BaseModel):
    model_config = ConfigDict(extra="forbid")

    events: list[Event] = Field(min_length=1, max_length=100)
    disorder: Disorder | None = None


class UnknownClient(Exception):
    """The event is about nobody that the mock knows."""


def tell(store: Store, told: Events) -> list[str]:
    """Carries the events out in the record and returns their messages, in the order in which they are to be sent.

    Raises UnknownClient, and then nothing has happened.
    """
    with store.transaction():
        if told.disorder == "gap":
            store.count("messages")  # a number that no message gets
        messages = [_tell_one(store, event) for event in told.events]
        if told.disorder == "duplicate":
            return [message for message in messages for _ in range(2)]
        if told.disorder == "out-of-order":
            return messages[::-1]
        if told.disorder == "replay":
            sql = "SELECT Text FROM Message WHERE ClientID = ? ORDER BY Number LIMIT 1"
            return messages + [row["Text"] for row in store.all(sql, told.events[0].client)]
        return messages


def _tell_one(store: Store, event: Event) -> str:
    client = _client(store, event.client)
    merge = "UPDATE Client SET MergedInto = ? WHERE ClientID = ?"
    other = client
    if event.type in {"A40", "A37"}:
        other = _client(store, event.into or client["MergedInto"] or "")
        if other["ClientID"] == client["ClientID"]:
            raise UnknownClient("client and into must be two clients.")
        store.change(merge, other["ClientID"] if event.type == "A40" else None, client["ClientID"])
    store.count("messages")
    number = (store.one("SELECT Number FROM Noticed WHERE Name = 'messages'") or {})["Number"]
    sql = "SELECT * FROM Referral WHERE ClientID = ? ORDER BY ReferralNumber DESC LIMIT 1"
    text = message(event.type, number, client, other, store.one(sql, event.client))
    store.insert("Message", {"Number": number, "ClientID": event.client, "Text": text})
    return text


def _client(store: Store, client_id: str) -> Row:
    client = store.one("SELECT * FROM Client WHERE ClientID = ?", client_id)
    if client is None:
        raise UnknownClient("client and into must be ClientIDs of the record.")
    return client


def message(kind: str, number: int, client: Row, other: Row, referral: Row | None) -> str:
    """One message. Its MSH-10 (control id) and MSH-13 (sequence number) both come from `number`; `other` is whom the
    client was merged into or parted from."""
    now = f"{datetime.now(UTC):%Y%m%d%H%M%S}+0000"
    structure = {"A28": "ADT_A05", "A31": "ADT_A05", "A40": "ADT_A39", "A37": "ADT_A37", "A01": "ADT_A01"}
    name = "REF^I12^REF_I12" if kind == "I12" else f"ADT^{kind}^{structure.get(kind, f'ADT_{kind}')}"
    segments = [f"MSH|^~\\&|RIO|XND01|GATEWAY|GATEWAY|{now}||{name}|RIO{number:07d}|P|2.4|{number}||AL|NE"]
    if kind == "I12":
        given = referral or {}
        external = _escaped(given.get("ExternalReferralId"))
        segments += [f"RF1|A|R|||O|{given.get('ReferralNumber', '')}^RIO|{now}||||{external}", "PRD|RP|Northdale"]
        return "\r".join([*segments, _pid(client)]) + "\r"
    segments += [f"EVN|{kind}|{now}"]
    if kind == "A40":
        segments += [_pid(other), f"MRG|{client['ClientID']}^^^RIO^MR"]
    elif kind == "A37":
        segments += [_pid(client), _pid(other)]
    else:
        segments += [_pid(client), f"PV1|1|{'I|WARD1' if kind in {'A01', 'A03'} else 'N'}"]
    return "\r".join(segments) + "\r"


def _pid(client: Row) -> str:
    ids = [f"{client['ClientID']}^^^RIO^MR"] + ([f"{client['NHSNumber']}^^^NHS^NH"] if client["NHSNumber"] else [])
    name = f"{_escaped(client['FamilyName'])}^{_escaped(client['GivenNames'])}^^^^^L"
    born, died = [(client[date] or "").replace("-", "") for date in ("DateOfBirth", "DateOfDeath")]
    fields = {3: "~".join(ids), 5: name, 7: born, 8: client["Gender"], 13: _escaped(client["Phone"])}
    fields |= {29: died, 30: "Y" if client["Deceased"] else "N"}
    return "PID|" + "|".join(fields.get(at, "1" if at == 1 else "") for at in range(1, 31))


def _escaped(text: str | None) -> str:
    return (text or "").translate(ESCAPES)


async def send(messages: list[str], host: str, port: int) -> list[str | None]:
    """Sends them over one connection; of each the receiver's answer (MSA-1: AA, AE, AR), None when none came."""
    reader, writer = await asyncio.open_connection(host, port)
    answers: list[str | None] = []
    try:
        for text in messages:
            writer.write(START + text.encode() + END)
            await writer.drain()
            answers.append(await _answer(reader))
            if answers[-1] is None:
                break
    finally:
        writer.close()
    return answers + [None] * (len(messages) - len(answers))


async def _answer(reader: asyncio.StreamReader) -> str | None:
    try:
        async with asyncio.timeout(SECONDS):
            text = (await reader.readuntil(END)).strip(START + END).decode()
    except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, UnicodeDecodeError):
        return None
    found = [segment.split("|")[1] for segment in text.split("\r") if segment.startswith("MSA|")]
    return found[0] if found else None
