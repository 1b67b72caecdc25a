"""The safe number of a restricted person, which answers to the referral form tell: stored and shown nowhere."""

from typing import Any

import pytest
from tests.app import Running, task_in
from tests.form.people import ALL, AMARA, AT, patient
from tests.identity.test_restricted_later import restrict
from tests.identity.test_withheld import LABEL, SECRETS, assert_nowhere
from tests.later.conftest import Sent

from gateway.privacy import withhold
from mappings.form import answers_of, extract, response_from

Json = dict[str, Any]

NUMBER = SECRETS[0]
NAME = {"system": "https://northdale.example/forms", "value": "F-1"}
ANSWERS = ALL | {"phone": [NUMBER]}


async def refer(gateway: Running, **person: Any) -> Sent:
    bundle = extract(response_from(ANSWERS, at=AT), patient(telecom=None, **person), AMARA, AT, NAME)
    answer = await gateway.call("demo-epr", "POST", "/FHIR/R4", bundle)
    assert answer.status_code == 200, answer.text
    task = task_in(answer.json())
    return Sent(gateway, task["id"], *(task[name]["reference"].split("/")[1] for name in ("focus", "for")))


async def stored_answers(sent: Sent) -> Json:
    found = (await sent.fhir("GET", f"/QuestionnaireResponse?patient={sent.patient_id}")).json()
    content: Json = found["entry"][0]["resource"]
    return content


async def assert_withheld(gateway: Running, sent: Sent) -> None:
    view = await sent.view()
    assert view["referral"]["safe_contact"] == {"leave_message": "no", "times": "After 11", "method": "text"}
    assert "phone" not in answers_of(await stored_answers(sent))
    await assert_nowhere(gateway, str(view))


async def test_it_is_kept_for_anybody_else(gateway: Running) -> None:
    sent = await refer(gateway)

    assert (await sent.view())["referral"]["safe_contact"]["phone"] == NUMBER
    assert answers_of(await stored_answers(sent)) == ANSWERS


async def test_it_never_comes_in(gateway: Running) -> None:
    await assert_withheld(gateway, await refer(gateway, meta={"security": [LABEL]}))


async def test_it_is_taken_out_when_they_are_marked_later(gateway: Running) -> None:
    sent = await refer(gateway)

    await restrict(sent)

    await assert_withheld(gateway, sent)


@pytest.mark.parametrize("subject", ["reference", "identifier"])
async def test_answers_sent_later_are_without_it(gateway: Running, subject: str) -> None:
    sent = await refer(gateway, meta={"security": [LABEL]})
    about: Json = {"reference": f"Patient/{sent.patient_id}"}
    if subject == "identifier":
        about["identifier"] = patient()["identifier"][0]

    await sent.post(response_from(ANSWERS, at=AT, status="completed", subject=about))

    await assert_nowhere(gateway, "")


def test_answers_with_the_person_in_them() -> None:
    who = patient(meta={"security": [LABEL]})
    response = response_from(ANSWERS, at=AT, subject={"reference": "#p1"}) | {"contained": [who]}
    another = response | {"questionnaire": "https://epr.example/q"}

    assert "phone" not in answers_of(withhold(response))
    assert answers_of(withhold(another))["phone"] == [NUMBER]  # what its items mean is not known here
