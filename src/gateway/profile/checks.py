"""The checks of the profile that take more than a glance at one field."""

from collections.abc import Callable
from typing import Any

from nhs_number import is_valid

from gateway.profile.rules import Fault, Sent
from mappings.conversions import nhs_number
from mappings.systems import REFERENCE_SYSTEM, TASK_CODE, is_nhs_number_system

Json = dict[str, Any]

MOST_UNKNOWN = 50  # codes that no map knows, each with a finding of its own; the trace has them all
GRAVITY_TASK = "http://hl7.org/fhir/us/sdoh-clinicalcare/StructureDefinition/SDOHCC-TaskForReferralManagement"
LONGEST_LIFE = 130  # years
ORDERED = frozenset({"order", "original-order", "reflex-order", "filler-order", "instance-order"})  # R4 request-intent
VERIFIED = frozenset({"01", "02"})  # NHS number status: present and verified, present but not traced


def is_nhs_number(number: str) -> bool:
    """Ten digits whose modulus-11 check holds; ten equal digits pass the sum, but were never issued."""
    return len(number) == 10 and number.isascii() and number.isdigit() and len(set(number)) > 1 and is_valid(number)


def is_verified(person: Json) -> bool:
    """Whether the sender vouches for the person's NHS number, by its verification status."""
    return person.get("nhs_number_status") in VERIFIED


def is_superseded(patient: Json) -> bool:
    return patient.get("active") is False or any(link.get("type") == "replaced-by" for link in patient.get("link", []))


def is_said(text: str) -> bool:
    """Whether it says anything: a letter or a digit, in any script; a full stop fills a field and says nothing."""
    return any(each.isalnum() for each in text)


def is_named(person: Json) -> bool:
    return any(map(is_said, (person.get("family_name", ""), *person.get("given_names", []))))


def is_findable(sent: Sent) -> bool:
    """Whether an NHS number or a possible date of birth tells who the person is."""
    born = sent.person.get("birth_date")
    return bool(sent.person.get("nhs_number") or (born and is_possible_birth(born, sent.today)))


def is_possible_birth(born: str, today: str) -> bool:
    """Whether the date, or year or month, is neither in the future nor longer ago than people live."""
    return born <= today[: len(born)] and int(born[:4]) >= int(today[:4]) - LONGEST_LIFE


def nhs_numbers(sent: Sent) -> set[str]:
    """The digits of all current NHS numbers of the Patient."""
    given = (sent.given.patient or {}).get("identifier", [])
    return {nhs_number(one["value"]) for one in given if "value" in one and is_nhs_number_system(one.get("system"))}


def is_ordered(sent: Sent) -> bool:
    return sent.given.service_request.get("intent") in ORDERED | {"plan"}


def is_more_than_planned(sent: Sent) -> bool:
    """BaRS fixes the intent plan, so a message says nothing by it."""
    return sent.given.route == "epr-message" or sent.given.service_request.get("intent") != "plan"


def is_reachable(person: Json) -> bool:
    return any(person.get(key) for key in ("phones", "emails", "address", "sensitive"))


def is_from_sender(sent: Sent) -> bool:
    """Whether the referrer is of the organisation that sends; the code of a site starts with its trust's."""
    code: str | None = sent.referrer["organisation"].get("ods_code")
    return not code or code.upper().startswith(sent.sender.upper())


def is_recognisable(sent: Sent) -> bool:
    """Whether the sender gave the referral a name of its own; a message has its id for that."""
    named = [*sent.given.service_request.get("identifier", []), *sent.task.get("identifier", [])]
    own = (one for one in named if one.get("system") not in (None, REFERENCE_SYSTEM) and one.get("value"))
    return sent.given.route == "epr-message" or next(own, None) is not None


def refusals(sent: Sent) -> list[Fault]:
    """One refusal among several Consents refuses."""
    return [(one.element, one.finding) for one in sent.given.judgements if one.decision == "deny" and one.finding]


def reservations(sent: Sent) -> list[Fault]:
    """Consents that do not count as agreement, or have exceptions."""
    return [(one.element, one.finding) for one in sent.given.judgements if one.decision != "deny" and one.finding]


def about_others(sent: Sent) -> list[Fault]:
    text = "{} leads to a record about somebody else. It was not used; correct its subject, or leave it out."
    return [(place, text.format(place)) for place in sent.given.strangers if "[" in place]


def not_understood(sent: Sent) -> list[Fault]:
    """Codes that no map knows, and words without a code; very many of them are summed up."""
    found = []
    for unknown in sent.unknown[:MOST_UNKNOWN]:
        place = unknown["expression"] or "ServiceRequest"
        kept = "The words are kept and shown as sent."
        if unknown["code"]:
            found.append((place, f"{place} has a code that no map here knows. {kept}"))
        elif unknown["text"]:
            found.append((place, f"{place} has words but no code. {kept}"))
        else:
            found.append((place, f"{place} has neither code nor words: it says nothing to the advisor."))
    if (more := len(sent.unknown) - MOST_UNKNOWN) > 0:
        text = f"{more} more codes are not known here. Their words are kept and shown as sent."
        found.append(("ServiceRequest", text))
    return found


def claims_gravity(sent: Sent) -> bool:
    """Whether the Task says that it follows the Gravity profile, in whatever version."""
    profiles = (sent.task.get("meta") or {}).get("profile") or []
    return any(isinstance(one, str) and one.partition("|")[0] == GRAVITY_TASK for one in profiles)


def has_gravity(holds: Callable[[Json], object]) -> Callable[[Sent], bool]:
    """A check of the Task that is made only where the Gravity profile is claimed."""
    return lambda sent: not claims_gravity(sent) or bool(holds(sent.task))


def asks_to_fulfil(task: Json) -> bool:
    codings = task.get("code", {}).get("coding", [])
    return any(one.get("system") == TASK_CODE and one.get("code") == "fulfill" for one in codings)


def states_reason(task: Json) -> bool:
    return "statusReason" not in task or bool(task["statusReason"].get("text"))
