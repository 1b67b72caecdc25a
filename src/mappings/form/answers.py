"""Answers by linkId, as a page has them, to and from a QuestionnaireResponse (R4 questionnaireresponse.html)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mappings.form.questionnaire import CANONICAL, coding, questionnaire, questions
from mappings.systems import BASE

Json = dict[str, Any]
Answer = str | bool
Answers = dict[str, list[Answer]]  # linkId -> codes, texts, or yes and no; what is not answered is not there

POPULATED_BY = f"{BASE}:StructureDefinition:populated-by"  # on an item: the row of populate.json that suggested it
CODE = re.compile(r"[^\s]+( [^\s]+)*")  # R4 datatypes.html#code
UNSENDABLE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]"
)  # no R4 string holds them, nor UTF-8 lone halves
YES_NO = {"true": True, "yes": True, "false": False, "no": False}


def answers_from_form(fields: Iterable[tuple[str, str]]) -> Answers:
    """The fields of a posted form: blanks are no answers, signs that no text may hold are taken out, and so are fields
    that the form does not have. A choice that is not in its list stays, for `problems` to tell of."""
    answers: Answers = {}
    for link, sent in fields:
        text = UNSENDABLE.sub("", sent).replace("\r\n", "\n").strip()
        if link not in questions() or not text:
            continue
        answer = YES_NO.get(text, text) if questions()[link]["type"] == "boolean" else text
        if answer not in answers.setdefault(link, []):
            answers[link].append(answer)
    return answers


def answers_of(response: Json) -> Answers:
    """The answers in a response, at whatever depth; of what is no answer to a question of this form, nothing."""
    answers: Answers = {}
    for item in _items(response):
        link, given = item.get("linkId"), [_plain(one) for one in item.get("answer", [])]
        if link in questions() and (values := [one for one in given if one is not None]):
            answers.setdefault(link, []).extend(values)
    return answers


def response_from(
    answers: Mapping[str, list[Answer]],
    *,
    at: str | None = None,
    status: str = "in-progress",
    subject: Json | None = None,
    author: Json | None = None,
    sources: Mapping[str, list[str]] | None = None,
) -> Json:
    """The QuestionnaireResponse, its items in the order of the form.

    `at` is a dateTime with its zone; subject and author are References; `sources` says for a linkId which rows of
    populate.json suggested the answer. An answer outside its list becomes a Coding of its words alone, which no
    judgement by the Questionnaire lets pass.
    """
    around = {"authored": at, "subject": subject, "author": author}
    return {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": CANONICAL,
        "status": status,
        **{name: value for name, value in around.items() if value is not None},
    } | _answered(questionnaire(), answers, sources or {})


def without_reach(response: Json) -> Json:
    """The response without the number by which the person is reached; the same object when it has none.

    What comes unchecked may have any shape.
    """
    kept = _without(response, "phone")
    return response if kept == response else kept


def _without(node: Any, link: str) -> Any:
    if isinstance(node, list):
        return [_without(one, link) for one in node if not (isinstance(one, dict) and one.get("linkId") == link)]
    if isinstance(node, dict):
        parts = ((part, _without(one, link) if part in ("item", "answer") else one) for part, one in node.items())
        return {part: one for part, one in parts if one != []}
    return node


def _answered(node: Json, answers: Mapping[str, list[Answer]], sources: Mapping[str, list[str]]) -> Json:
    """{"item": [...]} with what is answered below this node; {} when nothing is."""
    items: list[Json] = []
    for asked in node["item"]:
        link = asked["linkId"]
        item: Json = {"linkId": link, "text": asked["text"]}
        if asked["type"] == "group":
            inside = _answered(asked, answers, sources)
        else:
            inside = {"answer": [_valued(asked, one) for one in answers.get(link, [])]}
            if rows := sources.get(link):
                item["extension"] = [{"url": POPULATED_BY, "valueString": row} for row in rows]
        if any(inside.values()):
            items.append(item | inside)
    return {"item": items} if items else {}


def _valued(asked: Json, answer: Answer) -> Json:
    if isinstance(answer, bool):
        return {"valueBoolean": answer}
    if asked["type"] in ("choice", "open-choice"):
        if CODE.fullmatch(answer) and (found := coding(asked["linkId"], answer)):
            return {"valueCoding": found}
        if asked["type"] == "choice":
            return {"valueCoding": {"display": answer}}
    return {"valueString": answer}


def _plain(answer: Json) -> Answer | None:
    """A Coding by its code, or its words where it has none; a text or a yes or no as it is."""
    value = next((one for key, one in answer.items() if key.startswith("value")), None)
    if isinstance(value, dict):
        value = value.get("code") or value.get("display")
    return value if isinstance(value, str | bool) else None


def _items(node: Json) -> Iterator[Json]:
    for item in node.get("item", []):
        yield item
        for inner in (item, *item.get("answer", [])):
            yield from _items(inner)
