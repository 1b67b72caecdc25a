"""Which message gets which acknowledgement (HL7 v2.4, 2.9.2: original mode), and what it says."""

import asyncio
import threading
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from tests.fhir.test_database_gone import the_driver_has_given_up
from tests.hl7v2.conftest import MARGARET, Trust, code, example, faults, message, pid

from adapters.hl7v2.listener import Block
from gateway.arrival import Gateway
from gateway.demo.parties import demo_parties
from gateway.hl7v2 import take, taking
from gateway.parties import Directory, Parties, register
from gateway.settings import Settings
from gateway.store.engine import Store
from gateway.store.schema import audit, event, person, resource
from gateway.store.schema import message as stored_message

A31 = "ADT^A31"
HOME = "||NEW STREET 1^^Northdale^^XN1 1AA^^H"

TABLE = [  # what is sent, the acknowledgement, and its fault
    (message(A31, pid(), version="2.3"), "AR", "MSH-12 203"),
    (message(A31, pid(), version="3.0"), "AR", "MSH-12 203"),
    (message(A31, pid(), processing="T"), "AR", "MSH-11 202"),
    (message(A31, pid(), processing="D"), "AR", "MSH-11 202"),
    (message("ORU^R01", pid()), "AR", "MSH-9 200"),
    (message("ADT^A60", pid()), "AR", "MSH-9 201"),
    (message(A31, pid(), application="UNKNOWN"), "AR", "MSH-3 103"),
    (message(A31, pid(), facility="XSH01"), "AR", "MSH-3 103"),
    (message(A31, pid(), charset="KLINGON"), "AR", "MSH-18 103"),
    ("PID|1||0012345^^^RIO\n", "AR", "MSH-1 102"),
    ("", "AR", "MSH-1 102"),
    (message(A31, "PID|1"), "AE", "PID-3 204"),
    (message(A31), "AE", "PID- 100"),
    (message(A31, "PID|1||0012345^^^ELSEWHERE"), "AE", "PID-3 204"),
    (message(A31, pid(rest="")[:-1].replace("19710614", "14/6/71")), "AE", "PID-7 102"),
    (message("ADT^A40", pid()), "AE", "MRG- 100"),
    (message("ADT^A40", pid(), "MRG|0098765^^^ELSEWHERE"), "AE", "MRG-1 204"),
    (message("ADT^A40", pid(), "MRG|0012345^^^RIO"), "AE", "MRG-1 205"),
    (message("ADT^A37", pid()), "AE", "PID- 100"),
    (message("ADT^A01", pid()), "AE", "PV1- 100"),
    (message("REF^I12", pid()), "AE", "RF1- 100"),
    (message("REF^I12", "RF1||VERYURGENT", pid()), "AE", "RF1-2 103"),
    (message("REF^I12", "RF1||R", pid()), "AE", "RF1-10 102"),  # no reason: refused as over FHIR
    (
        message("REF^I12", "RF1||R||||||||LONELY^Lonely", pid(), "OBX|1|ED|LETTER||x^AP^PDF^Base64^JVBER"),
        "AE",
        "OBX-2 103",
    ),
    (message("REF^I12", "RF1||R||||||||LONELY^Lonely", pid(), "OBX|1|CE|CONSENT||N"), "AE", "OBX-5 102"),
    (message(A31, pid()), "AA", None),
    (message("ADT^A28", pid()), "AA", None),
    (message("ADT^A08", pid()), "AA", None),
    (message("ADT^A40", pid(), "MRG|0098765^^^RIO"), "AA", None),
    (message("ADT^A37", pid(), "PID|2||0098765^^^RIO"), "AA", None),
    (message("ADT^A01", pid(), "PV1|1|I"), "AA", None),
    (message("ADT^A03", pid(), "PV1|1|I"), "AA", None),
]


@pytest.mark.parametrize(("sent", "acknowledgement", "fault"), TABLE, ids=range(len(TABLE)))
async def test_the_table_of_acknowledgements(trust: Trust, sent: str, acknowledgement: str, fault: str | None) -> None:
    ack = await trust.send(sent)
    assert code(ack) == acknowledgement, faults(ack)
    assert [told[: len(fault)] for told in faults(ack)][:1] == [fault] if fault else faults(ack) == []


async def test_an_acknowledgement_names_the_message_and_goes_back_to_its_sender(trust: Trust) -> None:
    ack = await trust.send(message(A31, pid(), control_id="RIO-77"))
    msh, msa = ack.segments("MSH")[0], ack.segments("MSA")[0]
    assert (msh.text(3), msh.text(4), msh.text(5), msh.text(6)) == ("GATEWAY", "SP", "RIO", "XND01")
    assert (ack.header.name, ack.header.version, ack.header.charset) == ("ACK^A31", "2.4", "UNICODE UTF-8")
    assert (msa.text(1), msa.text(2)) == ("AA", "RIO-77")


async def test_a_refusal_says_what_to_do_and_repeats_nobodys_data(trust: Trust) -> None:
    sent = message("REF^I12", "RF1||R", pid(number="9990001015"), "NTE|1||Secret words of Margaret.")
    ack = await trust.send(sent)
    assert code(ack) == "AE"
    told = " ".join(faults(ack))
    assert "needs at least one reason" in told
    assert "The NHS number fails its check" in told
    for secret in ("Margaret", "Harrow", "9990001015", "0012345", "19710614", "Secret"):
        assert secret not in told + str(ack.segments("MSA")[0].text(3))


async def test_nothing_is_kept_of_people_whom_nobody_referred(trust: Trust) -> None:
    await trust.accepts(message(A31, pid()))
    await trust.accepts(message("ADT^A01", pid(), "PV1|1|I"))
    for table in (stored_message, resource, person, event):
        assert await trust.running.count(table) == 0
    assert await trust.audited() == [("HL7v2 ADT^A31", 200), ("HL7v2 ADT^A01", 200)]


async def test_each_message_of_a_known_sender_is_audited_without_its_content(trust: Trust) -> None:
    await trust.refer(*MARGARET)
    await trust.accepts(message(A31, pid()))
    await trust.send(message(A31, "PID|1"))
    await trust.send(message("ORU^R01", pid()))
    await trust.send(message(A31, pid(), application="UNKNOWN"))  # nobody's: the log has it
    assert await trust.audited() == [("HL7v2 ADT^A31", 200), ("HL7v2 ADT^A31", 422), ("HL7v2 other", 400)]


async def test_a_feed_may_do_what_its_client_may(trust: Trust, tmp_path: Path) -> None:
    parties = demo_parties(tmp_path / "keys").model_dump()
    [client] = [one for one in parties["clients"] if one["id"] == "demo-epr"]
    client["scopes"] = ["system/Task.r"]
    await register(trust.running.store, Parties.model_validate(parties))
    trust.running.app.state.gateway.directory._stale_at = 0
    ack = await trust.send(message(A31, pid()))
    assert (code(ack), faults(ack)[0][:9]) == ("AR", "MSH-9 200")
    assert await trust.audited() == [("HL7v2 ADT^A31", 403)]


async def test_a_lost_acknowledgement_is_given_again_and_nothing_is_done_twice(trust: Trust) -> None:
    referral = await trust.refer(*MARGARET)
    sent = message(A31, pid(rest=HOME + "|" * 21 + "NSTS01"), control_id="RIO-1")
    await trust.accepts(sent)
    before = await trust.running.count(resource), await trust.running.count(event), await trust.running.count(audit)
    engine = await trust.connect()  # the first connection broke before the answer came
    again = await engine.send(sent)
    assert (code(again), again.segments("MSA")[0].text(2)) == ("AA", "RIO-1")
    assert before == (
        await trust.running.count(resource), await trust.running.count(event), await trust.running.count(audit)
    )  # fmt: skip
    assert (await trust.read(f"Patient/{referral['Patient']['id']}"))["meta"]["versionId"] == "2"


async def test_a_referral_that_comes_again_is_one_referral(trust: Trust) -> None:
    first, again = await trust.accepts(example("referred")), await trust.accepts(example("referred"))
    told = [ack.segments("MSA")[0].text(3) for ack in (first, again)]
    assert told[0] == told[1]
    assert told[0].startswith("Referral SP-")


async def test_the_same_message_at_once_on_two_connections(trust: Trust) -> None:
    await trust.refer(*MARGARET)
    sent = message(A31, pid(rest=HOME + "|" * 21 + "NSTS01"))
    engines = [await trust.connect() for _ in range(4)]
    acks = await asyncio.gather(*(engine.send(sent) for engine in engines))
    assert [code(ack) for ack in acks] == ["AA"] * 4
    assert await trust.running.count(event) == 2  # submitted, amended once


async def test_an_id_that_was_used_for_another_message_is_refused(trust: Trust) -> None:
    await trust.refer(*MARGARET)
    await trust.accepts(message(A31, pid(), control_id="RIO-1"))
    ack = await trust.send(message(A31, pid(id_="0012345", rest=HOME), control_id="RIO-1"))
    assert (code(ack), faults(ack)[0].partition(":")[0]) == ("AE", "MSH- 205")


async def test_while_the_database_is_away_nothing_is_acknowledged(
    trust: Trust, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection closes without an answer; the engine sends again, and then it is done."""
    await trust.refer(*MARGARET)
    sent = message(A31, pid(rest=HOME + "|" * 21 + "NSTS01"))
    with monkeypatch.context() as away:

        def gone(_store: Store) -> None:
            raise OperationalError("the database is away", None, Exception())

        away.setattr(Store, "transaction", gone)
        engine = await trust.connect()
        engine.writer.write(b"\x0b" + sent.replace("\n", "\r").encode() + b"\x1c\r")
        assert await engine.is_closed()
    await trust.connect()
    await trust.accepts(sent)
    assert await trust.running.count(event) == 2


@pytest.mark.parametrize(
    "url", ["postgresql+asyncpg://nobody@/none?host=/nowhere/at/all", "sqlite+aiosqlite:////nowhere/at/all/gateway.db"]
)
async def test_where_there_is_no_database_nothing_is_answered(url: str) -> None:
    others = threading.enumerate()
    store = Store(url)
    block = Block(message(A31, pid()).replace("\n", "\r").encode(), frozenset())
    assert await take(Gateway(Settings(database_url=url), store, Directory(store)), block) is None
    await store.close()
    await the_driver_has_given_up(others)


async def test_a_fault_of_ours_is_answered_and_told_in_the_log_without_data(
    trust: Trust, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError("Margaret Harrow")

    monkeypatch.setattr(taking, "HANDLED", {A31: broken})
    ack = await trust.send(message(A31, pid()))
    assert (code(ack), faults(ack)[0].partition(":")[0]) == ("AE", "MSH- 207")
    logged = capsys.readouterr().out
    assert "ZeroDivisionError" in logged
    assert "Harrow" not in logged
