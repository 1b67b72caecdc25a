"""Nothing that came from a person's record is readable in a masked trace, by whatever way the referral came."""

import copy
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select
from tests.app import example, message_bundle, referral_bundle, resource_of, task_in
from tests.launch.launcher import launching
from tests.refer.test_form import send
from tests.tracing.conftest import INVESTIGATOR, OPERATOR, REASON, Asking

from adapters.hl7v2.listener import Block
from gateway.hl7v2 import take
from gateway.store.schema import referral
from gateway.tracing.masking import (
    hide,
    mask_change,
    mask_finding,
    mask_referral,
    mask_resource,
    mask_unknown,
)

Json = dict[str, Any]

MARK = "Zyxmark"
AT, NO_NAME = "Bundle.entry[0].resource", "[hidden: name]"
WORDS = frozenset(
    {"family", "given", "prefix", "suffix", "text", "display", "line", "city", "district", "postalCode", "country"}
    | {"value", "div", "title", "comment", "description", "data", "name", "author", "authorString", "contentString"}
    | {"valueString", "patientInstruction"}
)
PUBLISHED = "http://hl7.org/fhir/StructureDefinition/"
EXAMPLES = Path(__file__).parents[1] / "examples"


def marked(value: Any, names: frozenset[str], mark: str = MARK) -> Any:
    """The same with the marker in each text of these names: every text, when there are none."""
    if isinstance(value, list):
        return [marked(each, names, mark) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _text(name, each, names, mark) if isinstance(each, str) else _texts(name, each, names, mark)
        for name, each in value.items()
    }


def _text(name: str, value: str, names: frozenset[str], mark: str) -> str:
    if name == "resourceType" or (names and name not in names) or (names and value.isdecimal()):
        return value
    return f'<div xmlns="http://www.w3.org/1999/xhtml">{mark}</div>' if name == "div" else mark


def _texts(name: str, value: Any, names: frozenset[str], mark: str) -> Any:
    if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
        return [_text(name, each, names, mark) for each in value]
    return marked(value, names, mark)


def strange(url: str = f"https://somebody.example/{MARK}") -> list[Json]:
    """Extensions that nobody knows, of many kinds."""
    return [
        {"url": url, "valueString": MARK},
        {"url": url, "valueCode": MARK},
        {"url": url, "valueHumanName": {"family": MARK, "given": [MARK]}},
        {"url": url, "valueAddress": {"line": [MARK], "city": MARK}},
        {"url": url, "valueCoding": {"system": f"urn:{MARK.lower()}", "code": MARK, "display": MARK}},
        {"url": url, "valueIdentifier": {"system": f"urn:{MARK.lower()}", "value": MARK}},
        {"url": url, "extension": [{"url": MARK, "valueMarkdown": MARK}]},
    ]


def leaks(value: Any, mark: str, place: str = "") -> list[str]:
    """Where the marker can still be read."""
    if isinstance(value, list):
        return [found for number, each in enumerate(value) for found in leaks(each, mark, f"{place}[{number}]")]
    if isinstance(value, dict):
        names = [f"{place}.{name}" for name in value if mark.lower() in name.lower()]
        return names + [found for name, each in value.items() for found in leaks(each, mark, f"{place}.{name}")]
    return [f"{place}: {value}"] if mark.lower() in str(value).lower() else []


def every_example() -> list[Json]:
    files = sorted(EXAMPLES.glob("*/*.json"))
    return [content for file in files if "resourceType" in (content := json.loads(file.read_text("utf-8")))]


@pytest.mark.parametrize(
    "mark", [f"{MARK} 1", f"{MARK}/9990001014", f"{MARK}é", f"urn:x:{MARK}|1", f"{MARK}@{MARK}.example"]
)
def test_no_text_of_any_element_passes_both_locks(mark: str) -> None:
    """Every text there is, whatever element it stands in, that does not look like a code."""
    for content in [*every_example(), example("referral.json"), example("message.json")]:
        assert leaks(mask_resource(marked(content, frozenset(), mark)), MARK) == []


def test_a_word_alone_passes_only_where_codes_are() -> None:
    for content in [*every_example(), example("referral.json"), example("message.json")]:
        assert leaks(mask_resource(marked(content, WORDS)), MARK) == []


@pytest.mark.parametrize(
    "number",
    [
        "9990001014",
        "07700900123",
        "447700900123",
        9990001014,
        "N9990001014",
        "urn:nhs:9990001014",
        "urn:x:999-000-1014",
        "https://x.example/999-000-1014/a",
        "SW1A1AA",
    ],
)
def test_a_number_of_a_person_is_hidden_where_codes_are_too(number: Any) -> None:
    told = {
        "resourceType": "ServiceRequest",
        "code": {"coding": [{"system": number, "version": number, "code": number}]},
        "extension": [{"url": f"{PUBLISHED}workflow-x", "valueCode": number}],
    }
    assert leaks(mask_resource(told), str(number)) == []
    assert leaks(mask_referral({"categories": [{"code": number}], "reasons": [{"code": number}]}), str(number)) == []
    assert leaks(mask_change({"to": number, "items": [number]}), str(number)) == []


def test_a_date_is_no_code() -> None:
    told = {"resourceType": "ServiceRequest", "authoredOn": "2026-01-12", "code": {"coding": [{"code": "1971-06-14"}]}}
    assert mask_resource(told) == told | {"code": {"coding": [{"code": "[hidden: date]"}]}}


def test_an_unknown_code_is_readable_unless_it_is_of_a_person() -> None:
    code = {"expression": "ServiceRequest.reasonCode[0]", "system": "urn:x:y", "code": "B12", "text": MARK}
    assert mask_unknown(code) == code | {"text": "[hidden: short text]"}
    of_person = mask_unknown(code | {"expression": "Patient.extension[0]", "code": MARK, "system": f"urn:{MARK}:x"})
    assert leaks(of_person, MARK) == []
    assert leaks(mask_unknown(code | {"code": f"{MARK} of {MARK}", "system": f"{MARK}|{MARK}"}), MARK) == []


@pytest.mark.parametrize(
    ("element", "text", "shown"),
    [
        ("Patient.harrow", "Patient has no element 'harrow' in FHIR R4.", ("Patient.[hidden: name]", "harrow")),
        ("Patient.name[0].harrow.given", "It is null.", ("Patient.name[0].[hidden: name].given", "harrow")),
        ("harrow", "There is no 'harrow'. Leave it out.", ("[hidden: name]", "harrow")),
        ("advisor.harrow", "There is no 'advisor.harrow'.", ("[hidden: name]", "harrow")),
        ("Bundle.entry[0].resource.harrow[0]", "Patient.harrow[0] is null.", (f"{AT}.[hidden: name][0]", "harrow")),
        ("Patient.harrow of eastmere", "Patient.harrow of eastmere breaks ele-1.", (f"Patient.{NO_NAME}", "eastmere")),
        (None, "The key 'harrow' stands twice in one object.", (None, "harrow")),
        ("harrow 9990001014", "It is odd.", ("[hidden: name]", "harrow")),
    ],
)
def test_a_finding_does_not_repeat_what_the_sender_made_up(
    element: str | None, text: str, shown: tuple[str | None, str]
) -> None:
    told, said = mask_finding(element, text)
    assert told == shown[0]
    assert shown[1] not in said


@pytest.mark.parametrize(
    ("element", "text"),
    [
        ("Bundle.entry[0].resource.birthDate", "Bundle.entry[0].resource.birthDate is required. Add it."),
        ("Patient.deceased", "Patient.deceased is given in more than one type."),
        ("context.patientId", "context.patientId must be an id."),
        ("items[3]", "items[3] does not fit"),
        ("http.X-Request-Id", "Send the header X-Request-Id with a UUID."),
        ("PID-5.1", "It's empty, and 'birthDate' too."),
    ],
)
def test_a_finding_about_an_element_of_the_contract_stays(element: str, text: str) -> None:
    assert mask_finding(element, text) == (element, text)


@pytest.mark.parametrize("type_", ["Patient", "ServiceRequest", "Task", "Observation", "Basic", "NoSuchType"])
def test_extensions_and_elements_that_nobody_knows_are_hidden(type_: str) -> None:
    content = {
        "resourceType": type_,
        "extension": strange(),
        "modifierExtension": strange(),
        "_birthDate": {"id": MARK, "extension": strange()},
        "unheard": {"of": MARK, "code": {"text": MARK}, "list": [MARK, {"deep": MARK}]},
        "contained": [{"resourceType": "Basic", "id": MARK, "extension": strange(), "author": {"display": MARK}}],
        MARK + " as a name": 1,
        "subject": {"reference": f"Patient/{MARK}", "display": MARK, "identifier": {"value": MARK}},
        "note": [{"text": MARK, "authorString": MARK, "extension": strange()}],
        "valueQuantity": {"value": 4711, "unit": MARK},
    }
    masked = mask_resource(content)
    assert leaks(masked, MARK) == []
    assert leaks(masked, "4711") == []
    assert masked["resourceType"] == type_


def test_published_extensions_keep_their_codes_unless_they_are_of_a_person() -> None:
    url = "http://hl7.org/fhir/StructureDefinition/workflow-relatedArtifact"
    told = [{"url": url, "valueCodeableConcept": {"coding": [{"system": "urn:x:y", "code": "c1"}], "text": MARK}}]

    of_request = mask_resource({"resourceType": "ServiceRequest", "extension": told})["extension"][0]
    of_person = mask_resource({"resourceType": "Patient", "extension": told})["extension"][0]

    assert of_request["valueCodeableConcept"]["coding"] == [{"system": "urn:x:y", "code": "c1"}]
    assert MARK not in json.dumps(of_request)
    assert of_person["url"] == url
    assert of_person["valueCodeableConcept"]["coding"][0]["code"] == "[hidden: short text]"


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("9990001014", "10 digits"),
        ("0012345", "7 digits"),
        ("1971-06-14", "date"),
        ("1971", "year"),
        ("1971-06", "year and month"),
        ("2026-03-02T09:30:00Z", "date and time"),
        ("Harrow", "short text"),
        ("x" * 200, "text"),
        ("x" * 201, "long text"),
        ("", "short text"),
        (True, "true or false"),
        (7, "number"),
    ],
)
def test_what_is_hidden_keeps_its_shape(value: Any, kind: str) -> None:
    assert hide(value) == f"[hidden: {kind}]"
    assert hide({"a": [value, None]}) == {"a": [f"[hidden: {kind}]", None]}


def test_what_work_is_done_by_stays_readable() -> None:
    request = {
        "resourceType": "ServiceRequest",
        "id": "01981f3e-6b7a-7c3d-9e21-5a4f0b8c7d10",
        "status": "active",
        "authoredOn": "2026-01-12T10:12:00+00:00",
        "reasonCode": [{"coding": [{"system": "http://snomed.info/sct", "code": "73595000"}]}],
        "subject": {"reference": "Patient/01981f3e-6b7a-7c3d-9e21-5a4f0b8c7d11"},
    }
    assert mask_resource(request) == request
    change = {"to": "not-accepted", "reason": "outside-area", "review_date": "2026-03-01"}
    assert mask_change(change) == change
    assert mask_change({"to": MARK, "reason": MARK, "at": MARK, "outcome": [MARK]}) == {
        "to": "[hidden: short text]",
        "reason": "[hidden: short text]",
        "at": "[hidden: short text]",
        "outcome": ["[hidden: short text]"],
    }
    assert mask_referral({"urgency": "urgent", "person": {"birth_date": "1971-06-14"}}) == {
        "urgency": "urgent",
        "person": {"birth_date": "[hidden: date]"},
    }


async def assert_hidden(asking: Asking, key: str, *words: str) -> None:
    """Neither the page nor the JSON has any of these words; unmasked it has each."""
    told = await asking.trace(key)
    await asking.sign_in(OPERATOR)
    shown = await asking.page(f"/app/trace/{key}")
    path = f"/platform/v1/traces/{key}/unmask"
    unmasked = await asking.running.call(INVESTIGATOR, "POST", path, {"reason": REASON})
    assert unmasked.status_code == 200, unmasked.text
    for word in words:
        assert leaks(told, word) == []
        assert word not in shown, word
        assert word in json.dumps(unmasked.json(), ensure_ascii=False), f"{word} is nowhere: the test proves nothing"


async def test_a_referral_full_of_markers_over_fhir(asking: Asking) -> None:
    bundle = marked(referral_bundle(), WORDS)
    for type_ in ("Patient", "ServiceRequest"):
        one = resource_of(bundle, type_)
        one.setdefault("extension", []).extend(strange())
    resource_of(bundle, "ServiceRequest")["reasonCode"].append({"text": MARK})
    resource_of(bundle, "ServiceRequest")["identifier"] = [{"system": "urn:own", "value": MARK}]
    answer = await asking.running.call("demo-epr", "POST", "/FHIR/R4", bundle)
    assert answer.status_code == 200, answer.text
    task = task_in(answer.json())
    await work_on(asking, task["id"])

    await assert_hidden(asking, task["id"], MARK)


async def test_a_message_full_of_markers(asking: Asking) -> None:
    bundle = message_bundle()
    bundle["entry"] = marked(bundle["entry"], WORDS - {"value", "name"})
    answer = await asking.running.call(
        "demo-epr", "POST", "/FHIR/R4/$process-message", bundle, X_Request_Id=str(uuid4())
    )
    assert answer.status_code == 200, answer.text
    key = (await asking.running.call(OPERATOR, "GET", "/platform/v1/traces")).json()["traces"][0]["key"]

    await assert_hidden(asking, key, MARK)


async def work_on(asking: Asking, id_: str) -> None:
    """All that a link worker may write, full of markers."""
    path = f"/platform/v1/referrals/{id_}"
    advisor = {"name": MARK, "phone": MARK}
    for action, body in (
        ("transitions", {"to": "received", "by": MARK}),
        ("transitions", {"to": "accepted", "by": MARK}),
        ("transitions", {"to": "allocated", "by": MARK, "advisor": advisor}),
        ("contacts", {"mechanism": "telephone", "outcome": "spoke", "by": MARK, "note": MARK}),
        (
            "prescriptions",
            {
                "kind": "referral",
                "categories": ["housing"],
                "provider": MARK,
                "service": MARK,
                "goal": MARK,
                "by": MARK,
            },
        ),
        ("measures", {"tool": "swemwbs", "stage": "baseline", "items": [2, 3, 2, 2, 3, 3, 2], "by": MARK}),
    ):
        answer = await asking.running.call("demo-platform", "POST", f"{path}/{action}", body)
        assert answer.status_code in {200, 201}, (action, answer.text)


async def test_a_referral_over_hl7_v2(asking: Asking) -> None:
    text = (Path(__file__).parents[1] / "hl7v2/examples/referred/message.hl7").read_text("utf-8")
    for said in ("Harrow", "Margaret", "8 Quayside Mews", "Behind with rent, and lonely", "Osei", "No known risks"):
        assert said in text
        text = text.replace(said, MARK)
    block = Block(text.replace("\n", "\r").encode(), frozenset())
    acknowledged = await take(asking.running.app.state.gateway, block)
    assert acknowledged is not None
    assert b"MSA|AA" in acknowledged
    [found] = (await asking.running.call(OPERATOR, "GET", "/platform/v1/traces")).json()["traces"]
    assert (found["action"], found["outcome"]) == ("HL7v2 REF^I12", 200)

    await assert_hidden(asking, found["key"], MARK, "9990001014", "0012345", "07700900123", "REF-2026-000221")


async def test_a_referral_of_the_form_inside_the_epr(database_url: str, tmp_path: Path) -> None:
    async with launching(database_url, tmp_path) as launcher:
        sent = await send(await launcher.open(), situation=f"{MARK} since October.", times=f"{MARK} after 11.")
        assert "SP-" in sent.text
        async with launcher.running.store.reading() as connection:
            key = (await connection.execute(select(referral.c.reference))).scalar_one()

        await assert_hidden(Asking(launcher.running), key, MARK, "0012345", "Amara")


def test_the_marks_are_where_the_texts_were() -> None:
    """So that the tests above can fail."""
    assert json.dumps(marked(example("referral.json"), WORDS)).count(MARK) > 30
    assert json.dumps(marked(copy.deepcopy(every_example()), frozenset())).count(MARK) > 200
