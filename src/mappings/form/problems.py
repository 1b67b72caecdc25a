"""What keeps answers from being sent: each with the question it is about, in words for an error summary (NHS.UK)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mappings.form.answers import Answer
from mappings.form.questionnaire import options, questions

MISSING = {
    "reason": "Select the main reason for this referral",
    "risk": "Select whether there are known risks",
    "risk-detail": "Enter what the link worker needs to know about the risks",
    "consent": "Select whether the person agrees to this referral",
    "consent-reason": "Enter why the person has not been asked yet",
    "urgency": "Select how soon somebody should get in touch",
}
WRONG = {  # when the answer is none of the options
    "reason": "Select the main reason for this referral from the list",
    "other-reasons": "Select other reasons from the list",
    "risk": "Select whether there are known risks",
    "risk-types": "Select kinds of risk from the list",
    "leave-message": "Select whether it is safe to leave a message",
    "contact-method": "Select how the person wants to be contacted first",
    "consent": "Select whether the person agrees to this referral",
    "urgency": "Select how soon somebody should get in touch",
    "interpreter": "Select whether the person needs an interpreter",
}
NAMES = {  # of what is written, in "... must be 4,000 characters or fewer"
    "situation": "What is happening",
    "services": "The name of a service",
    "what-matters": "What matters to the person",
    "risk-detail": "What the link worker needs to know about the risks",
    "phone": "The phone number",
    "contact-times": "When to get in touch",
    "language": "The language",
    "communication-needs": "What helps the person to communicate",
    "consent-reason": "Why the person has not been asked",
}
REFUSED = (
    "Consent: a referral cannot be sent without the person's agreement. Do not send it, and tell them why you asked"
)
NOT_ASKED = "Consent: a referral cannot be sent before the person agrees. Save it as a draft, and ask them"
PHONE = re.compile(r"(?=(?:\D*\d){7})\+?[\d ()./-]+(?:(?:ext|x)[. ]*\d{1,6})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Problem:
    link_id: str
    text: str


def problems(answers: Mapping[str, list[Answer]]) -> list[Problem]:
    """What is missing, not to be read, or at odds with another answer, in the order of the form; one for a question.

    Empty: a completed response of these answers is valid, and may be sent. Questions that the form does not have are
    not looked at.
    """
    return [Problem(link, text) for link in questions() if (text := _problem(link, answers))]


def _problem(link: str, answers: Mapping[str, list[Answer]]) -> str | None:
    return next(_texts(link, answers), None)


def _texts(link: str, answers: Mapping[str, list[Answer]]) -> Iterator[str]:
    asked, given = questions()[link], answers.get(link, [])
    if asked.get("required") and not given and _is_asked(link, answers):
        yield MISSING[link]
    yield from _unreadable(link, given)
    yield from _at_odds(link, given, answers)


def _unreadable(link: str, given: list[Answer]) -> Iterator[str]:
    asked = questions()[link]
    if asked["type"] == "boolean":
        if any(not isinstance(one, bool) for one in given) or len(given) > 1:
            yield WRONG[link]
        return
    texts = [one for one in given if isinstance(one, str) and one.strip()]
    if len(texts) < len(given) or (len(given) > 1 and not asked.get("repeats")):
        yield WRONG.get(link) or f"{NAMES.get(link, 'The hub')} must be answered once, in words"
    if asked["type"] == "choice" and options(link) and not set(texts) <= options(link).keys():
        yield WRONG[link]
    most = asked.get("maxLength")
    if most and any(len(one) > most for one in texts):
        yield f"{NAMES[link]} must be {most:,} characters or fewer"
    if link == "phone" and any(not PHONE.fullmatch(one) for one in texts):
        yield "Enter a phone number, like 01632 960 001, 07700 900 982 or +44 808 157 0192"


def _at_odds(link: str, given: list[Answer], answers: Mapping[str, list[Answer]]) -> Iterator[str]:
    if link == "risk" and given == ["none-known"] and (answers.get("risk-types") or answers.get("risk-detail")):
        yield "You selected no known risks but described one. Select that there are known risks, or clear the details"
    if link in ("risk-types", "risk-detail") and given and not answers.get("risk"):
        yield "Select whether there are known risks before you describe one"
    if link == "contact-method" and given in (["phone"], ["text"]) and not answers.get("phone"):
        yield "Enter a phone number that is safe to use, or select another way to contact the person"
    if link == "interpreter" and given == [True] and not answers.get("language"):
        yield "Enter the language that the person needs an interpreter for"
    if link == "consent" and given == ["deny"]:
        yield REFUSED
    if link == "consent" and given == ["not-asked"]:
        yield NOT_ASKED
    if link == "consent-reason" and given and answers.get("consent") not in (None, [], ["not-asked"]):
        yield "You gave a reason for not asking. Clear it, or select that the person has not been asked yet"


def _is_asked(link: str, answers: Mapping[str, list[Answer]]) -> bool:
    """Whether the conditions of a question are met: all of them, each that another has a certain answer."""
    conditions = questions()[link].get("enableWhen", [])
    return all(one["answerCoding"]["code"] in answers.get(one["question"], []) for one in conditions)
