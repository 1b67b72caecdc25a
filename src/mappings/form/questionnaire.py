"""The Questionnaire of the referral form, as it is served.

`referral.Questionnaire.json` names our own value sets; served, each choice has its options written out, because few
clients can expand a value set. So the codes stand in `maps/*.CodeSystem.json` alone. Source: R4 questionnaire.html.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from mappings.systems import BASE, HUB_SYSTEM
from mappings.translate import vocabulary

Json = dict[str, Any]

FOLDER = Path(__file__).parent
ID = "referral"  # of the Questionnaire at the FHIR door; ids that the gateway gives are UUIDs
VALUE_SET = f"{BASE}:ValueSet:"


def read(name: str) -> Json:
    content: Json = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return content


_SOURCE = read("referral.Questionnaire")
URL: str = _SOURCE["url"]
CANONICAL = f"{URL}|{_SOURCE['version']}"


@cache
def questionnaire() -> Json:
    """The Questionnaire with all options. It is shared: do not change it."""
    return _with_options(_SOURCE)


def is_ours(response: Json) -> bool:
    """Whether a QuestionnaireResponse answers this form, in whatever version."""
    named = response.get("questionnaire")
    return isinstance(named, str) and named.partition("|")[0] == URL


@cache
def questions() -> dict[str, Json]:
    """linkId -> item of each question, in the order of the form; groups and help texts are none."""
    return {item["linkId"]: item for item in _items(questionnaire()) if item["type"] not in ("group", "display")}


def help_of(link: str) -> str | None:
    """The help text of a question."""
    shown = (one["text"] for one in questions()[link].get("item", []) if one["type"] == "display")
    return next(shown, None)


@cache
def options(link: str) -> dict[str, Json]:
    """code -> Coding of each option of a question; empty where there is no list (a hub, a text)."""
    return {one["valueCoding"]["code"]: one["valueCoding"] for one in questions()[link].get("answerOption", [])}


def coding(link: str, answer: str) -> Json | None:
    """The Coding that an answer stands for; None for words of one's own.

    Which hubs there are is not said by the Questionnaire: any id is taken, and judged by who knows them.
    """
    if link == "hub":
        return {"system": HUB_SYSTEM, "code": answer}
    return options(link).get(answer)


def _with_options(node: Json) -> Json:
    made = {key: value for key, value in node.items() if key not in ("answerValueSet", "item")}
    if "answerValueSet" in node:
        codes = vocabulary(node["answerValueSet"].removeprefix(VALUE_SET))
        made["answerOption"] = [
            {"valueCoding": {"system": codes.url, "code": code, "display": display}}
            for code, display in codes.displays.items()
        ]
    if "item" in node:
        made["item"] = [_with_options(one) for one in node["item"]]
    return made


def _items(node: Json) -> Iterator[Json]:
    for item in node.get("item", []):
        yield item
        yield from _items(item)
