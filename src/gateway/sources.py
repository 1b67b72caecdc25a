"""Finds, around a ServiceRequest, the resources that a referral is translated from."""

from collections.abc import Iterator
from typing import Any

from gateway.store.resources import Resource
from mappings.consent import Judgement, judge
from mappings.conversions import nhs_number
from mappings.current import current
from mappings.systems import NHS_NUMBER, canonical
from mappings.to_referral import Sources

Json = dict[str, Any]
Known = dict[str, Json]  # Type/id (or, in a message, the sender's own name) -> resource

ABOUT = ("subject", "patient", "beneficiary")  # the elements by which resources say whom they are about


def gather(known: Known, service_request: Resource, task: Resource | None, route: str, today: str) -> Sources:
    """Follows the references of the request; what is not known stays None, for the rules to judge.

    Only what holds on the day of receipt (ISO date) is taken of names, addresses and the like. A resource about
    somebody else is left out, and the element that led to it is in `strangers`.
    """
    request = service_request.content
    sent = task.content if task else _if_only(known, "Task") if route == "epr-message" else None
    around = Surroundings(known, request, today)
    follow = around.follow
    asker = follow(request.get("requester"))
    role = asker if _is(asker, "PractitionerRole") else _role_of(known, request.get("requester"), asker)
    practices = [follow(one, around.patient) for one in (around.patient or {}).get("generalPractitioner", [])]
    strangers = around.strangers(sent)
    consents, supporting, references = _consents(around, sent), list[Json](), list[Json]()
    reasons: list[Json] = []
    for element, found_here in (("supportingInfo", supporting), ("reasonReference", reasons)):
        for index, reference in enumerate(request.get(element, [])):
            found = follow(reference)
            if found is None:
                references.append(reference)
            elif around.is_about_another(found):
                strangers.append(f"ServiceRequest.{element}[{index}]")
            else:
                found_here.append(found)
    theirs = [one for one in consents if around.is_of_subject(one[0], one[1])]
    strangers += ["Consent.patient"] if theirs != consents else []
    consents = [one for one in consents if one in theirs or one[2].decision == "deny"]

    def in_force(resource: Json | None) -> Json | None:
        return current(resource, today) if resource else None

    return Sources(
        patient=in_force(around.patient),
        record=around.patient,
        service_request=request,
        task=sent,
        consent=consents[0][0] if consents else None,
        judgements=[judgement for _, _, judgement in consents],
        requester_role=in_force(role),
        requester=in_force(follow(role.get("practitioner"), role) if role else _if(asker, "Practitioner")),
        organization=in_force(
            follow((role or {}).get("organization"), role) or _if(asker, "Organization") or _sender(known)
        ),
        performer=next(filter(None, map(follow, request.get("performer", []))), None),
        practice=in_force(next((found for found in practices if _is(found, "Organization")), None)),
        supporting=supporting,
        reasons=reasons,
        references=references,
        strangers=strangers,
        route=route,
    )


def name_reasons(known: Known, request: Json, before: Json, today: str) -> None:
    """Makes the request of a message name the Conditions that came along with it; when none came, those that it named
    `before`. BaRS keeps reasonCode for cancellations: why somebody is referred is in Conditions that nothing names."""
    around = Surroundings(known, request, today)
    named = request.get("reasonReference", [])
    if "reasonCode" in request or any(map(around.follow, named)):
        return
    beside = [
        {"reference": name} for name, one in known.items() if _is(one, "Condition") and not around.is_about_another(one)
    ]
    kept = [one for one in before.get("reasonReference", []) if one not in named]
    if reasons := [*named, *(beside or kept)]:
        request["reasonReference"] = reasons


class Surroundings:
    """What the references of one request lead to, and whom they are about."""

    def __init__(self, known: Known, request: Json, today: str) -> None:
        self.known, self.request, self.today = known, request, today
        self.contained: dict[int, Known] = {}
        self.patient = _if(self.follow(request["subject"]), "Patient")
        self.identifiers = identifiers_of(current(self.patient or {}, today))

    def follow(self, reference: Json | None, holder: Json | None = None) -> Json | None:
        """Where a reference in `holder` (by default the request) leads; one in a contained resource of the request
        is looked up in the request."""
        name = (reference or {}).get("reference", "")
        if not name.startswith("#"):
            return self.known.get(name)
        return self._within(holder).get(name) or self._within(self.request).get(name)

    def _within(self, holder: Json | None) -> Known:
        holder = self.request if holder is None else holder
        if id(holder) not in self.contained:
            self.contained[id(holder)] = {f"#{one.get('id')}": one for one in holder.get("contained", [])}
        return self.contained[id(holder)]

    def is_subject(self, named: Json, holder: Json | None = None) -> bool | None:
        """Whether a Reference means the subject: each of its reference and identifier must. None: it names nobody."""
        answers = []
        if named.get("reference"):
            answers.append(self._leads_to_subject(named, holder))
        if "identifier" in named:
            answers.append(identifiers_of(named) <= self.identifiers and bool(identifiers_of(named)))
        return all(answers) if answers else None

    def _leads_to_subject(self, named: Json, holder: Json | None) -> bool:
        if not named["reference"].startswith("#"):
            return bool(named["reference"] == self.request["subject"].get("reference"))
        found = self.follow(named, holder)
        return found is not None and (found is self.patient or is_same_person(found, self.patient or {}))

    def is_about_another(self, resource: Json) -> bool:
        if _is(resource, "Patient"):
            return resource is not self.patient
        named = next((resource[name] for name in ABOUT if isinstance(resource.get(name), dict)), None)
        return named is not None and self.is_subject(named, resource) is False

    def is_of_subject(self, consent: Json, holder: Json) -> bool:
        return "patient" not in consent or self.is_subject(consent["patient"], holder) is True

    def strangers(self, task: Json | None) -> list[str]:
        """Which of the elements that name the person do not name this one."""
        wrong = []
        if self.patient and not self.is_subject(self.request["subject"]):
            wrong.append("ServiceRequest.subject.identifier")
        if task and "for" in task and not self.is_subject(task["for"], task):
            wrong.append("Task.for")
        return wrong


def _consents(around: Surroundings, task: Json | None) -> list[tuple[Json, Json, Judgement]]:
    """The Consents of this referral, each with the resource it stands in and what it says, the strictest first.

    Those that the request names, and all others sent along unless they are about somebody else. One that names no
    person can refuse, but only permits when the request names it.
    """
    judged: dict[int, tuple[Json, Json, Judgement]] = {}
    for named, consent, holder in _all_consents(around, task):
        about = around.is_subject(consent.get("patient", {}), holder)
        judgement = judge(consent, around.today)
        if named or about or (about is None and judgement.decision == "deny"):
            judged.setdefault(id(consent), (consent, holder, judgement))
    return sorted(judged.values(), key=lambda one: one[2].rank)


def _all_consents(around: Surroundings, task: Json | None) -> Iterator[tuple[bool, Json, Json]]:
    """(whether the request names it, the Consent, the resource it stands in)."""
    for reference in [*around.request.get("supportingInfo", []), *around.request.get("reasonReference", [])]:
        if (found := around.follow(reference)) and _is(found, "Consent"):
            yield True, found, found
    for holder in (around.request, task or {}):
        yield from ((False, one, holder) for one in holder.get("contained", []) if _is(one, "Consent"))
    yield from ((False, one, one) for one in _all(around.known, "Consent"))


def identifiers_of(holder: Json) -> set[tuple[str, str]]:
    """(canonical system, value) of each identifier that has both."""
    given = holder.get("identifier") or []
    pairs = ((one.get("system"), one.get("value")) for one in (given if isinstance(given, list) else [given]))
    named = ((canonical(system), value) for system, value in pairs if system and value)
    return {(system, nhs_number(value) if system == NHS_NUMBER else value) for system, value in named}


def is_same_person(one: Json, other: Json) -> bool:
    """Whether two Patient records are of one person: nothing they both say differs, and they share an identifier, or
    else name and date of birth."""
    if one.get("birthDate") and other.get("birthDate") and one["birthDate"] != other["birthDate"]:
        return False
    mine, theirs = identifiers_of(one), identifiers_of(other)
    if shared := {system for system, _ in mine} & {system for system, _ in theirs}:
        return shared == {system for system, _ in mine & theirs}
    return bool(one.get("birthDate") and other.get("birthDate") and one.get("name") == other.get("name"))


def _role_of(known: Known, reference: Json | None, asker: Json | None) -> Json | None:
    """A requester that is a Practitioner: the role in which that person is named elsewhere in the same Bundle."""
    if not _is(asker, "Practitioner"):
        return None
    name = (reference or {}).get("reference")
    return next((role for role in _all(known, "PractitionerRole") if _points_to(role, "practitioner", name)), None)


def _sender(known: Known) -> Json | None:
    """In a message, the organisation that its header names as sender."""
    header = next(_all(known, "MessageHeader"), {})
    found = known.get(header.get("sender", {}).get("reference", ""))
    return _if(found, "Organization")


def _all(known: Known, type_: str) -> Iterator[Json]:
    return (one for one in known.values() if _is(one, type_))


def _if_only(known: Known, type_: str) -> Json | None:
    found = list(_all(known, type_))
    return found[0] if len(found) == 1 else None


def _points_to(resource: Json, element: str, name: str | None) -> bool:
    return name is not None and resource.get(element, {}).get("reference") == name


def _is(resource: Json | None, type_: str) -> bool:
    return resource is not None and resource["resourceType"] == type_


def _if(resource: Json | None, type_: str) -> Json | None:
    return resource if _is(resource, type_) else None
