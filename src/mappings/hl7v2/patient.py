"""PID, PD1 and NK1 as a Patient, and as the next version of one. The rows are data: patient.fields.json."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from mappings.hl7v2 import values
from mappings.hl7v2.message import Field, Message, Segment
from mappings.systems import NHS_NUMBER, ODS_ORGANISATION, canonical

Json = dict[str, Any]
Systems = Mapping[str, str]  # assigning authority (CX.4) -> FHIR system

STATUS = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSNumberVerificationStatus"
STATUSES = "https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatusEngland"
ETHNICITY = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory"
ETHNICITIES = "https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategoryEngland"
RESTRICTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
    "code": "R",
    "display": "restricted",
}
RESTRICTIONS = frozenset({"R", "V", "REDACTED"})  # as gateway.privacy
ALIAS_USES = frozenset({"old", "maiden", "nickname"})


class Mistaken(Exception):
    """A field says what cannot be understood. `place` is segment and field, `code` of table 0357."""

    def __init__(self, segment: str, field: int, text: str, code: str = "102") -> None:
        super().__init__(f"{segment}-{field}: {text}")
        self.segment, self.field, self.code = segment, field, code


@dataclass(frozen=True, slots=True)
class Row:
    segment: str
    field: int
    target: str
    read: str
    note: str
    part: str = ""


def _rows() -> list[Row]:
    read = json.loads(files("mappings.hl7v2").joinpath("patient.fields.json").read_text("utf-8"))
    return [Row(**row) for row in read["rows"]]


ROWS = _rows()


def patient_from(message: Message, systems: Systems, which: int = 0) -> Json:
    """The Patient that the message tells of, in its PID segment (of several, that one). Raises Mistaken."""
    return amended({"resourceType": "Patient"}, message, systems, which)


def amended(before: Json, message: Message, systems: Systems, which: int = 0) -> Json:
    """The Patient as it is after the message. What the message leaves empty stays as it was. Raises Mistaken."""
    after = {name: value for name, value in before.items() if name != "text"}  # a narrative may contradict
    people = message.segments("PID")
    if len(people) <= which:
        raise Mistaken("PID", 0, "the message needs this segment: whom is it about?", "100")
    pid = people[which]
    for row in ROWS:
        segments = [pid] if row.segment == "PID" else message.segments(row.segment) if which == 0 else []
        valued = [one for one in segments if one.fields(row.field)]
        if not valued:
            continue
        nothing = all(field.is_null for one in valued for field in one.fields(row.field))
        new = None if nothing and row.read != "identifiers" else READERS[row.read](valued, row, systems)
        _put(after, row, new, before)
    if "deceasedDateTime" in after:
        after.pop("deceasedBoolean", None)
    return after


def _put(after: Json, row: Row, new: Any, before: Json) -> None:
    if row.target == "meta":
        after |= restrict(after) if new else {}
        return
    if row.target == "identifier":
        told = {one["system"] for one in new}
        new = [one for one in new if "value" in one]
        after["identifier"] = _replace(before.get("identifier", []), new, lambda one: _is_current(one, told))
    elif row.target == "deceasedBoolean":
        if new is False:
            after.pop("deceasedDateTime", None)
        after[row.target] = new
    elif isinstance(new, list) or row.part:
        after[row.target] = _replace(after.get(row.target, []), new or [], lambda one: _in_part(one, row.part))
    else:
        after[row.target] = new
    if after.get(row.target) in (None, False, []):
        after.pop(row.target, None)


def _replace(before: list[Json], new: list[Json], replaced: Callable[[Json], bool]) -> list[Json]:
    """The list with the new items where the replaced ones stood. What is told again stays as it is, with all that the
    record says besides: a verification, a preference, how a number is written."""
    old = [one for one in before if replaced(one)]
    place = before.index(old[0]) if old else len(before)
    items = [next((one for one in old if _says(one, item)), item) for item in new]
    others = [(number, one) for number, one in enumerate(before) if not replaced(one)]
    return [
        *(one for number, one in others if number < place),
        *(one for one in old if one in items),
        *(one for one in items if one not in old),
        *(one for number, one in others if number > place),
    ]


def _says(one: Json, item: Json) -> bool:
    """Whether it says all that the item says, written with or without blanks."""
    return all(_plain(one.get(name)) == _plain(value) for name, value in item.items())


def _plain(value: Any) -> Any:
    return value.replace(" ", "") if isinstance(value, str) else value


def _is_current(one: Json, systems: set[str]) -> bool:
    return canonical(one.get("system", "")) in systems and one.get("use") != "old"


def _in_part(one: Json, part: str) -> bool:
    """Whether the field that decides on this part of a list decides on this item."""
    match part:
        case "work":
            return one.get("use") == "work"
        case "home":
            return one.get("use") != "work"
        case "alias":
            return one.get("use") in ALIAS_USES
        case "registered":
            return one.get("use") not in ALIAS_USES
        case "":
            return True
    return one.get("url") == ETHNICITY


def restrict(patient: Json) -> Json:
    """The record, marked restricted, if it is not."""
    meta = patient.get("meta", {})
    labels = meta.get("security", [])
    if RESTRICTIONS & {one.get("code") for one in labels}:
        return patient
    return patient | {"meta": meta | {"security": [*labels, RESTRICTED]}}


def identifiers(segments: list[Segment], row: Row, systems: Systems) -> list[Json]:
    """Identifiers by their systems; one without a value says that the person has none of that system any more."""
    status = values.code("nhs-number-status", segments[0].text(32)) if segments[0].name == "PID" else None
    found: list[Json] = []
    for field in segments[0].fields(row.field):
        system = values.identifier_system(field, systems)
        if system is None:
            continue
        one: Json = {"system": system}
        if system == NHS_NUMBER and status and field.text():
            coding = {"system": STATUSES, "code": status}
            one = {"extension": [{"url": STATUS, "valueCodeableConcept": {"coding": [coding]}}], **one}
        if value := field.text():
            one["value"] = value.replace(" ", "").replace("-", "") if system == NHS_NUMBER else value
        found.append(one)
    return found


def former_identifiers(message: Message, systems: Systems) -> list[Json]:
    """MRG-1: the identifiers that were given up. Raises Mistaken."""
    mrg = message.segments("MRG")[:1]
    if not mrg:
        raise Mistaken("MRG", 0, "merging needs this segment: which identifier was given up?", "100")
    return [one for one in identifiers(mrg, Row("MRG", 1, "identifier", "identifiers", ""), systems) if "value" in one]


def names(segments: list[Segment], row: Row, _systems: Systems) -> list[Json]:
    found = []
    for number, field in enumerate(_fields(segments, row)):
        stated = field.text(7)
        use = values.code("name-use", stated) if stated or number == 0 else "usual"
        found.append(values.name(field, use or "usual"))
    return [one for one in found if one.keys() - {"use"}]


def aliases(segments: list[Segment], row: Row, _systems: Systems) -> list[Json]:
    found = []
    for field in _fields(segments, row):
        use = values.code("name-use", field.text(7))
        found.append(values.name(field, use if use in ALIAS_USES else "old"))
    return [one for one in found if one.keys() - {"use"}]


def day(segments: list[Segment], row: Row, _systems: Systems) -> str:
    found = values.day(segments[0].text(row.field))
    if found is None:
        raise Mistaken(row.segment, row.field, "this is no date. Send YYYYMMDD.")
    return found


def moment(segments: list[Segment], row: Row, _systems: Systems) -> str:
    found = values.moment(segments[0].text(row.field))
    if found is None:
        raise Mistaken(row.segment, row.field, "this is no time. Send YYYYMMDD, or YYYYMMDDHHMMSS.")
    return found


def gender(segments: list[Segment], row: Row, _systems: Systems) -> str:
    return values.code("sex", segments[0].text(row.field)) or "unknown"


def addresses(segments: list[Segment], row: Row, _systems: Systems) -> list[Json]:
    stated = [(field, values.code("address-use", field.text(7))) for field in _fields(segments, row)]
    found = [values.address(field, use) for field, use in stated if use]
    return [one for one in found if one.keys() - {"use"}]


def telecoms(segments: list[Segment], row: Row, _systems: Systems, use: str = "home") -> list[Json]:
    return [one for field in _fields(segments, row) if (one := values.telecom(field, use))]


def work_telecoms(segments: list[Segment], row: Row, _systems: Systems) -> list[Json]:
    return [one | {"use": "work"} for one in telecoms(segments, row, _systems, "work")]


def languages(segments: list[Segment], row: Row, _systems: Systems) -> list[Json]:
    said = values.concept(segments[0].field(row.field))
    return [{"language": said, "preferred": True}] if said else []


def ethnicity(segments: list[Segment], row: Row, _systems: Systems) -> list[Json]:
    field = segments[0].field(row.field)
    coding = {"system": ETHNICITIES, "code": field.text(1), "display": field.text(2)}
    concept = {"coding": [{key: value for key, value in coding.items() if value}]}
    return [{"url": ETHNICITY, "valueCodeableConcept": concept}]


def deceased(segments: list[Segment], row: Row, _systems: Systems) -> bool:
    return segments[0].text(row.field).upper() in {"Y", "1"}


def practices(segments: list[Segment], row: Row, _systems: Systems) -> list[Json]:
    field = segments[0].field(row.field)
    shown: Json = {"type": "Organization"}
    if ods := field.text(3) or field.text(10):
        shown["identifier"] = {"system": ODS_ORGANISATION, "value": ods}
    if field.text(1):
        shown["display"] = field.text(1)
    return [shown] if len(shown) > 1 else []


def label(segments: list[Segment], row: Row, _systems: Systems) -> bool:
    return segments[0].text(row.field).upper() == "Y"


def contacts(segments: list[Segment], _row: Row, _systems: Systems) -> list[Json]:
    return [shown for one in segments if (shown := dict(_contact(one)))]


def _contact(segment: Segment) -> Iterator[tuple[str, Any]]:
    if who := values.person_name(segment, 2):
        yield "name", {"text": who}
    if relation := values.concept(segment.field(3)):
        yield "relationship", [relation]
    if reached := [one for field in segment.fields(5) if (one := values.telecom(field, "home"))]:
        yield "telecom", reached


def _fields(segments: list[Segment], row: Row) -> list[Field]:
    return [field for one in segments for field in one.fields(row.field) if not field.is_null]


Reader = Callable[[list[Segment], Row, Systems], Any]
READERS: dict[str, Reader] = {
    one.__name__: one
    for one in (
        identifiers, names, aliases, day, moment, gender, addresses, telecoms, work_telecoms, languages, ethnicity,
        deceased, practices, label, contacts,
    )
}  # fmt: skip
