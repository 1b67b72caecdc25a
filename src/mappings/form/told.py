"""Whether the resources of a referral say what the answers to the form say, so that nobody has to read them twice.

Made by `extract` they do. Whoever sends the answers beside a request of their own may say something there that stands
nowhere else, such as a risk: then the answers are shown as a document.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from mappings.form.answers import answers_of
from mappings.form.questionnaire import is_ours
from mappings.translate import code_map

Json = dict[str, Any]

# Those that rows of maps/referral.fields.json read from the form itself.
READ = frozenset(
    {"phone", "leave-message", "contact-times", "contact-method", "language", "interpreter", "communication-needs"}
)


def is_answered(resource: Json) -> bool:
    """Whether it is a completed response to our form."""
    return (
        resource.get("resourceType") == "QuestionnaireResponse"
        and resource.get("status") in ("completed", "amended")
        and is_ours(resource)
    )


def is_told(response: Json, others: Iterable[Json]) -> bool:
    """Whether each answer stands in the other resources too, or is read from the form."""
    beside = [one for one in others if one is not response]
    said = {text for one in beside for text in _texts(one)}
    answers = answers_of(response)
    for link, given in answers.items():
        if link in READ:
            continue
        if link in ("consent", "urgency"):
            if len(given) != 1 or given[0] not in set(_decided(link, beside)):
                return False
        elif given == ["known"] and link == "risk" and "risk-detail" in answers:
            continue  # the detail tells
        elif not set(given) <= said:
            return False
    return True


def _decided(link: str, beside: list[Json]) -> Iterator[str | None]:
    """What the other resources say of it, as a code of the form."""
    for one in beside:
        if link == "consent" and one.get("resourceType") == "Consent":
            yield (one.get("provision") or {}).get("type")
        elif link == "urgency" and one.get("resourceType") == "ServiceRequest":
            found = code_map("priority").concept(one.get("priority"))
            yield found.code if found else None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(each)
