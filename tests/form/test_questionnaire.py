"""The form is real FHIR, has the questions that pages and EPRs rely on, and takes its codes from the vocabularies."""

import copy

from fhir.resources.R4B.questionnaire import Questionnaire

from gateway.validation import check
from mappings.form import CANONICAL, questionnaire
from mappings.form.problems import MISSING, NAMES, WRONG
from mappings.form.questionnaire import help_of, options, questions
from mappings.translate import vocabulary

QUESTIONS = (
    "reason other-reasons situation services what-matters risk risk-types risk-detail phone leave-message "
    "contact-times contact-method language interpreter communication-needs consent consent-reason urgency hub"
)


def test_it_is_valid_fhir() -> None:
    assert check(questionnaire()) == []
    served = Questionnaire.model_validate(copy.deepcopy(questionnaire()))
    assert f"{served.url}|{served.version}" == CANONICAL
    assert (served.status, served.subjectType) == ("active", ["Patient"])


def test_it_has_these_questions() -> None:
    assert list(questions()) == QUESTIONS.split()


def test_a_group_is_required_when_something_in_it_is() -> None:
    """Else a response without the whole group would pass."""
    for group in questionnaire()["item"]:
        needed = [one for one in group["item"] if one.get("required") and "enableWhen" not in one]
        assert group.get("required", False) is bool(needed), group["linkId"]


def test_each_choice_has_the_codes_of_its_vocabulary() -> None:
    sources = {
        "reason": "referral-reason",
        "other-reasons": "referral-reason",
        "services": "prescription-category",
        "risk": "known-risk",
        "risk-types": "risk-type",
        "leave-message": "leave-message",
        "contact-method": "contact-method",
        "consent": "consent-decision",
        "urgency": "urgency",
    }
    for link, name in sources.items():
        codes = vocabulary(name)
        assert list(options(link)) == list(codes.displays), link
        assert {one["system"] for one in options(link).values()} == {codes.url}, link
    assert "answerValueSet" not in str(questionnaire())
    assert {link for link in questions() if options(link)} == set(sources)


def test_texts_are_bounded_and_questions_explained() -> None:
    for link, asked in questions().items():
        if asked["type"] == "text":
            assert asked["maxLength"] == 4000, link
        if asked["type"] != "boolean":
            assert help_of(link), link


def test_each_question_that_can_go_wrong_has_words_for_it() -> None:
    assert set(MISSING) == {link for link, asked in questions().items() if asked.get("required")}
    assert set(WRONG) >= {link for link, asked in questions().items() if asked["type"] == "choice" and options(link)}
    assert set(NAMES) == {link for link, asked in questions().items() if "maxLength" in asked}
