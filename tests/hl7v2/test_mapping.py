"""Each example message beside the FHIR that it becomes: tests/hl7v2/examples."""

import contextlib
import json
from importlib.resources import files
from typing import Any

import hl7
import pytest
from tests.hl7v2.conftest import EXAMPLES, example, expected, message, pid

from gateway.validation import check
from mappings.hl7v2.message import MOST_SEPARATORS, Unreadable, read, unescape
from mappings.hl7v2.patient import READERS, ROWS, Mistaken, amended, former_identifiers, patient_from
from mappings.hl7v2.referral import Referrer, referral_from
from mappings.hl7v2.values import day, moment
from mappings.hl7v2.visit import visit_words

Json = dict[str, Any]

RIO = "https://northdale.example/rio/client-id"
SYSTEMS = {"RIO": RIO}
TRUST = Referrer("XND01", "Northdale Mental Health NHS Foundation Trust")


def read_example(folder: str) -> Any:
    return read(example(folder).encode())


def become(folder: str) -> Json:
    """What the message becomes, by its type."""
    told = read_example(folder)
    found: Json = {"Patient": patient_from(told, SYSTEMS)}
    if told.header.type == "REF":
        numbers = "https://northdale.example/rio/referral"
        found["ServiceRequest"] = referral_from(told, TRUST, numbers, "Patient/example")
    if told.header.event == "A40":
        found["given up"] = former_identifiers(told, SYSTEMS)
    if told.header.event in {"A01", "A03"}:
        found["told"] = visit_words(told, TRUST.name, on_hold=False, where=True)
    return found


@pytest.mark.parametrize("folder", sorted(one.name for one in EXAMPLES.iterdir()))
def test_an_example_becomes_what_stands_beside_it(folder: str) -> None:
    found = become(folder)
    assert found == expected(folder)
    for resource in found.values():
        if isinstance(resource, dict):
            assert check(resource) == []


@pytest.mark.parametrize("folder", sorted(one.name for one in EXAMPLES.iterdir()))
def test_fields_are_where_the_library_finds_them(folder: str) -> None:
    """Our way through python-hl7's containers, beside its own accessor."""
    text = example(folder).replace("\n", "\r")
    ours, theirs = read(text.encode()), hl7.parse(text)
    compared = 0
    for name in {str(one[0]) for one in theirs}:
        first = ours.segments(name)[0]
        for number in range(3 if name == "MSH" else 1, len(theirs.segment(name))):
            for component in range(1, 9):
                with contextlib.suppress(LookupError):  # it has no so many
                    said = theirs.extract_field(name, 1, number, 1, component, 1) or ""
                    assert first.text(number, component) == said.replace("\r", "\n").replace('""', "").strip()
                    compared += 1
    assert compared > 30


def test_each_row_has_a_reader_and_says_why() -> None:
    assert all(row.read in READERS and row.note for row in ROWS)
    tables = json.loads(files("mappings.hl7v2").joinpath("codes.json").read_text("utf-8"))
    assert all(table["note"] and table["codes"] for table in tables.values())


def update(before: Json, *segments: str) -> Json:
    return amended(before, read(message("ADT^A31", *segments).encode()), SYSTEMS)


BEFORE: Json = {
    "resourceType": "Patient",
    "identifier": [
        {"system": RIO, "value": "0012345"},
        {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990001014"},
        {"system": "https://platform.example/person", "value": "77"},
    ],
    "name": [{"use": "official", "family": "Harrow"}, {"use": "nickname", "given": ["Maggie"]}],
    "telecom": [
        {"system": "phone", "value": "01632 960111", "use": "home"},
        {"system": "phone", "value": "1", "use": "work"},
    ],
    "birthDate": "1971-06-14",
    "address": [{"use": "home", "city": "Northdale"}],
    "deceasedDateTime": "2026-01-01",
}


def test_what_is_empty_changes_nothing() -> None:
    assert update(BEFORE, "PID|1||0012345^^^RIO") == BEFORE


def test_what_is_null_is_taken_away() -> None:
    after = update(BEFORE, 'PID|1||0012345^^^RIO||||""||||""||""||||||||||||||||""')
    assert "address" not in after
    assert "birthDate" not in after
    assert "deceasedDateTime" not in after
    assert after["telecom"] == [BEFORE["telecom"][1]]  # PID-13 decides on home, PID-14 on work


def test_an_identifier_replaces_those_of_its_own_system_only() -> None:
    after = update(BEFORE, 'PID|1||0099999^^^RIO~""^^^NHS^NH')
    assert {one["value"] for one in after["identifier"]} == {"0099999", "77"}


def test_a_verification_that_is_not_repeated_stays() -> None:
    whole = update(BEFORE, pid())
    assert update(whole, "PID|1||0012345^^^RIO~999-000-1014^^^NHS^NH") == whole


def test_a_protection_is_set_and_never_lifted() -> None:
    protected = update(BEFORE, pid(), "PD1|" + "|" * 11 + "Y")
    assert protected["meta"]["security"][0]["code"] == "R"
    assert update(protected, pid(), "PD1|" + "|" * 11 + "N")["meta"] == protected["meta"]


def test_a_death_that_was_an_error_is_taken_back() -> None:
    died = update({"resourceType": "Patient"}, "PID|1||0012345^^^RIO" + "|" * 27 + "Y")
    assert died["deceasedBoolean"] is True
    assert "deceasedBoolean" not in update(died, "PID|1||0012345^^^RIO" + "|" * 27 + "N")


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("20260302101500", "2026-03-02T10:15:00+00:00"),
        ("202607021015", "2026-07-02T10:15:00+01:00"),  # London's summer
        ("20260302101500.123+0200", "2026-03-02T10:15:00+02:00"),
        ("20260302", "2026-03-02"),
        ("202603", "2026-03"),
        ("20261332", None),
        ("yesterday", None),
        ("20260302256199", None),
    ],
)
def test_times(sent: str, meant: str | None) -> None:
    assert moment(sent) == meant
    assert day(sent) == (meant[:10] if meant else None if sent != "20260302256199" else "2026-03-02")


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (r"Bell \T\ Book", "Bell & Book"),
        (r"a\F\b\S\c\R\d\E\e", "a|b^c~d\\e"),
        (r"one\.br\two", "one\ntwo"),
        (r"\H\loud\N\ ", "loud "),
        (r"caf\XC3A9\ ", "café "),
        (r"\.sp99999999999\ ", r"\.sp99999999999\ "),  # no more blanks than anybody can read
        (r"nul\X00\, bell\X07\.", "nul, bell."),
        (r"\Zany\ and \ alone", r"\Zany\ and \ alone"),
    ],
)
def test_escapes(sent: str, meant: str) -> None:
    assert unescape(sent) == meant


@pytest.mark.parametrize(
    ("block", "field"),
    [
        (b"", 1),
        (b"MSH", 1),
        (b"MSH|", 1),
        (b"PID|1||1^^^RIO", 1),
        (b"MSH|||||", 1),
        (b"MSH|^^^^|A|B|C|D|20260101||ADT^A31|1|P|2.4", 2),
        (b"MSH|^~\\&|A|B|C|D|20260101||ADT^A31||P|2.4", 10),
        (b"MSH|^~\\&|A|B|C|D|20260101||ADT^A31|1|P|2.4\rPID|1||7\x00^^^RIO", 0),
        (b"MSH|^~\\&|A|B|C|D|20260101||ADT^A31|1|P|2.4||||||KLINGON", 18),
        (b"MSH|^~\\&|A|B|C|D|20260101||ADT^A31|1|P|2.4\rPID|1||\xff\xfe", 18),
        (b"MSH|^~\\&|A|B|C|D|20260101||ADT^A31|1|P|2.4\rMSH|^~\\&|A|B", 0),
        (b"MSH|^~\\&|A|B|C|D|20260101||ADT^A31|1|P|2.4\rPID" + b"|" * MOST_SEPARATORS, 0),
    ],
)
def test_what_cannot_be_read(block: bytes, field: int) -> None:
    with pytest.raises(Unreadable) as refused:
        read(block)
    assert refused.value.field == field


def test_other_separators_and_charsets_are_read() -> None:
    text = "MSH$%#@*$RIO$XND01$GATEWAY$SP$20260302$$ADT%A31$1$P$2.4$$$$$$8859/1\rPID$1$$7%%%RIO$$O@S@Grady%Zo\xeb\r"
    pid_ = read(text.encode("latin-1")).segments("PID")[0]
    assert (pid_.text(5), pid_.text(5, 2), pid_.text(3, 4)) == ("O%Grady", "Zoë", "RIO")


@pytest.mark.parametrize(
    ("segment", "where"),
    [
        ("PID|1||7^^^RIO||||14.06.1971", ("PID", 7)),
        ("PID|1||7^^^RIO" + "|" * 26 + "soon", ("PID", 29)),
    ],
)
def test_what_a_field_cannot_mean(segment: str, where: tuple[str, int]) -> None:
    with pytest.raises(Mistaken) as refused:
        update(BEFORE, segment)
    assert (refused.value.segment, refused.value.field) == where
    assert "1971" not in str(refused.value)
