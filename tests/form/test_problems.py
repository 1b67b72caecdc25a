"""What is missing or contradictory before a referral can be sent, in the words of the error summary."""

import pytest
from tests.form.people import ALL, LEAST

from mappings.form import Answers, problems


def told(answers: Answers) -> list[tuple[str, str]]:
    return [(one.link_id, one.text) for one in problems(answers)]


def test_the_least_that_can_be_sent() -> None:
    assert told(LEAST) == []
    assert told(ALL) == []


def test_an_empty_form() -> None:
    assert told({}) == [
        ("reason", "Select the main reason for this referral"),
        ("risk", "Select whether there are known risks"),
        ("consent", "Select whether the person agrees to this referral"),
        ("urgency", "Select how soon somebody should get in touch"),
    ]


@pytest.mark.parametrize(
    ("changed", "link", "starts"),
    [
        ({"risk": ["known"]}, "risk-detail", "Enter what the link worker needs to know about the risks"),
        ({"risk-detail": ["A dog"]}, "risk", "You selected no known risks but described one."),
        ({"risk-types": ["other"]}, "risk", "You selected no known risks but described one."),
        ({"consent": ["deny"]}, "consent", "Consent: a referral cannot be sent without the person's agreement."),
        (
            {"consent": ["permit"], "consent-reason": ["In a hurry"]},
            "consent-reason",
            "You gave a reason for not asking.",
        ),
        ({"contact-method": ["phone"]}, "contact-method", "Enter a phone number that is safe to use"),
        ({"interpreter": [True]}, "interpreter", "Enter the language"),
        ({"phone": ["ask her sister"]}, "phone", "Enter a phone number, like 01632 960 001"),
        ({"phone": ["07700 900123", "01632 960001"]}, "phone", "The phone number must be answered once"),
        ({"situation": ["x" * 4001]}, "situation", "What is happening must be 4,000 characters or fewer"),
        ({"other-reasons": ["housing", "pets"]}, "other-reasons", "Select other reasons from the list"),
        ({"urgency": ["stat"]}, "urgency", "Select how soon"),
        ({"urgency": ["soon", "urgent"]}, "urgency", "Select how soon"),
        ({"interpreter": ["perhaps"]}, "interpreter", "Select whether the person needs an interpreter"),
        ({"hub": ["a", "b"]}, "hub", "The hub must be answered once"),
        ({"language": [True]}, "language", "The language must be answered once"),
    ],
)
def test_one_thing_wrong(changed: Answers, link: str, starts: str) -> None:
    [(found, text)] = told(LEAST | changed)

    assert found == link
    assert text.startswith(starts)


def test_a_person_who_was_not_asked() -> None:
    answers = LEAST | {"consent": ["not-asked"]}

    assert [link for link, _ in told(answers)] == ["consent", "consent-reason"]
    assert [link for link, _ in told(answers | {"consent-reason": ["Asleep"]})] == ["consent"]


@pytest.mark.parametrize(
    "phone", ["07700 900123", "+44 7700 900123", "(01632) 960 001", "01632-960001 ext 12", "01632960001 x4"]
)
def test_numbers_that_can_be_rung(phone: str) -> None:
    assert told(LEAST | {"phone": [phone]}) == []
