"""The R4 invariants that no schema can say: comparisons, and what stands in other parts of a resource.

The rules of one type are a table: key, text, and a function that yields the FHIRPath of each element at fault.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from gateway.errors import Issue
from gateway.validation.bundles import misplaced_outcomes, same_urls, without_ids
from gateway.validation.narrative import faults
from gateway.validation.schema import Json
from gateway.validation.structure import expression
from gateway.validation.survey import ELE_1, Survey, beside_value, later, locate


def broken(resource: Json, seen: Survey) -> Iterator[Issue]:
    """Findings in a resource by what its survey saw and by the rules of its type."""
    root = resource["resourceType"]
    for node, down, issue in seen.suspects:
        path = locate(resource, node) + down
        if issue is not ELE_1 or not beside_value(resource, path):
            place = expression(root, path)
            yield Issue(issue.code, f"{place} {issue.text}", place)
    if "implicitRules" in resource:
        place = f"{root}.implicitRules"
        yield Issue("not-supported", f"{place}: the gateway knows no implicit rules. Send the resource without.", place)
    text = resource.get("text")
    if isinstance(text, dict) and isinstance(text.get("div"), str):
        place = f"{root}.text.div"
        for fault in faults(text["div"]):
            yield Issue("invariant", f"{place} {fault}. Send plain, safe XHTML.", place)
    for rule in RULES.get(root, ()):
        for place in rule.faults(resource):
            yield Issue(rule.code, f"{place} breaks {rule.key}: {rule.text}.", place)


def _task_inv_1(task: Json) -> Iterator[str]:
    if later(task.get("authoredOn"), task.get("lastModified")):
        yield "Task"


def _obs_7(observation: Json) -> Iterator[str]:
    parts = observation.get("component")
    if isinstance(parts, list) and any(key.startswith("value") for key in observation):
        codes = _codings(observation)
        if any(isinstance(part, dict) and codes & _codings(part) for part in parts):
            yield "Observation"


def _codings(node: Json) -> set[tuple[str, str]]:
    concept = node.get("code")
    listed = concept.get("coding") if isinstance(concept, dict) else None
    return {
        (str(each.get("system")), str(each.get("code")))
        for each in (listed if isinstance(listed, list) else [])
        if isinstance(each, dict)
    }


def _que_2(questionnaire: Json) -> Iterator[str]:
    links: list[object] = []
    todo: list[Any] = [questionnaire]
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            links += [node["linkId"]] if isinstance(node.get("linkId"), str) else []
            items = node.get("item")
            todo += items if isinstance(items, list) else []
    if len(links) != len(set(links)):
        yield "Questionnaire"


class Rule(NamedTuple):
    key: str
    text: str
    faults: Callable[[Json], Iterator[str]]
    code: str = "invariant"


RULES: dict[str, tuple[Rule, ...]] = {
    "Bundle": (
        Rule(
            "bdl-7", "fullUrl must be unique in a Bundle, or the meta.versionId of its entries must differ", same_urls
        ),
        Rule("the rules of a searchset", "what a search finds has an id", without_ids, "required"),
        Rule("the rules of a searchset", "an outcome is an OperationOutcome", misplaced_outcomes, "structure"),
    ),
    "Observation": (
        Rule("obs-7", "with a component of the Observation's own code, the value belongs in that component", _obs_7),
    ),
    "Questionnaire": (Rule("que-2", "the linkId of each item must be unique", _que_2),),
    "Task": (Rule("inv-1", "lastModified must not be before authoredOn", _task_inv_1),),
}
