"""What a record says was recorded when: so that a message out of an engine's error queue brings nothing old back."""

from datetime import datetime
from typing import Any

from gateway.ids import instant, now
from gateway.store.resources import Resource
from mappings.hl7v2.message import Message
from mappings.hl7v2.patient import Mistaken
from mappings.hl7v2.values import said_at
from mappings.systems import BASE

Json = dict[str, Any]

SOURCE = f"{BASE}:hl7v2#"  # and a time: Patient.meta.source


def recorded_at(message: Message) -> str | None:
    """When the sender's system recorded what the message tells; never ahead of our clock: one that is wrong once must
    not shut out all that comes after."""
    at = said_at(message)
    return instant(now()) if at and datetime.fromisoformat(at) > now() else at


def mark(patient: Resource, at: str | None) -> None:
    """Notes in the record when the sender's system recorded what it says now."""
    meta = patient.content["meta"]
    meta.pop("source", None)
    if at:
        meta["source"] = SOURCE + at


def refuse_overtaken(records: list[Json], at: str | None) -> None:
    """Raises Mistaken when a message that tells of something recorded later has been taken."""
    stated = [one["meta"].get("source", "") for one in records]
    times = [datetime.fromisoformat(one.removeprefix(SOURCE)) for one in stated if one.startswith(SOURCE)]
    if at and any(one > datetime.fromisoformat(at) for one in times):
        text = "a message about something that was recorded later has been taken already. This one changes nothing."
        raise Mistaken("EVN", 2, text, "102")
