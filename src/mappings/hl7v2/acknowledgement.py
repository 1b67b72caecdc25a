"""ACK in original mode: MSH, MSA and an ERR for what was wrong. Source: HL7 v2.4, 2.9.2 and 2.16.5; table 0357."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mappings.hl7v2.message import CHARSETS, Header, escape

Code = Literal["AA", "AE", "AR"]

VERSION = "2.4"
OURS = ("GATEWAY", "SOCIAL-PRESCRIBING")  # MSH-3 and MSH-4 where the sender named no receiver
ERRORS = {
    "100": "Segment sequence error",
    "101": "Required field missing",
    "102": "Data type error",
    "103": "Table value not found",
    "200": "Unsupported message type",
    "201": "Unsupported event code",
    "202": "Unsupported processing id",
    "203": "Unsupported version id",
    "204": "Unknown key identifier",
    "205": "Duplicate key identifier",
    "207": "Application internal error",
}
PLACES = {  # the longest that an expression starts with: FHIR element -> segment and field it was read from
    "Patient": ("PID", 0),
    "Patient.identifier": ("PID", 3),
    "Patient.name": ("PID", 5),
    "Patient.birthDate": ("PID", 7),
    "Patient.deceased": ("PID", 29),
    "Patient.telecom": ("PID", 13),
    "Patient.address": ("PID", 11),
    "Patient.generalPractitioner": ("PD1", 3),
    "Patient.meta.security": ("PD1", 12),
    "ServiceRequest": ("RF1", 0),
    "ServiceRequest.identifier": ("RF1", 6),
    "ServiceRequest.reasonCode": ("RF1", 10),
    "ServiceRequest.requester": ("PRD", 2),
    "ServiceRequest.performer": ("PRD", 7),
    "ServiceRequest.subject": ("PID", 3),
    "ServiceRequest.supportingInfo": ("OBX", 5),
    "ServiceRequest.note": ("NTE", 3),
    "Consent": ("OBX", 5),
    "Task": ("RF1", 0),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What was wrong: where, the code of table 0357, and words without anybody's data."""

    text: str
    segment: str = "MSH"
    field: int = 0
    code: str = "102"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is answered; `text` is told with an AA."""

    code: Code
    faults: tuple[Fault, ...] = ()
    text: str = ""


def place_of(expression: str | None) -> tuple[str, int]:
    """The segment and field that an element of FHIR was read from; (MSH, 0) when it was none."""
    said = expression or ""
    found = [name for name in PLACES if said == name or said.startswith((f"{name}.", f"{name}["))]
    return PLACES[max(found, key=len)] if found else ("MSH", 0)


def acknowledge(header: Header, verdict: Verdict, control_id: str, made_at: str) -> bytes:
    """The answer to the message with this header, in its character set; `made_at` is a v2 time."""
    us = header.receiving_application or OURS[0], header.receiving_facility or OURS[1]
    them = header.sending_application, header.sending_facility
    kind = f"ACK^{escape(header.event)}" if header.event else "ACK"
    values = (*map(escape, (*us, *them)), made_at, "", kind, control_id, escape(header.processing_id) or "P", VERSION)
    charset = header.charset if header.charset.upper() in CHARSETS else ""
    segments = [
        "MSH|^~\\&|" + "|".join(values) + ("||||||" + charset if charset else ""),
        _msa(header, verdict),
        *_err(verdict.faults),
    ]
    text = "\r".join(segments) + "\r"
    return text.encode(CHARSETS[charset.upper()], "replace")


def _msa(header: Header, verdict: Verdict) -> str:
    said = verdict.faults[0].text if verdict.faults else verdict.text
    short = said if len(said) <= 80 else said[:77] + "..."
    return f"MSA|{verdict.code}|{escape(header.control_id)}" + (f"|{escape(short)}" if short else "")


def _err(faults: Sequence[Fault]) -> list[str]:
    """ERR-1: segment, sequence, field, and the code with its words and ours beside them."""
    told = [
        f"{one.segment}^1^{one.field or ''}^{one.code}&{ERRORS[one.code]}&HL70357&&{escape(one.text)}" for one in faults
    ]
    return [f"ERR|{'~'.join(told)}"] if told else []
