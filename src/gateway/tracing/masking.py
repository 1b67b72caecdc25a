"""Hides what came from a person's record, and keeps its shape: what kind of value stands there, and about how long.

Two locks: an element must be named in `gateway.tracing.readable`, and its value must look like what such an element
holds, a code, a number, a time or an address of a system. What is unknown is hidden.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

from gateway.tracing.readable import (
    CHANGE,
    ELEMENTS,
    EVERY_RESOURCE,
    OF_ALL_ELSE,
    OF_PEOPLE,
    PEOPLE,
    PUBLISHED,
    REFERRAL,
    STATUS_OF_NUMBER,
)
from gateway.validation.schema import element_names, schemas
from mappings import vocabularies
from mappings.translate import names, read, vocabulary

Json = dict[str, Any]
Reads = Callable[[str, Any], bool]  # a path without indexes, and the value there: may it be shown?

CODE = re.compile(r"[A-Za-z][A-Za-z0-9.+-]{0,63}|[0-9]{1,18}|[0-9]{3} [A-Z][A-Za-z ]{1,20}|W/\"[0-9]{1,9}\"")
# As long as an NHS number or a telephone number, or like a postcode: no code, unless we know it.
PERSONAL = re.compile(r"[A-Za-z]?[0-9]{10,13}|[A-Za-z]{1,2}[0-9][A-Za-z0-9]?[0-9][A-Za-z]{2}")
LARGE = 10_000  # counts, ranks and versions are smaller; numbers of people are not
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.+Z-]{5,20}")
DAY = re.compile(r"\d{4}-\d\d-\d\d")
FEW_DIGITS = r"(?!(?:\D*\d){7})"
SYSTEM = re.compile(
    rf"urn:oid:[0-9.]{{3,80}}|{FEW_DIGITS}(?:urn:[a-z0-9-]+:[A-Za-z0-9:.-]{{1,120}}|https?://[A-Za-z0-9./_-]{{3,150}})"
)
ODS = re.compile(r"[A-Z0-9]{3,10}")
NAME = re.compile(r"_?[A-Za-z][A-Za-z0-9_]{0,63}")
TYPE = "|".join(sorted(ELEMENTS))
BASE = r"https?://(?!.*\d{5}.*/[A-Z])[A-Za-z0-9.:/_-]+/"
REFERENCE = re.compile(rf"(?:{BASE})?(?:{TYPE})/{UUID}(?:/_history/\d+)?|urn:uuid:{UUID}|{TYPE}")
ABOUT = re.compile(rf"(?:^|/)({TYPE})(?=[/?]|$)")
TARGET = re.compile(rf"(?:(?:{TYPE})/|correlation )?{UUID}(?:/\d{{1,8}})?|{TYPE}|SP-\d{{4}}-\d{{4}}-\d{{4}}|identifier")
INDEX = re.compile(r"\[\d{1,5}\](?=\.|$)")
FIELD = re.compile(r"(?:[a-z][A-Za-z_]{0,40}|\d{1,4})(?:\.(?:[a-z][A-Za-z_]{0,40}|\d{1,4}))*")  # of a request not FHIR
HEADER = re.compile(r"http\.[A-Za-z-]{1,40}")
SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}(?:-\d{1,3}(?:\.\d{1,3})*)?")  # of HL7 v2, and its fields
QUOTED = re.compile(r"(?<!\w)'(.{1,200}?)'(?!\w)")  # `gateway.errors.quoted`
NO_NAME = "[hidden: name]"
URL = re.compile(PUBLISHED)
PART = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,40}")  # the url of an extension inside a published one
OURS = re.compile(
    rf"{UUID}|{DAY.pattern}|{MOMENT.pattern}|(?:person|referrer|safe_contact|consent)(?:\.[a-z_]+){{1,2}}"
)
ANSWERS = {"agreed", "declined", "overtaken", "taken-back", "swemwbs", "proposed", "sent"}
ADDRESSES = ("reference", "fullUrl", "location", "url")
WORDED = ("display", "label")
CODED = ("code", "Code", "system", "version")
EXTENSIONS = ("extension", "modifierExtension")
LENGTHS = ((20, "short text"), (200, "text"), (math.inf, "long text"))


@dataclass(frozen=True, slots=True)
class Rules:
    """What is readable in the thing at hand: elements by `reads`, and whether codes, and words of ours, are at all."""

    reads: Reads
    codes: bool = True


def mask_resource(content: Any) -> Any:
    """A FHIR resource, masked; anything else is hidden whole."""
    if not isinstance(content, dict) or "resourceType" not in content:
        return hide(content)
    type_ = str(content["resourceType"])
    readable = EVERY_RESOURCE | ELEMENTS.get(type_, frozenset())
    codes = type_ not in PEOPLE
    endings = (*OF_PEOPLE, *OF_ALL_ELSE) if codes else OF_PEOPLE

    def reads(path: str, value: Any) -> bool:
        named = path in readable or path.endswith(endings)
        return named and _is_plain(value, path)

    return _object(content, "", Rules(reads, codes))


def mask_referral(content: Json) -> Json:
    """A referral in our own shape, masked."""
    return _object(content, "", Rules(_reads_referral))


def mask_change(content: Any) -> Any:
    """What a platform asked for, or the journal tells, masked."""
    return _walk(content, "", Rules(_reads_change))


def hide(value: Any) -> Any:
    """Only what kind of value it is; names of elements stay."""
    match value:
        case dict():
            return {_name(name): hide(each) for name, each in value.items()}
        case list():
            return [hide(each) for each in value]
        case None:
            return None
        case bool():
            return "[hidden: true or false]"
        case str():
            return f"[hidden: {_kind(value)}]"
    return "[hidden: number]"


def mask_unknown(code: Json) -> Json:
    """A code that no map knows (`mappings.to_referral`): its place stays; of people, nothing else."""
    person = str(code["expression"]).startswith(tuple(f"{type_}." for type_ in PEOPLE))
    shown = {name: code[name] for name in ("system", "code") if not person and _is_plain(str(code[name]), name)}
    return {**code, **{name: hide(code[name]) for name in ("system", "code", "text")}, **shown}


def mask_target(text: str) -> str:
    """What a request was about, as the audit names it: by a name that the gateway gave, or what kind of thing."""
    about = text.partition(": ")[0]  # after that stands why somebody looked
    return about if TARGET.fullmatch(about) else NO_NAME


def mask_finding(element: str | None, text: str) -> tuple[str | None, str]:
    """Its element and its text. An element that nobody knows was named by the sender, and so was what stands quoted."""
    made_up = set(QUOTED.findall(text)) - element_names()
    root, *steps = element.split(".") if element else [""]
    if root in schemas()["x-resources"]:
        made_up |= {INDEX.sub("", one) for one in steps} - element_names()
    elif element and not any(shape.fullmatch(INDEX.sub("", element)) for shape in (FIELD, HEADER, SEGMENT)):
        made_up.add(element)
    for one in sorted(made_up - {""}, key=len, reverse=True):
        word = re.compile(rf"(?<!\w){re.escape(one)}(?!\w)")
        element, text = word.sub(NO_NAME, element or ""), word.sub(NO_NAME, text)
    return element or None, text


def mask_reference(text: str) -> str:
    """Where it leads, when that is a name that the gateway gave; else of what type it is."""
    if REFERENCE.fullmatch(text):
        return text
    found = ABOUT.findall(text)
    return f"{found[-1]}/[hidden: id]" if found and not text.startswith("#") else "[hidden: reference]"


def _kind(text: str) -> str:
    if DAY.fullmatch(text):
        return "date"
    if MOMENT.fullmatch(text):
        return "date and time"
    if re.fullmatch(r"\d{4}(-\d\d)?", text):
        return "year" if len(text) == 4 else "year and month"
    if text.isdecimal() and len(text) <= 20:
        return f"{len(text)} digits"
    return next(words for most, words in LENGTHS if len(text) <= most)


def _walk(value: Any, path: str, rules: Rules) -> Any:
    match value:
        case list():
            return [_walk(each, path, rules) for each in value]
        case {"resourceType": str()} if path:
            return mask_resource(value)
        case dict():
            return _object(value, path, rules)
    return value if value is not None and rules.reads(path, value) else hide(value)


def _object(content: Json, path: str, rules: Rules) -> Json:
    at = f"{path}." if path else ""
    return {_name(name): _element(name, each, at + name, rules) for name, each in content.items()}


def _element(name: str, value: Any, at: str, rules: Rules) -> Any:
    if name in EXTENSIONS and isinstance(value, list):
        return [_extension(each, URL, rules.codes) for each in value]
    if name.startswith("_"):  # what stands beside a primitive: its id and extensions
        return _walk(value, "_", NOTHING)
    if isinstance(value, str):
        if name == "id" and re.fullmatch(UUID, value):
            return value
        if name in ADDRESSES:
            return mask_reference(value)
        if name in WORDED and rules.codes and value in known_words():
            return value
    return _walk(value, at, rules)


def _extension(value: Any, published: re.Pattern[str], codes: bool) -> Any:
    """A published one with its url and, where there may be, codes; any other only with the kinds of what is in it."""
    if not isinstance(value, dict) or not published.fullmatch(str(value.get("url"))):
        return hide(value)
    rules = CODES if codes or value["url"] == STATUS_OF_NUMBER else NOTHING
    masked: Json = {"url": value["url"]}
    for name, each in value.items():
        if name == "extension" and isinstance(each, list):
            masked[name] = [_extension(inner, PART, codes) for inner in each]
        elif name != "url":
            masked[_name(name)] = _element(name, each, name, rules)
    return masked


def _reads_code(path: str, value: Any) -> bool:
    return (path == "valueCode" or path.endswith(OF_ALL_ELSE)) and _is_plain(value, path)


def _is_plain(value: Any, path: str) -> bool:
    if not isinstance(value, str):
        return isinstance(value, bool) or abs(value) < LARGE
    if PERSONAL.fullmatch(value) and value not in known_codes():
        return False
    shapes = (CODE, SYSTEM) if path.endswith(CODED) else (CODE, SYSTEM, DAY, MOMENT)
    return any(shape.fullmatch(value) for shape in shapes)


def _reads_referral(path: str, value: Any) -> bool:
    if path.endswith("ods_code"):
        return path in REFERRAL and ODS.fullmatch(str(value)) is not None
    return path in REFERRAL and _is_plain(value, path)


def _reads_change(path: str, value: Any) -> bool:
    if path.rpartition(".")[2] not in CHANGE:
        return False
    if not isinstance(value, str):
        return _is_plain(value, path)
    return value in known_codes() or OURS.fullmatch(value) is not None


def _name(name: str) -> str:
    return name if NAME.fullmatch(name) else NO_NAME


CODES = Rules(_reads_code)
NOTHING = Rules(lambda _path, _value: False, codes=False)


@cache
def known_words() -> frozenset[str]:
    """The words of our own vocabularies and maps: they say nothing of a person that their code does not say."""
    own = {words for name in names("CodeSystem") for words in vocabulary(name).displays.values()}
    for name in names("ConceptMap"):
        for group in read(name, "ConceptMap")["group"]:
            for element in group["element"]:
                own |= {element.get("display", ""), *(one.get("display", "") for one in element["target"])}
    return frozenset(own - {""})


@cache
def known_codes() -> frozenset[str]:
    """The codes of our own vocabularies."""
    coded = {code for name in names("CodeSystem") for code in vocabulary(name).displays}
    literal = (
        vocabularies.ContactMechanism,
        vocabularies.ContactOutcome,
        vocabularies.Attendance,
        vocabularies.PrescriptionKind,
    )
    closing = {code for codes in vocabularies.CLOSURE_REASONS.values() for code in codes}
    return frozenset(coded | closing | {code for one in literal for code in get_args(one)} | ANSWERS)


def value_at(content: Mapping[str, Any], target: str) -> Any:
    """What stands in a referral at the target of a field map, such as person.phones[0].value; None: nothing."""
    held: Any = content
    for part in target.split("."):
        name, *indexes = part.replace("]", "").split("[")
        held = held.get(name) if isinstance(held, dict) else None
        for index in indexes:
            held = held[int(index)] if isinstance(held, list) and int(index) < len(held) else None
    return held
