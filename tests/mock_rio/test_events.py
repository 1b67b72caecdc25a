"""HL7 v2 events that the mock tells of, read by an independent parser."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, get_args

import pytest
from tests.mock_rio.rio import FOLDER, MAGGIE, Rio, Serve

from adapters.rio.mock import MockError, read_address
from adapters.rio.mock.events import Disorder

hl7: Any = pytest.importorskip("hl7")  # an extra; it has no types


async def tell(rio: Rio, *events: tuple[str, str], disorder: str | None = None, **more: str) -> Any:
    given = [{"type": kind, "client": client} | more for kind, client in events]
    answer = await rio.client.post(f"{rio.url}/events", json={"events": given, "disorder": disorder})
    answer.raise_for_status()
    return answer.json()


async def messages(rio: Rio, *events: tuple[str, str], disorder: str | None = None, **more: str) -> list[Any]:
    told = await tell(rio, *events, disorder=disorder, **more)
    return [hl7.parse(text) for text in told["messages"]]


def sequence(told: list[Any]) -> list[int]:
    return [int(str(one.segment("MSH")[13])) for one in told]


async def test_demographics(rio: Rio) -> None:
    [told] = await messages(rio, ("A31", MAGGIE))

    assert str(told.segment("MSH")[9]) == "ADT^A31^ADT_A05"
    pid = told.segment("PID")
    assert str(pid[3]) == "0012345^^^RIO^MR~9992047186^^^NHS^NH"
    assert (str(pid[5][0][0]), str(pid[7]), str(pid[30])) == ("Harrow", "19710614", "N")


async def test_a_merge_and_its_undoing_happen_in_the_record_too(rio: Rio) -> None:
    [merged] = await messages(rio, ("A40", "0020001"), into="0020002")
    assert str(merged.segment("PID")[3]).startswith("0020002^")
    assert str(merged.segment("MRG")[1]).startswith("0020001^")
    assert (await rio.call("GetClient", ClientID="0020001"))[0].MergedInto == "0020002"

    [parted] = await messages(rio, ("A37", "0020001"))
    assert [str(pid[3])[:7] for pid in parted.segments("PID")] == ["0020001", "0020002"]
    assert (await rio.call("GetClient", ClientID="0020001"))[0].MergedInto is None


async def test_admissions_deaths_and_referrals(rio: Rio, referral: dict[str, Any]) -> None:
    made = await rio.call("CreateReferral", **referral)

    told = await messages(rio, ("A01", MAGGIE), ("A03", "0040004"), ("I12", MAGGIE))

    assert [str(one.segment("MSH")[9][0][1]) for one in told] == ["A01", "A03", "I12"]
    assert str(told[1].segment("PID")[30]) == "Y"
    assert str(told[2].segment("RF1")[6]) == f"{made.ReferralNumber}^RIO"
    assert str(told[2].segment("RF1")[11]) == "SP-4821-0937-5564"


async def test_disorder(rio: Rio) -> None:
    two = ("A01", MAGGIE), ("A03", MAGGIE)

    assert sequence(await messages(rio, *two)) == [1, 2]
    assert sequence(await messages(rio, *two, disorder="out-of-order")) == [4, 3]
    assert sequence(await messages(rio, *two, disorder="duplicate")) == [5, 5, 6, 6]
    assert sequence(await messages(rio, *two, disorder="gap")) == [8, 9]
    assert sequence(await messages(rio, *two, disorder="replay")) == [10, 11, 1]


def test_the_readme_tells_every_disorder() -> None:
    readme = (FOLDER / "mock/README.md").read_text("utf-8").partition("| Disorder |")[2]

    assert set(re.findall(r"^\| `([a-z-]+)` \|", readme, re.MULTILINE)) == set(get_args(Disorder))


async def test_an_event_of_nobody_is_refused_and_nothing_happens(rio: Rio) -> None:
    for into, why in (("9", "ClientIDs"), ("0020001", "two clients")):
        events = [{"type": "A31", "client": MAGGIE}, {"type": "A40", "client": "0020001", "into": into}]
        answer = await rio.client.post(f"{rio.url}/events", json={"events": events})
        assert (answer.status_code, why in answer.text) == (422, True)

    assert sequence(await messages(rio, ("A31", MAGGIE))) == [1]


@asynccontextmanager
async def receiver(*answers: str) -> AsyncIterator[tuple[tuple[str, int], list[bytes]]]:
    """An MLLP receiver that gives these answers in turn, then none; its address and what it received."""
    received: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            received.append((await reader.readuntil(b"\x1c\r"))[1:-2])
            writer.write(f"\x0bMSH|^~\\&|G|G\rMSA|{answer}|1\r\x1c\r".encode())
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[:2], received


async def test_messages_go_over_mllp_and_the_answers_come_back(serve: Serve) -> None:
    async with receiver("AA", "AE") as (address, received), serve(mllp=address) as rio:
        told = await tell(rio, ("A31", MAGGIE), ("A01", MAGGIE), ("A03", MAGGIE))

    assert told["answers"] == ["AA", "AE", None]
    assert [text.encode() for text in told["messages"][:2]] == received


async def test_nobody_there_is_told(serve: Serve) -> None:
    async with receiver() as (address, _):
        pass
    async with serve(mllp=address) as rio:
        event = {"type": "A31", "client": MAGGIE}
        answer = await rio.client.post(f"{rio.url}/events", json={"events": [event]})

    assert answer.status_code == 502


@pytest.mark.parametrize("text", ["", "2575", ":2575", "host:", "host:port", "host:70000"])
def test_an_address_is_a_host_and_a_port(text: str) -> None:
    assert read_address("127.0.0.1:2575") == ("127.0.0.1", 2575)
    with pytest.raises(MockError, match="host:port"):
        read_address(text)
