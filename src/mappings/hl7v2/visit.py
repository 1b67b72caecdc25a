"""A01 and A03 (and their cancellations, A11 and A13) in words for the link worker. Source: HL7 v2.4, 3.3; PV1."""

from mappings.clinician import uk_date
from mappings.hl7v2 import values
from mappings.hl7v2.message import Message, Segment
from mappings.hl7v2.patient import Mistaken

NO_STAY = frozenset({"O", "P", "R"})  # PV1-2: outpatient, to be admitted, one of a series
DIED = frozenset({"4"})  # PV1-36: discharge method of the NHS Data Dictionary, patient died
ADVICE = {
    "A01": {
        False: "Consider putting this referral on hold, with a date to look at it again.",
        True: "This referral is on hold already: check that its review date still fits.",
    },
    "A03": {
        False: "Check how the person is now, and that what was agreed still suits them.",
        True: "This referral is on hold: review whether to take it up again.",
    },
}
DEATH = "It says that the person has died. Check before anybody makes contact."
TAKEN_BACK = {"A11": "admission", "A13": "discharge"}


def is_stay(message: Message) -> bool:
    """Whether it is about a stay in hospital. Raises Mistaken when it says nothing of a visit."""
    return _pv1(message).text(2).upper() not in NO_STAY


def visit_words(message: Message, by: str, *, on_hold: bool, where: bool) -> str:
    """What to tell about the event; `by` is who says so, `where` whether it may be told where the person is."""
    event, pv1 = message.header.event, _pv1(message)
    if event in TAKEN_BACK:
        return f"{by}: the {TAKEN_BACK[event]} that was told before was recorded in error. Disregard it."
    number = 44 if event == "A01" else 45
    when = values.moment(pv1.text(number)) if pv1.text(number) else None
    if pv1.text(number) and (when is None or len(when) < len("2026-01-31")):
        raise Mistaken("PV1", number, "this is no time. Send YYYYMMDDHHMMSS.")
    on = f" on {uk_date(when)}" if when else ""
    place = f" ({pv1.text(3, 9) or pv1.text(3)})" if where and event == "A01" and pv1.text(3) else ""
    happened = f"admitted to hospital{place}" if event == "A01" else "discharged from hospital"
    advice = DEATH if event == "A03" and pv1.text(36) in DIED else ADVICE[event][on_hold]
    return f"{by}: {happened}{on}. {advice}"


def _pv1(message: Message) -> Segment:
    pv1 = message.segment("PV1")
    if pv1 is None:
        raise Mistaken("PV1", 0, "an admission or discharge needs this segment.", "100")
    return pv1
