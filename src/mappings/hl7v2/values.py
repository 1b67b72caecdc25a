"""HL7 v2 data types as FHIR ones: XPN, XAD, XTN, CX, TS, CE. Source: HL7 v2.4, 2.8 and 2.9; codes in codes.json."""

import json
import re
from collections.abc import Mapping
from datetime import date, datetime
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from mappings.hl7v2.message import Field, Message, Segment
from mappings.systems import NHS_NUMBER

Json = dict[str, Any]

CODES: Json = {
    name: table["codes"]
    for name, table in json.loads(files("mappings.hl7v2").joinpath("codes.json").read_text("utf-8")).items()
}
LONDON = ZoneInfo("Europe/London")
TIME = re.compile(r"(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?(?:\.\d{1,4})?([+-]\d{4})?")
NHS = frozenset({"NH", "NHS"})


def code(table: str, value: str) -> Any:
    """What a table of codes.json says; None when it does not know the code."""
    return CODES[table].get(value.upper())


def moment(value: str) -> str | None:
    """A TS as FHIR dateTime, as exact as it was sent; London's time where it names no zone. None: it is no time."""
    found = TIME.fullmatch(value)
    if found is None:
        return None
    year, month, day, hour, minute, second, zone = found.groups()
    try:
        if hour is None or minute is None or day is None:
            datetime(int(year), int(month or 1), int(day or 1), tzinfo=LONDON)
            return "-".join(filter(None, (year, month, day)))
        local = f"{year}-{month}-{day}T{hour}:{minute}:{second or '00'}"
        if zone:
            return datetime.fromisoformat(f"{local}{zone[:3]}:{zone[3:]}").isoformat()
        return datetime.fromisoformat(local).replace(tzinfo=LONDON).isoformat()
    except ValueError:
        return None


def day(value: str) -> str | None:
    """The date in a TS, YYYY-MM-DD, or less of it; None when there is none."""
    found = TIME.fullmatch(value)
    if found is None:
        return None
    year, month, number = found.groups()[:3]
    try:
        date(int(year), int(month or 1), int(number or 1))
    except ValueError:
        return None
    return "-".join(filter(None, (year, month, number)))


def identifier_system(field: Field, systems: Mapping[str, str]) -> str | None:
    """The FHIR system of a CX: of the NHS number, or as the parties file says for its assigning authority (CX.4)."""
    if NHS & {field.text(4).upper(), field.text(5).upper()}:
        return NHS_NUMBER
    return systems.get(field.text(4))


def name(field: Field, use: str) -> Json:
    """An XPN as HumanName."""
    given = [field.text(2), *field.text(3).split()]
    shown = {
        "use": use,
        "family": field.text(1),
        "given": [one for one in given if one],
        "prefix": [one for one in [field.text(5)] if one],
        "suffix": [one for one in [field.text(4)] if one],
    }
    return {key: value for key, value in shown.items() if value}


def address(field: Field, use: str) -> Json:
    """An XAD as Address. Some send the town where the county belongs (XAD.4): then it is the town. XAD.1 may name the
    street apart: line, street, number."""
    town, county, first = field.text(3), field.text(4), field.text(1)
    street = " ".join(filter(None, (field.text(1, 3), field.text(1, 2))))
    lines = [first, "" if field.text(1, 2) in first else street, field.text(2)]
    shown = {
        "use": use,
        "line": [one for one in lines if one],
        "city": town or county,
        "district": county if town else "",
        "postalCode": field.text(5),
        "country": field.text(6),
    }
    return {key: value for key, value in shown.items() if value}


def telecom(field: Field, use: str) -> Json | None:
    """An XTN as ContactPoint; None when it holds neither number nor address."""
    system, stated = "phone", None
    for known in (code("telecom", field.text(part)) for part in (2, 3, 4)):
        system, stated = (known[0] or system, known[1] or stated) if known else (system, stated)
    addresses = [text for text in (field.text(1), field.text(4)) if "@" in text]
    digits = " ".join(filter(None, (field.text(6), field.text(7))))
    value = addresses[0] if addresses else field.text(1) or digits
    if not value:
        return None
    return {"system": "email" if addresses else system, "value": value, "use": stated or use}


def concept(field: Field) -> Json | None:
    """A CE as CodeableConcept: its words, else its code. None when it says neither."""
    said = field.text(2) or field.text(1)
    return {"text": said} if said else None


def person_name(segment: Segment, number: int, *, coded: bool = False) -> str:
    """A name in words, of an XPN, or of an XCN (`coded`), where the name begins with the second component."""
    field, first = segment.field(number), 2 if coded else 1
    prefix = field.text(first + 4)
    return " ".join(filter(None, (prefix, field.text(first + 1), field.text(first)))).strip()


def said_at(message: Message) -> str | None:
    """When what it tells of was recorded (EVN-2), else when it was made (MSH-7), as a FHIR dateTime. None: it does not
    say, or the day only."""
    for segment, number in (("EVN", 2), ("MSH", 7)):
        found = message.segment(segment)
        when = moment(found.text(number)) if found else None
        if when and "T" in when:
            return when
    return None
