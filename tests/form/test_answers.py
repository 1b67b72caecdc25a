"""Answers by linkId and the QuestionnaireResponse are the same thing, whichever way round."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.form.people import ALL, AT, LEAST

from gateway.validation import check, parse
from mappings.form import Answers, answers_from_form, answers_of, questionnaire, response_from, without_reach
from mappings.form.problems import problems
from mappings.form.questionnaire import options, questions

Json = dict[str, Any]

WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60).filter(lambda one: one.strip())


def values(link: str) -> st.SearchStrategy[list[Any]]:
    asked = questions()[link]
    one: st.SearchStrategy[Any] = st.booleans() if asked["type"] == "boolean" else WORDS
    if options(link):
        one = st.sampled_from(list(options(link))) | (WORDS if asked["type"] == "open-choice" else st.nothing())
    most = 4 if asked.get("repeats") else 1
    return st.lists(one, min_size=1, max_size=most, unique=True)


ANSWERS = st.fixed_dictionaries({}, optional={link: values(link) for link in questions()})


def judged(response: Json) -> list[str]:
    parsed = parse(json.dumps(response).encode())
    return [issue.text for issue in check(parsed, questionnaires=lambda _: questionnaire())]


@given(ANSWERS)
def test_answers_come_back_as_they_were(answers: Answers) -> None:
    response = response_from(answers, at=AT)

    assert answers_of(response) == answers
    assert response_from(answers_of(response), at=AT) == response


@settings(max_examples=200)
@given(ANSWERS)
def test_what_has_no_problem_is_a_valid_completed_response(answers: Answers) -> None:
    answers = LEAST | answers
    if not problems(answers):
        assert judged(response_from(answers, at=AT, status="completed")) == []


def test_all_questions_answered() -> None:
    assert problems(ALL) == []
    assert judged(response_from(ALL, at=AT, status="completed")) == []


def test_a_choice_outside_its_list_never_passes() -> None:
    response = response_from(LEAST | {"reason": ["<script>alert(1)</script>"]}, at=AT, status="completed")

    assert any("none of the options" in text for text in judged(response))
    assert [one.link_id for one in problems(answers_of(response))] == ["reason"]


@given(st.lists(st.tuples(st.sampled_from([*questions(), "wombat"]), st.text(max_size=40))))
def test_whatever_a_form_sends_makes_answers(fields: list[tuple[str, str]]) -> None:
    answers = answers_from_form(fields)

    assert set(answers) <= set(questions())
    problems(answers)
    assert parse(json.dumps(response_from(answers)).encode())["resourceType"] == "QuestionnaireResponse"


def test_a_posted_form_is_tidied() -> None:
    fields = [
        ("situation", " Two\r\nlines\x00 "),
        ("reason", "housing"),
        ("other-reasons", "digital"),
        ("other-reasons", "digital"),
        ("interpreter", "yes"),
        ("what-matters", "  "),
        ("csrf", "x"),
    ]
    assert answers_from_form(fields) == {
        "situation": ["Two\nlines"],
        "reason": ["housing"],
        "other-reasons": ["digital"],
        "interpreter": [True],
    }


def test_the_number_is_taken_out_whatever_is_around_it() -> None:
    response = response_from(ALL, at=AT)

    left = without_reach(response)

    assert answers_of(left) == {link: given for link, given in ALL.items() if link != "phone"}
    assert judged(left) == []
    assert without_reach(left) is left
    assert judged(without_reach(response_from({"phone": ["07700 900123"]}))) == []
