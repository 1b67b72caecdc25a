"""A response is judged by its Questionnaire when that is known: which items, in what order, answered how."""

from decimal import Decimal
from typing import Any

import pytest

from gateway.validation import check
from tests.validation.resources import Json
from tests.validation.test_check import paths, put

URL = "https://example.org/Questionnaire/loneliness"
CORE = "http://hl7.org/fhir/StructureDefinition"
SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire"
KM = {"system": "http://unitsofmeasure.org", "code": "km"}


def ask(kind: str, link: str = "q", **more: Any) -> Json:
    return {"linkId": link, "type": kind, **more}


def limited(kind: str, url: str, value: Json, **more: Any) -> Json:
    return ask(kind, extension=[{"url": url, **value}], **more)


def answer(*values: Json, link: str = "q") -> Json:
    return {"linkId": link, "answer": list(values)} if values else {"linkId": link}


def judge(asked: list[Json], items: list[Json], status: str = "completed") -> list[tuple[str, str | None]]:
    questionnaire = {"resourceType": "Questionnaire", "url": URL, "status": "active", "item": asked}
    response: Json = {"resourceType": "QuestionnaireResponse", "questionnaire": URL, "status": status}
    response |= {"item": items} if items else {}
    found = check(response, questionnaires={URL: questionnaire}.get)
    return [
        (issue.code, issue.expression and issue.expression.removeprefix("QuestionnaireResponse")) for issue in found
    ]


CHOICE = ask("choice", answerOption=[{"valueCoding": {"code": "often"}}, {"valueCoding": {"code": "never"}}])
GROUP = ask("group", "g", item=[ask("string", required=True)])
VALUES: list[tuple[Json, Json]] = [
    (ask("boolean"), {"valueString": "yes"}),
    (ask("date"), {"valueDateTime": "2026-01-01"}),
    (ask("url"), {"valueString": "https://e"}),
    (CHOICE, {"valueCoding": {"code": "sometimes"}}),
    (CHOICE, {"valueString": "often"}),
    (ask("integer", answerOption=[{"valueInteger": 1}]), {"valueInteger": 2}),
    (ask("string", maxLength=3), {"valueString": "four"}),
    (limited("string", f"{CORE}/minLength", {"valueInteger": 3}), {"valueString": "no"}),
    (limited("string", f"{CORE}/regex", {"valueString": "[A-Z]+[0-9]"}), {"valueString": "A1 "}),
    (limited("integer", f"{CORE}/minValue", {"valueInteger": 3}), {"valueInteger": 2}),
    (limited("date", f"{CORE}/maxValue", {"valueDate": "2026-06"}), {"valueDate": "2026-07-01"}),
    (limited("decimal", f"{CORE}/maxDecimalPlaces", {"valueInteger": 1}), {"valueDecimal": Decimal("1.50")}),
    (limited("attachment", f"{CORE}/maxSize", {"valueDecimal": 2}), {"valueAttachment": {"title": "x", "size": 3}}),
    (
        limited("attachment", f"{CORE}/mimeType", {"valueCode": "image/png"}),
        {"valueAttachment": {"contentType": "a/b"}},
    ),
    (
        limited("reference", f"{CORE}/questionnaire-referenceResource", {"valueCode": "Patient"}),
        {"valueReference": {"reference": "https://e/Task/1"}},
    ),
    (limited("quantity", f"{CORE}/questionnaire-unitOption", {"valueCoding": KM}), {"valueQuantity": {"value": 1}}),
    (
        limited("quantity", f"{SDC}-maxQuantity", {"valueQuantity": {"value": 5, **KM}}),
        {"valueQuantity": {"value": 5001, **KM, "code": "m"}},
    ),
    (
        limited("quantity", f"{SDC}-maxQuantity", {"valueQuantity": {"value": 5, **KM}}),
        {"valueQuantity": {"value": 1, "unit": "km"}},
    ),
]


@pytest.mark.parametrize(("asked", "given"), VALUES, ids=[f"{q['type']}-{next(iter(a))}" for q, a in VALUES])
def test_an_answer_that_its_item_does_not_take(asked: Json, given: Json) -> None:
    assert judge([asked], [answer(given)]) == [("invariant", ".item[0].answer[0].value")]


ITEMS: list[tuple[str, list[Json], list[Json], tuple[str, str]]] = [
    ("unknown", [ask("string")], [answer(link="r")], ("not-found", "")),
    (
        "elsewhere",
        [GROUP],
        [{"linkId": "g", "item": [answer({"valueString": "x"}), answer(link="g")]}],
        ("structure", ".item[0]"),
    ),
    ("order", [ask("string"), ask("string", "r")], [answer(link="r"), answer()], ("structure", "")),
    ("twice", [ask("string")], [answer({"valueString": "x"}), answer()], ("structure", ".item[1]")),
    ("two answers", [ask("string")], [answer({"valueString": "x"}, {"valueString": "y"})], ("structure", ".item[0]")),
    ("group", [ask("group")], [answer({"valueString": "x"})], ("structure", ".item[0]")),
    ("display", [ask("display")], [answer({"valueString": "x"})], ("structure", ".item[0]")),
    ("required", [ask("string", required=True)], [], ("required", "")),
    ("unanswered", [ask("string", required=True)], [answer()], ("required", ".item[0]")),
    (
        "in a group",
        [GROUP, ask("string", "r")],
        [{"linkId": "g", "item": [answer()]}],
        ("required", ".item[0].item[0]"),
    ),
    (
        "few",
        [limited("string", f"{CORE}/questionnaire-minOccurs", {"valueInteger": 2}, repeats=True)],
        [answer({"valueString": "x"})],
        ("required", ".item[0]"),
    ),
    (
        "many",
        [limited("string", f"{CORE}/questionnaire-maxOccurs", {"valueInteger": 1}, repeats=True)],
        [answer({"valueString": "x"}, {"valueString": "y"})],
        ("structure", ".item[0]"),
    ),
]


@pytest.mark.parametrize(("asked", "given", "expected"), [case[1:] for case in ITEMS], ids=[case[0] for case in ITEMS])
def test_an_item_that_is_missing_or_out_of_place(
    asked: list[Json], given: list[Json], expected: tuple[str, str]
) -> None:
    assert judge(asked, given) == [expected]


def test_what_its_items_take_is_fine() -> None:
    nested = ask("string", "why", item=[ask("text", "more")])
    given = {"linkId": "why", "answer": [{"valueString": "x", "item": [answer({"valueString": "y"}, link="more")]}]}
    assert judge([CHOICE, nested], [answer({"valueCoding": {"code": "often", "display": "Often"}}), given]) == []
    open_choice = {**CHOICE, "type": "open-choice"}
    assert judge([open_choice], [answer({"valueString": "in my own words"})]) == []
    group = ask("group", "g", repeats=True, item=[ask("string")])
    assert judge([group], [{"linkId": "g", "item": [answer({"valueString": each})]} for each in "ab"]) == []


def test_what_is_required_may_be_missing_while_the_response_is_in_progress() -> None:
    assert judge([ask("string", required=True)], [], status="in-progress") == []


CONDITIONS: list[tuple[str, Json, list[Json], bool]] = [
    ("exists", {"answerBoolean": True}, [{"valueInteger": 1}], True),
    ("exists", {"answerBoolean": False}, [], True),
    ("=", {"answerInteger": 2}, [{"valueInteger": 1}, {"valueInteger": 2}], True),
    ("=", {"answerCoding": {"code": "a"}}, [{"valueCoding": {"code": "a", "display": "A"}}], True),
    ("!=", {"answerInteger": 2}, [{"valueInteger": 2}], False),
    (">", {"answerDecimal": Decimal("1.5")}, [{"valueDecimal": 2}], True),
    ("<", {"answerDate": "2026-01-01"}, [{"valueDate": "2026-01-01"}], False),
    (">=", {"answerTime": "09:00:00"}, [{"valueTime": "09:00:00"}], True),
    ("<=", {"answerQuantity": {"value": 1, **KM}}, [{"valueQuantity": {"value": 999, **KM, "code": "m"}}], True),
]


@pytest.mark.parametrize(("operator", "wanted", "given", "met"), CONDITIONS)
def test_an_item_is_required_only_when_its_conditions_enable_it(
    operator: str, wanted: Json, given: list[Json], met: bool
) -> None:
    kinds = {"Integer": "integer", "Coding": "choice", "Decimal": "decimal", "Date": "date", "Time": "time"}
    kind = next((kinds.get(key.removeprefix("answer"), "quantity") for key in wanted), "integer")
    kind = "integer" if operator == "exists" else kind
    condition = {"question": "q", "operator": operator, **wanted}
    asked = [ask(kind, repeats=True), ask("string", "then", required=True, enableWhen=[condition])]
    first = [answer(*given)] if given else []
    assert judge(asked, first) == ([("required", "")] if met else [])
    then = answer({"valueString": "x"}, link="then")
    assert judge(asked, [*first, then]) == ([] if met else [("invariant", f".item[{len(first)}]")])


@pytest.mark.parametrize(("behaviour", "required"), [("all", False), ("any", True)])
def test_several_conditions_are_taken_together_as_the_item_says(behaviour: str, required: bool) -> None:
    conditions = [{"question": "q", "operator": "=", "answerInteger": number} for number in (1, 2)]
    then = ask("string", "then", required=True, enableWhen=conditions, enableBehavior=behaviour)
    assert judge([ask("integer"), then], [answer({"valueInteger": 1})]) == ([("required", "")] if required else [])


def test_a_condition_looks_at_the_answer_in_its_own_group() -> None:
    condition = {"question": "q", "operator": "=", "answerBoolean": True}
    group = ask(
        "group", "g", repeats=True, item=[ask("boolean"), ask("string", "why", required=True, enableWhen=[condition])]
    )
    given = [{"linkId": "g", "item": [answer({"valueBoolean": each})]} for each in (False, True)]
    assert judge([group], given) == [("required", ".item[1]")]


QUESTIONNAIRE = {"resourceType": "Questionnaire", "id": "in", "url": URL, "version": "2", "status": "active"}
RESPONSE = {"resourceType": "QuestionnaireResponse", "status": "completed", "item": [answer()]}


def test_a_questionnaire_is_found_inside_the_response_in_the_bundle_or_by_its_canonical() -> None:
    inside = {**RESPONSE, "questionnaire": "#in", "contained": [QUESTIONNAIRE]}
    assert [issue.code for issue in check(inside)] == ["not-found"]
    entries = [{"resource": QUESTIONNAIRE}, {"resource": {**RESPONSE, "questionnaire": f"{URL}|2"}}]
    (issue,) = check({"resourceType": "Bundle", "type": "collection", "entry": entries})
    assert (issue.code, issue.expression) == ("not-found", "Bundle.entry[1].resource")
    asked: list[str] = []
    check({**RESPONSE, "questionnaire": f"{URL}|1"}, questionnaires=asked.append)
    assert asked == [f"{URL}|1"]


def test_a_response_to_an_unknown_questionnaire_is_judged_without_it() -> None:
    assert check({**RESPONSE, "questionnaire": f"{URL}|1"}, questionnaires=lambda canonical: None) == []
    assert check(RESPONSE) == []


@pytest.mark.parametrize("wrong", [None, 1, "", "x", [], [None], {}, [{}], [[]], {"linkId": []}])
def test_whatever_stands_in_a_questionnaire_or_a_response_the_check_answers(wrong: Any) -> None:
    """Each element in turn, of both, becomes each kind of JSON."""
    condition = {"question": "q", "operator": "=", "answerCoding": {"code": "often"}}
    then = limited("string", f"{CORE}/regex", {"valueString": "(?=x)"}, link="r", enableWhen=[condition])
    asked = {**QUESTIONNAIRE, "item": [{**CHOICE, "item": [then]}, {**GROUP, "answerValueSet": "#in"}]}
    coding = {"valueCoding": {"code": "often"}, "item": [answer({"valueString": "x"}, link="r")]}
    given = {**RESPONSE, "questionnaire": "#in", "contained": [asked], "item": [answer(coding), {"linkId": "g"}]}
    for path in paths(given):
        assert all(issue.text for issue in check(put(given, path, wrong)))
