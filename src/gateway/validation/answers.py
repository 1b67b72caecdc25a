"""A QuestionnaireResponse against its Questionnaire (R4 questionnaireresponse.html): items, answers, what is required.

How an answer's own value must be is in answer_values.py, which items are enabled in enablement.py.
"""

from collections.abc import Callable, Iterator

from gateway.errors import Issue, quoted
from gateway.validation.answer_values import Options, extension_values, limits, options_of, value_faults
from gateway.validation.enablement import Given, Way, enabled, objects
from gateway.validation.references import contained, entries
from gateway.validation.schema import Json

Lookup = Callable[[str], Json | None]

_SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-subQuestionnaire"
COMPLETE = ("completed", "amended")  # only of these must all that is required be there


def questionnaire_of(response: Json, container: Json, bundle: Json | None, look_up: Lookup | None) -> Json | None:
    """The Questionnaire that a response names: contained, in the same Bundle, or found by `look_up`."""
    canonical = response.get("questionnaire")
    if not isinstance(canonical, str):
        return None
    if canonical.startswith("#"):
        held = (each for each in contained(container) if f"#{each.get('id')}" == canonical)
        return next((each for each in held if each.get("resourceType") == "Questionnaire"), None)
    url, _, version = canonical.partition("|")
    beside = (entry.get("resource") for entry in entries(bundle or {}))
    for each in beside:
        if (
            isinstance(each, dict)
            and each.get("resourceType") == "Questionnaire"
            and each.get("url") == url
            and (not version or each.get("version") == version)
        ):
            return each
    return look_up(canonical) if look_up else None


def unanswered(response: Json, questionnaire: Json) -> Iterator[Issue]:
    """The findings of a response; expressions start at QuestionnaireResponse."""
    yield from _Reading(response, questionnaire).items(response, questionnaire, "QuestionnaireResponse", ())


class _Reading:
    """One response read along its Questionnaire."""

    def __init__(self, response: Json, questionnaire: Json) -> None:
        self.questionnaire = questionnaire
        self.given = Given(response)
        self.options: dict[int, list[Options]] = {}  # by the identity of the item
        self.complete = response.get("status") in COMPLETE
        self.links = dict(_links(questionnaire))
        self.open = any(extension_values(each, _SDC) for each in self.links.values())  # has items of other ones

    def items(self, node: Json, asked: Json, place: str, way: Way) -> Iterator[Issue]:
        """The items inside `node` (response, group, or answer) against those inside `asked` (Questionnaire or item)."""
        wanted = {str(each.get("linkId")): each for each in objects(asked, "item")}
        order = {link: index for index, link in enumerate(wanted)}
        groups: dict[str, list[tuple[str, Json]]] = {}
        latest = 0
        for index, item in enumerate(_listed(node)):
            link = item.get("linkId")
            if not isinstance(link, str):
                continue  # the schema says so
            here = f"{place}.item[{index}]"
            if link not in wanted:
                yield from self._unknown(link, here, place)
            else:
                if order[link] < latest:
                    yield Issue(
                        "structure", f"{here} comes before its turn. Send items as the Questionnaire has them.", place
                    )
                latest = max(latest, order[link])
                groups.setdefault(link, []).append((here, item))
        for link, question in wanted.items():
            yield from self._question(question, groups.get(link, []), place, way)

    def _unknown(self, link: str, here: str, place: str) -> Iterator[Issue]:
        if link in self.links:
            yield Issue("structure", f"{here} stands elsewhere in the Questionnaire. Put it where it belongs.", place)
        elif not self.open:
            yield Issue("not-found", f"{here}: no item of the Questionnaire has its linkId.", place)

    def _question(self, question: Json, found: list[tuple[str, Json]], place: str, way: Way) -> Iterator[Issue]:
        """One item of the Questionnaire, and the items of the response that are for it."""
        kind = str(question.get("type"))
        on = enabled(question, way, self.given)
        repeats = question.get("repeats") is True
        for number, (here, item) in enumerate(found):
            if number and not repeats:
                yield Issue("structure", f"{here} is there again: its item in the Questionnaire does not repeat.", here)
            if on is False and (item.get("answer") or item.get("item")):
                yield Issue("invariant", f"{here} is answered, though what was answered before disables it.", here)
            yield from self._item(question, kind, item, here, way)
        if on and self.complete and kind != "display":
            yield from self._missing(question, kind, found, place)

    def _item(self, question: Json, kind: str, item: Json, here: str, way: Way) -> Iterator[Issue]:
        below = (*way, id(item))
        answers = objects(item, "answer")
        if kind in ("group", "display", "question"):
            if answers:
                yield Issue("structure", f"{here} is of type {kind}, which has no answers.", here)
            if kind == "display" and "item" in item:
                yield Issue("structure", f"{here} is of type display, which has no items.", here)
            for each in (item, *answers):
                yield from self.items(each, question, here, below)
            return
        if "item" in item:
            yield Issue("structure", f"{here} is a question: its items stand in its answer.", here)
        if len(answers) > 1 and question.get("repeats") is not True:
            yield Issue("structure", f"{here} takes one answer only.", here)
        for most in limits(question, "questionnaire-maxOccurs"):
            if len(answers) > most:
                yield Issue("structure", f"{here} takes {most} answers at most.", here)
        for index, answer in enumerate(answers):
            place = f"{here}.answer[{index}]"
            for fault in dict.fromkeys(value_faults(question, answer, self._options(question))):
                yield Issue("invariant", f"{place}.value {fault}", f"{place}.value")
            yield from self.items(answer, question, place, below)

    def _options(self, question: Json) -> list[Options]:
        if id(question) not in self.options:
            self.options[id(question)] = options_of(question, self.questionnaire)
        return self.options[id(question)]

    def _missing(self, question: Json, kind: str, found: list[tuple[str, Json]], place: str) -> Iterator[Issue]:
        """What an enabled item of a complete response lacks."""
        named = f"the item {quoted(str(question.get('linkId')))} of the Questionnaire"
        at = found[0][0] if found else place
        part = "item" if kind == "group" else "answer"
        count = sum(len(objects(item, part)) if part == "answer" else bool(item.get(part)) for _, item in found)
        if question.get("required") is True and not count:
            yield Issue("required", f"{at}: {named} is required. Answer it, or send the response as in-progress.", at)
        for least in limits(question, "questionnaire-minOccurs"):
            if count < least and (count or question.get("required") is not True):
                yield Issue("required", f"{at}: {named} needs {least} answers at least.", at)


def _listed(node: Json) -> list[Json]:
    """The items in their places, an empty one for what is no object, so that indexes hold."""
    items = node.get("item")
    return [each if isinstance(each, dict) else {} for each in items] if isinstance(items, list) else []


def _links(questionnaire: Json) -> Iterator[tuple[str, Json]]:
    todo = [questionnaire]
    for node in todo:  # it grows as it goes
        for item in objects(node, "item"):
            yield str(item.get("linkId")), item
            todo.append(item)
