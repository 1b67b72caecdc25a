"""The referral form at the FHIR base: read and searched by every EPR beside its own Questionnaires, filled in
beforehand, and its answers made into the transaction that refers."""

from urllib.parse import quote

import pytest
from tests.app import Json, Running, issues_of, resource_of, task_in
from tests.form.calls import IDENTIFIER, PATIENT, ROLE, a_response, asked, fhir, parameters, part
from tests.form.people import ALL, AMARA, AT, LEAST, coded, flag, patient

from gateway.security import Caller
from mappings.form import CANONICAL, URL, answers_of, extract, questionnaire, response_from

# --- the Questionnaire ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", ["demo-epr", "demo-epr-2"])
async def test_r37_every_organisation_reads_the_form(gateway: Running, client: str) -> None:
    answer = await fhir(gateway, "GET", "Questionnaire/referral", client=client)
    again = await fhir(gateway, "GET", "Questionnaire/referral", client=client, If_None_Match=answer.headers["etag"])
    short = await fhir(gateway, "GET", "Questionnaire/referral?_summary=true", client=client)

    assert {name: value for name, value in answer.json().items() if name not in ("id", "meta")} == questionnaire()
    assert again.status_code == 304
    assert "item" not in short.json()
    assert short.json()["url"] == URL


async def test_r37_it_is_read_with_the_scope_only_and_written_by_nobody(gateway: Running) -> None:
    caller = Caller("demo-epr", "XND01", "epr", frozenset({"system/Patient.r"}), frozenset())
    gateway.tokens["narrow"] = gateway.app.state.gatekeeper.issue(caller)

    for path in ("Questionnaire/referral", "Questionnaire"):
        assert (await fhir(gateway, "GET", path, client="narrow")).status_code == 403
    put = await fhir(gateway, "PUT", "Questionnaire/referral", questionnaire() | {"id": "referral"})
    assert put.status_code in (404, 405)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (f"url={quote(URL)}", ["referral"]),
        ("_id=referral", ["referral"]),
        ("name=SocialPrescribing&status=active", ["referral"]),
        ("title:contains=social", ["referral"]),
        ("status=active", ["referral", "own"]),
        ("url=https://epr.example/q/own", ["own"]),
        ("status=retired", []),
        ("_lastUpdated=gt2020-01-01", ["own"]),
    ],
)
async def test_r37_it_is_found_beside_those_of_the_organisation(gateway: Running, query: str, found: list[str]) -> None:
    own = {"resourceType": "Questionnaire", "url": "https://epr.example/q/own", "status": "active"}
    stored = (await fhir(gateway, "POST", "Questionnaire", own)).json()

    answer = (await fhir(gateway, "GET", f"Questionnaire?{query}")).json()

    ids = {"own": stored["id"], "referral": "referral"}
    assert [one["resource"]["id"] for one in answer.get("entry", [])] == [ids[name] for name in found]
    assert answer["total"] == len(found)
    assert (await fhir(gateway, "GET", f"Questionnaire?{query}&_summary=count")).json()["total"] == len(found)


@pytest.mark.parametrize("count", [1, 2, 3])
async def test_r37_page_by_page_each_is_found_once(gateway: Running, count: int) -> None:
    ids = ["referral"]
    for number in range(3):
        own = {"resourceType": "Questionnaire", "url": f"https://epr.example/q/{number}", "status": "active"}
        ids.append((await fhir(gateway, "POST", "Questionnaire", own)).json()["id"])

    found, path = [], f"Questionnaire?status=active&_count={count}"
    while path:
        page = (await fhir(gateway, "GET", path)).json()
        assert len(page.get("entry", [])) <= count
        found += [one["resource"]["id"] for one in page.get("entry", [])]
        links = [one["url"] for one in page["link"] if one["relation"] == "next"]
        path = links[0].partition("/FHIR/R4/")[2] if links else ""

    assert found == ids


@pytest.mark.parametrize("client", ["demo-epr", "demo-epr-2"])
@pytest.mark.parametrize("canonical", [URL, CANONICAL])
async def test_r37_answers_are_judged_by_it_whoever_sends_them(gateway: Running, client: str, canonical: str) -> None:
    own = {"resourceType": "Questionnaire", "url": URL, "status": "active"}  # does not take its place
    assert (await fhir(gateway, "POST", "Questionnaire", own, client=client)).status_code == 201
    answered = response_from(LEAST, at=AT, status="completed") | {"questionnaire": canonical}
    wrong = response_from({"reason": ["pets"]}, at=AT, status="completed") | {"questionnaire": canonical}

    assert (await fhir(gateway, "POST", "QuestionnaireResponse", answered, client=client)).status_code == 201
    refused = await fhir(gateway, "POST", "QuestionnaireResponse", wrong, client=client)

    assert refused.status_code == 422
    assert {code for code, _ in issues_of(refused)} == {"invariant", "required"}


# --- $populate -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", ["", "/referral"])
async def test_r38_the_record_that_is_given_fills_the_form(gateway: Running, at: str) -> None:
    asked = parameters(subject=PATIENT, canonical=CANONICAL, content=[patient(), flag("Risk of falls")])

    response = part(await fhir(gateway, "POST", f"Questionnaire{at}/$populate", asked), "response")

    assert (response["status"], response["subject"], response["questionnaire"]) == ("in-progress", PATIENT, CANONICAL)
    assert answers_of(response) == {
        "risk": ["known"],
        "risk-detail": ["Risk of falls"],
        "phone": ["01632 960999"],
    }
    assert (await fhir(gateway, "GET", "QuestionnaireResponse")).json()["total"] == 0  # nothing is stored


async def test_r38_resources_may_come_in_a_context_and_in_bundles(gateway: Running) -> None:
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": flag("Needs large print")}]}
    context = [{"name": "name", "valueString": "flags"}, {"name": "content", "resource": bundle}]
    asked = parameters(subject=PATIENT, content=patient(telecom=None))
    asked["parameter"].append({"name": "context", "part": context})

    response = part(await fhir(gateway, "POST", "Questionnaire/$populate", asked), "response")

    assert answers_of(response) == {"communication-needs": ["Needs large print"]}


@pytest.mark.parametrize(("local", "found"), [(True, {"reason": ["housing"]}), (False, {}), (None, {})])
async def test_r38_what_is_stored_is_looked_at_when_asked(gateway: Running, local: bool | None, found: Json) -> None:
    stored = (await fhir(gateway, "POST", "Patient", patient(telecom=None))).json()
    subject = {"reference": f"Patient/{stored['id']}"}
    condition = {"resourceType": "Condition", "subject": subject, "code": coded("81877007")}
    assert (await fhir(gateway, "POST", "Condition", condition)).status_code == 201
    asked = parameters(subject=subject) if local is None else parameters(subject=subject, local=local)

    answer = await fhir(gateway, "POST", "Questionnaire/$populate", asked)
    another = await fhir(gateway, "POST", "Questionnaire/$populate", asked, client="demo-epr-2")

    assert answers_of(part(answer, "response")) == found
    assert another.status_code == 422


async def test_r38_what_may_not_be_read_is_said(gateway: Running) -> None:
    scopes = frozenset({"system/Questionnaire.r", "system/Patient.r"})
    gateway.tokens["narrow"] = gateway.app.state.gatekeeper.issue(
        Caller("demo-epr", "XND01", "epr", scopes, frozenset())
    )
    stored = (await fhir(gateway, "POST", "Patient", patient())).json()
    asked = parameters(subject={"reference": f"Patient/{stored['id']}"}, local=True)

    answer = await fhir(gateway, "POST", "Questionnaire/$populate", asked, client="narrow")

    assert [one["code"] for one in part(answer, "issues")["issue"]] == ["forbidden"]
    assert answers_of(part(answer, "response")) == {"phone": ["01632 960999"]}


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        (parameters(content=patient()), 422, "required"),
        (parameters(subject=PATIENT), 422, "not-found"),
        (parameters(subject=[PATIENT, PATIENT], content=patient()), 422, "invalid"),
        (parameters(subject=PATIENT, content=patient(), canonical="urn:x"), 422, "not-found"),
        (parameters(subject=PATIENT, content=patient(), wombat=True), 422, "not-supported"),
        (parameters(subject=True, content=patient()), 422, "required"),
        (parameters(subject={"reference": "Flag/f1"}, content=flag("x") | {"id": "f1"}), 422, "not-found"),
        (patient(), 422, "invalid"),
    ],
)
async def test_r38_what_cannot_be_filled_in(gateway: Running, asked: Json, status: int, code: str) -> None:
    answer = await fhir(gateway, "POST", "Questionnaire/$populate", asked)

    assert (answer.status_code, issues_of(answer)[0][0]) == (status, code)
    assert "Harrow" not in answer.text


async def test_r38_only_this_form_can_be_filled_in(gateway: Running) -> None:
    asked = parameters(subject=PATIENT, content=patient())

    assert (await fhir(gateway, "POST", "Questionnaire/other/$populate", asked)).status_code == 404


# --- $extract ------------------------------------------------------------------------------------------------------


async def test_r39_answers_become_the_referral_that_the_form_itself_makes(gateway: Running) -> None:
    response = a_response()

    bundle = part(await fhir(gateway, "POST", "QuestionnaireResponse/$extract", asked(response)), "return")
    answer = await fhir(gateway, "POST", "", bundle)

    assert bundle == extract(response, patient(), AMARA, AT, IDENTIFIER)
    assert answer.status_code == 200, answer.text
    task = task_in(answer.json())
    view = (await gateway.call("demo-platform", "GET", f"/platform/v1/referrals/{task['id']}")).json()
    referral = view["referral"]
    said = str(referral)
    for link, given in ALL.items():
        if link not in ("reason", "other-reasons", "risk", "risk-types", "services", "interpreter", "consent"):
            assert all(str(one).replace("\n", "\\n") in said for one in given), link
    assert [one["domain"] for one in referral["reasons"]] == [*ALL["reason"], *ALL["other-reasons"]]
    assert [one["text"] for one in referral["risks"]] == ["Self-neglect", "Visiting the home", "A dog that bites."]
    assert referral["order_details"] == ["Housing", "Northdale Law Centre"]
    assert (referral["person"]["interpreter_needed"], referral["consent"]["decision"]) == (False, "permit")
    [stored] = (await fhir(gateway, "GET", "QuestionnaireResponse")).json()["entry"]
    assert answers_of(stored["resource"]) == ALL
    assert stored["resource"]["subject"] == task["for"]


async def test_r39_the_same_response_is_one_referral(gateway: Running) -> None:
    response = a_response()
    del response["identifier"]
    first, again = [
        part(await fhir(gateway, "POST", "QuestionnaireResponse/$extract", asked(response)), "return") for _ in range(2)
    ]

    assert first == again
    assert (await fhir(gateway, "POST", "", first)).status_code == 200
    refused = await fhir(gateway, "POST", "", again, X_Request_Id="0b0d7f8e-6f0e-4b7e-9d5c-2f6d0a1c3e57")
    assert refused.status_code == 409
    assert issues_of(refused)[0][0] == "duplicate"


async def test_r39_the_bare_response_with_what_it_contains(gateway: Running) -> None:
    response = a_response(
        LEAST,
        contained=[patient(), {"resourceType": "Practitioner", "id": "a", "name": [{"text": "Dr Amara Osei"}]}],
        subject={"reference": "#p1"},
        author={"reference": "#a"},
    )

    bundle = part(await fhir(gateway, "POST", "QuestionnaireResponse/$extract", response), "return")

    assert resource_of(bundle, "Patient")["birthDate"] == "1971-06-14"
    assert resource_of(bundle, "PractitionerRole")["practitioner"] == {"display": "Dr Amara Osei"}
    assert resource_of(bundle, "Organization")["identifier"][0]["value"] == "XND01"  # the caller's own
    assert (await fhir(gateway, "POST", "", bundle)).status_code == 200


async def test_r39_people_who_were_sent_before(gateway: Running) -> None:
    person = (await fhir(gateway, "POST", "Patient", patient())).json()
    organisation = {"resourceType": "Organization", "name": "Northdale Trust"}
    works_at = (await fhir(gateway, "POST", "Organization", organisation)).json()
    role = ROLE | {"organization": {"reference": f"Organization/{works_at['id']}"}}
    author = (await fhir(gateway, "POST", "PractitionerRole", role)).json()
    response = a_response(
        LEAST,
        subject={"reference": f"Patient/{person['id']}"},
        author={"reference": f"PractitionerRole/{author['id']}"},
    )

    bundle = part(await fhir(gateway, "POST", "QuestionnaireResponse/$extract", response), "return")
    anothers = await fhir(gateway, "POST", "QuestionnaireResponse/$extract", response, client="demo-epr-2")

    assert resource_of(bundle, "Organization") == organisation
    assert resource_of(bundle, "PractitionerRole")["code"] == [{"text": "Care coordinator"}]
    assert (anothers.status_code, issues_of(anothers)) == (
        422,
        [("not-found", "QuestionnaireResponse.subject")],
    )


@pytest.mark.parametrize(
    ("asked", "code", "place"),
    [
        (asked(a_response(status="in-progress")), "business-rule", "QuestionnaireResponse.status"),
        (asked(a_response(questionnaire="urn:x")), "not-supported", "QuestionnaireResponse.questionnaire"),
        (asked(a_response(questionnaire=f"{URL}|0.1")), "not-supported", "QuestionnaireResponse.questionnaire"),
        (asked(a_response(subject={"display": "Her"})), "not-found", "QuestionnaireResponse.subject"),
        (asked(a_response(), patient()), "not-found", "QuestionnaireResponse.author"),
        (asked(a_response(LEAST | {"consent": ["deny"]})), "business-rule", "QuestionnaireResponse.item"),
        (asked(a_response(LEAST | {"contact-method": ["phone"]})), "business-rule", "QuestionnaireResponse.item"),
        (asked(a_response({"reason": ["housing"]})), "required", "QuestionnaireResponse"),
        (a_response({"reason": ["housing"]}), "required", "QuestionnaireResponse"),
        (parameters(content=patient()), "required", "Parameters"),
        (asked(patient()), "invalid", "resourceType"),
        (patient(), "invalid", "resourceType"),
        (parameters(wombat=True), "not-supported", "Parameters.parameter[0]"),
    ],
)
async def test_r39_what_cannot_be_sent(gateway: Running, asked: Json, code: str, place: str) -> None:
    answer = await fhir(gateway, "POST", "QuestionnaireResponse/$extract", asked)

    assert answer.status_code == 422, answer.text
    assert (code, place) in issues_of(answer)
    assert "Harrow" not in answer.text


async def test_r39_an_extract_needs_its_scope(gateway: Running) -> None:
    scopes = frozenset({"system/QuestionnaireResponse.r"})
    gateway.tokens["narrow"] = gateway.app.state.gatekeeper.issue(
        Caller("demo-epr", "XND01", "epr", scopes, frozenset())
    )

    answer = await fhir(gateway, "POST", "QuestionnaireResponse/$extract", asked(), client="narrow")

    assert answer.status_code == 403
