"""Questionnaire/$populate: the referral form with what the record already says (SDC OperationDefinition
Questionnaire-populate). The rules are src/mappings/form/populate.json; nothing is stored."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import Issue, NotFound, warnings_outcome
from gateway.fhir.exchange import Exchange, open_exchange, read_body
from gateway.fhir.form.given import MOST_GIVEN, follow, parameters, refusal
from gateway.finding import Wanted, about_patient
from gateway.ids import instant, now
from gateway.messages import Answer
from gateway.validation import dump
from mappings.form import CANONICAL, ID, URL, populate

Json = dict[str, Any]

KNOWN = {
    "subject": ("valueReference",),
    "canonical": ("valueCanonical", "valueUri"),
    "local": ("valueBoolean",),
    "content": ("resource",),
    "context": ("part",),
}
READ = ("Condition", "Flag", "Observation")  # of what is stored about the person
MOST_READ = 200
UNREAD = "Nothing stored was looked at beside the Patient: {}"


async def populate_form(request: Request) -> Response:
    """Answers 200 with Parameters: `response`, a QuestionnaireResponse in progress, and `issues` where there are any.

    Takes `subject` (a Reference); the record's resources as `content`, or inside `context` as SDC has it; and `local`:
    with true, what the caller's organisation has stored about the person is looked at too.
    """
    exchange = await open_exchange(request)
    exchange.require("system/Questionnaire.r")
    if request.path_params.get("id", ID) != ID:
        raise NotFound(f"Only Questionnaire/{ID}, the referral form of this gateway, can be filled in beforehand here.")
    _, body = await read_body(exchange, "POST /FHIR/R4/Questionnaire/$populate")
    if body["resourceType"] != "Parameters":
        raise refusal("$populate takes a Parameters resource with the subject.", expression="Parameters")
    asked = parameters(body, KNOWN)
    subject = _once(asked, "subject")
    if subject is None:
        raise refusal("subject is missing: a Reference to the Patient that the form is about.", code="required")
    if (_once(asked, "canonical") or URL) not in (URL, CANONICAL):
        raise refusal(f"canonical must be that of the referral form, {CANONICAL}.", code="not-found")
    given = _contents(asked)
    patient = await follow(exchange, subject, given, {})
    if patient is None or patient["resourceType"] != "Patient":
        text = "subject leads to no Patient. Give the Patient as content, with its id, or name one that you have sent."
        raise refusal(text, code="not-found")
    found, issues = await _stored(exchange, patient, _once(asked, "local"))
    response = populate([patient, *given, *found], instant(now()), subject)
    answer: Json = {"resourceType": "Parameters", "parameter": [{"name": "response", "resource": response}]}
    if issues:
        answer["parameter"].append({"name": "issues", "resource": warnings_outcome(issues)})
    return exchange.send(Answer(200, dump(answer)))


def _once(asked: list[tuple[str, str, Any]], wanted: str) -> Any:
    found = [(at, value) for name, at, value in asked if name == wanted]
    if len(found) > 1:
        raise refusal(f"{found[1][0]}: {wanted} may stand once.", expression=found[1][0])
    return found[0][1] if found else None


def _contents(asked: list[tuple[str, str, Any]]) -> list[Json]:
    """The resources given, in `content` or in the `content` of a `context`."""
    found: list[Json] = []
    for name, at, value in asked:
        if name == "content":
            found.append(value)
        elif name == "context":
            inner = [part["resource"] for part in value if part["name"] == "content" and "resource" in part]
            if not inner:
                raise refusal(f"{at}: a context needs a part content with a resource.", expression=at)
            found += inner
    opened = [one["resource"] for each in found for one in each.get("entry", []) if "resource" in one]
    found += opened  # a Bundle: what a search of the record gave
    if len(found) > MOST_GIVEN:
        raise refusal(f"{MOST_GIVEN} resources are looked at, at most. Give those of this person that still hold.")
    return found


async def _stored(exchange: Exchange, patient: Json, local: bool | None) -> tuple[list[Json], list[Issue]]:
    """What is stored about a stored Patient, of the types that the caller may read."""
    types = [one for one in READ if exchange.may_read(one)]
    if local is not True or "id" not in patient:
        return [], []
    if not types:
        return [], [Issue("forbidden", UNREAD.format(f"your token reads none of {', '.join(READ)}."), None, "warning")]
    async with exchange.gateway.store.reading() as connection:
        wanted = Wanted(types, count=MOST_READ)
        found, more = await about_patient(connection, exchange.caller.organisation, patient["id"], wanted)
    text = f"More than {MOST_READ} resources are stored about the person: the first were looked at."
    return [one.content for one in found], [Issue("incomplete", text, None, "warning")] if more else []
