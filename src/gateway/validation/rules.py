"""The R4 invariants that no schema can say: comparisons, references, and what stands in other resources.

The rules of one type are a table: key, text, and a function that yields the FHIRPath of each element at fault.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from gateway.errors import Issue
from gateway.validation.narrative import unsafe
from gateway.validation.structure import expression
from gateway.validation.survey import Json, Survey, later, locate


def broken(resource: Json, seen: Survey) -> Iterator[Issue]:
    """Findings in a resource by what its survey saw and by the rules of its type."""
    root = resource["resourceType"]
    for node, down, issue in seen.suspects:
        place = expression(root, locate(resource, node) + down)
        yield Issue(issue.code, f"{place} {issue.text}", place)
    if "implicitRules" in resource:
        place = f"{root}.implicitRules"
        yield Issue("not-supported", f"{place}: the gateway knows no implicit rules. Send the resource without.", place)
    text = resource.get("text")
    if isinstance(text, dict) and isinstance(text.get("div"), str) and (fault := unsafe(text["div"])):
        place = f"{root}.text.div"
        yield Issue("invariant", f"{place} {fault} (txt-1). Send plain, safe XHTML.", place)
    for rule in RULES.get(root, ()):
        for place in rule.faults(resource):
            yield Issue(rule.code, f"{place} breaks {rule.key}: {rule.text}.", place)


def unresolved(resource: Json, seen: Survey, container: Json, urls: set[str] | None) -> Iterator[Issue]:
    """Local references that lead nowhere: #id outside the container's contained (ref-1), urn:... outside the Bundle."""
    if not seen.local:
        return
    held: set[str] = set()
    for node in seen.local:
        target: str = node["reference"]
        if target.startswith("#"):
            held = held or {"#", *(f"#{each.get('id')}" for each in contained(container))}
            if target not in held:
                place = expression(resource["resourceType"], locate(resource, node))
                yield Issue("invariant", f"{place} breaks ref-1: no contained resource has the id it names.", place)
        elif urls is not None and target not in urls:
            place = expression(resource["resourceType"], locate(resource, node))
            yield Issue("not-found", f"{place} refers to a urn: that is the fullUrl of no entry of the Bundle.", place)


def contained(resource: Json) -> list[Json]:
    inside = resource.get("contained")
    return [each for each in inside if isinstance(each, dict)] if isinstance(inside, list) else []


def entries(bundle: Json) -> list[Json]:
    """The entries of a Bundle, an empty one in place of what is no object, so that indexes hold."""
    listed = bundle.get("entry")
    return [each if isinstance(each, dict) else {} for each in listed] if isinstance(listed, list) else []


def contained_faults(resource: Json, seen: Survey) -> Iterator[Issue]:
    """dom-2 to dom-5 (domainresource.html#invs)."""
    inside = contained(resource)
    if not inside:
        return
    root = resource["resourceType"]
    named = {node["reference"] for node in seen.local}
    if not all(f"#{each.get('id')}" in named for each in inside):
        named = set(_fragments(resource))  # by a uri or canonical too, or by each other: a search through all of it
    for index, each in enumerate(inside):
        place = f"{root}.contained[{index}]"
        meta = each.get("meta")
        meta = meta if isinstance(meta, dict) else {}
        if "contained" in each:
            yield Issue("invariant", f"{place} breaks dom-2: a contained resource contains none itself.", place)
        if f"#{each.get('id')}" not in named and "#" not in _fragments(each):
            yield Issue("invariant", f"{place} breaks dom-3: nothing in the resource refers to it.", place)
        if "versionId" in meta or "lastUpdated" in meta:
            yield Issue("invariant", f"{place} breaks dom-4: it has no version or time of its own.", place)
        if "security" in meta:
            yield Issue("invariant", f"{place} breaks dom-5: it has no security label of its own.", place)


def _fragments(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if value.startswith("#"):
            yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _fragments(each)
    elif isinstance(value, list):
        for each in value:
            yield from _fragments(each)


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


def _bdl_7(bundle: Json) -> Iterator[str]:
    if bundle.get("type") == "history":
        return
    seen = set()
    for entry in entries(bundle):
        url = entry.get("fullUrl")
        if isinstance(url, str):
            resource = entry.get("resource")
            meta = resource.get("meta") if isinstance(resource, dict) else None
            named = (url, str(meta.get("versionId")) if isinstance(meta, dict) else "None")
            if named in seen:
                yield "Bundle"
                return
            seen.add(named)


def _overlap(bundle: Json) -> Iterator[str]:
    if bundle.get("type") != "transaction":
        return
    seen = set()
    for index, entry in enumerate(entries(bundle)):
        request = entry.get("request")
        if not isinstance(request, dict):
            continue
        method, url = request.get("method"), request.get("url")
        if method == "POST":
            query = request.get("ifNoneExist")
            identity = f"{url}?{query}" if query else entry.get("fullUrl")
        else:
            identity = url if method in ("PUT", "PATCH", "DELETE") else None
        if not isinstance(identity, str):
            continue
        if identity in seen:
            yield f"Bundle.entry[{index}].request"
        seen.add(identity)


class Rule(NamedTuple):
    key: str
    text: str
    faults: Callable[[Json], Iterator[str]]
    code: str = "invariant"


RULES: dict[str, tuple[Rule, ...]] = {
    "Bundle": (
        Rule("bdl-7", "fullUrl must be unique in a Bundle, or the meta.versionId of its entries must differ", _bdl_7),
        Rule("the transaction rules", "no two entries may change the same resource", _overlap, "duplicate"),
    ),
    "Observation": (
        Rule("obs-7", "with a component of the Observation's own code, the value belongs in that component", _obs_7),
    ),
    "Questionnaire": (Rule("que-2", "the linkId of each item must be unique", _que_2),),
    "Task": (Rule("inv-1", "lastModified must not be before authoredOn", _task_inv_1),),
}
