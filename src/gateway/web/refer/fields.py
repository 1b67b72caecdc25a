"""The questions of the form as a page shows them: made from the Questionnaire, so that it is the one to change."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mappings.form import Answers, Problem, questionnaire
from mappings.translate import vocabulary

Json = dict[str, Any]

# How a choice is shown; the others are radios, or checkboxes where several may be chosen.
SELECTS = {"reason": "select", "hub": "select"}
ROWS = {"situation": 5, "risk-detail": 4, "what-matters": 3}
FOLDED = {"other-reasons", "services", "contact-times", "contact-method", "hub"}  # what most referrals do without
FOLDED_SECTIONS = {"communication"}
HELP = {"reason": "referral-reason", "other-reasons": "referral-reason"}  # each option explained by its definition


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    text: str
    hint: str | None = None
    words: str | None = None  # other words by which it is found


@dataclass(frozen=True, slots=True)
class Field:
    """One question. `control` is select, radios, checkboxes, text or textarea; `inside` are questions that are asked
    when the answer is the key."""

    id: str
    label: str
    control: str
    hint: str | None = None
    required: bool = False
    options: list[Option] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)  # of an open choice: what is none of the options
    problem: str | None = None
    rows: int = 3
    longest: int | None = None
    folded: bool = False
    inside: dict[str, list["Field"]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    fields: list[Field]
    folded: bool = False

    @property
    def is_answered(self) -> bool:
        return any(one.values or one.required for one in self.fields)


def sections_of(answers: Answers, problems: Iterable[Problem], hubs: Iterable[Option]) -> list[Section]:
    """The form with these answers and problems, and these hubs to choose from."""
    told = {one.link_id: one.text for one in problems}
    sections = []
    for group in questionnaire()["item"]:
        asked = [item for item in group["item"] if item["type"] != "display"]
        fields = {item["linkId"]: _field(item, answers, told, list(hubs)) for item in asked}
        for item in asked:
            for condition in item.get("enableWhen", []):
                outer = fields[condition["question"]]
                outer.inside.setdefault(condition["answerCoding"]["code"], []).append(fields[item["linkId"]])
        shown = [fields[item["linkId"]] for item in asked if "enableWhen" not in item]
        untouched = not any(one.values or one.problem for one in shown)
        sections.append(Section(group["text"], shown, group["linkId"] in FOLDED_SECTIONS and untouched))
    return sections


def _field(item: Json, answers: Answers, told: Mapping[str, str], hubs: list[Option]) -> Field:
    id_, type_ = item["linkId"], item["type"]
    options = hubs if id_ == "hub" else _options(item)
    values = [_shown(one) for one in answers.get(id_, [])]
    known = {one.value for one in options}
    return Field(
        id_,
        item["text"],
        _control(item),
        hint=next((one["text"] for one in item.get("item", []) if one["type"] == "display"), None),
        required=bool(item.get("required")),
        options=options,
        values=values,
        others=[one for one in values if one not in known] if type_ == "open-choice" else [],
        problem=told.get(id_),
        rows=ROWS.get(id_, 2),
        longest=item.get("maxLength"),
        folded=id_ in FOLDED and not told.get(id_) and not values,
    )


def _options(item: Json) -> list[Option]:
    if item["type"] == "boolean":
        return [Option("yes", "Yes"), Option("no", "No")]
    known = vocabulary(HELP[item["linkId"]]) if item["linkId"] in HELP else None
    hints, words = (known.definitions, known.search_words) if known else ({}, {})
    codings = [one["valueCoding"] for one in item.get("answerOption", [])]
    return [Option(one["code"], one["display"], hints.get(one["code"]), words.get(one["code"])) for one in codings]


def _control(item: Json) -> str:
    if item["linkId"] in SELECTS:
        return SELECTS[item["linkId"]]
    if item["type"] in ("choice", "open-choice", "boolean"):
        return "checkboxes" if item.get("repeats") else "radios"
    return "textarea" if item["type"] == "text" else "text"


def _shown(answer: str | bool) -> str:
    return {True: "yes", False: "no"}[answer] if isinstance(answer, bool) else answer


def in_words(field_: Field) -> list[str]:
    """The answers as the review shows them."""
    names = {one.value: one.text for one in field_.options}
    return [names.get(one, one) for one in field_.values]
