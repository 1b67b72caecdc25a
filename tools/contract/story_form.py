"""The EPR's side of the story: the referral form, filled in beforehand, and the referral that its answers make."""

from tests.app import resource_of
from tools.contract.stage import EPR
from tools.contract.story_refer import TRANSACTION, referral
from tools.contract.telling import Json, Teller

from mappings.form import answers_of, response_from

PATH = "POST /FHIR/R4/Questionnaire{}/$populate"
EXTRACT = "POST /FHIR/R4/QuestionnaireResponse/$extract"
SUBJECT = {"reference": "Patient/0012345"}
AUTHOR = {
    "identifier": {"system": "https://fhir.nhs.uk/Id/sds-user-id", "value": "999000000001"},
    "display": "Dr Amara Osei",
}
SIGNED = "2026-03-02T09:50:00+00:00"


async def fill_in_form(teller: Teller) -> None:
    patient = resource_of(referral("REF-2026-000130"), "Patient") | {"id": "0012345"}
    lonely = {"system": "http://snomed.info/sct", "code": "267076002", "display": "Feeling lonely"}
    condition: Json = {"resourceType": "Condition", "subject": SUBJECT, "code": {"coding": [lonely]}}
    given = [{"name": "content", "resource": one} for one in (patient, condition)]
    asked = {"resourceType": "Parameters", "parameter": [{"name": "subject", "valueReference": SUBJECT}, *given]}
    filled = await teller.call("lonely: By the record that is given", EPR, PATH.format(""), asked)
    await teller.call("lonely: The same", EPR, PATH.format("/{id}"), asked, at={"id": "referral"})

    suggested = answers_of(filled["parameter"][0]["resource"])
    answers = suggested | {"risk": ["none-known"], "consent": ["permit"], "urgency": ["routine"]}
    response = response_from(answers, at=SIGNED, status="completed", subject=SUBJECT, author=AUTHOR)
    response["identifier"] = {"system": "https://northdale.example/forms", "value": "F-2026-000130"}
    sent = [
        {"name": "questionnaire-response", "resource": response},
        {"name": "content", "resource": patient},
    ]
    name = "form: The form, completed, with the Patient beside it"
    made = await teller.call(name, EPR, EXTRACT, {"resourceType": "Parameters", "parameter": sent})
    await teller.call(
        "form: What $extract made of the referral form", EPR, TRANSACTION, made["parameter"][0]["resource"]
    )
    alone = response | {"status": "in-progress"}
    await teller.call("unfinished: The clinician has not finished it", EPR, EXTRACT, alone)
