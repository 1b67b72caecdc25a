"""References inside one resource, to what it contains, and between the entries of a Bundle (R4 references.html)."""

import re
from collections.abc import Iterator
from typing import Any

from gateway.errors import Issue
from gateway.validation.schema import Json, targets
from gateway.validation.structure import expression
from gateway.validation.survey import Survey, locate

_NAMED_TYPE = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)/[A-Za-z0-9.-]{1,64}(?:/_history/[A-Za-z0-9.-]{1,64})?$")


def contained(resource: Json) -> list[Json]:
    inside = resource.get("contained")
    return [each for each in inside if isinstance(each, dict)] if isinstance(inside, list) else []


def entries(bundle: Json) -> list[Json]:
    """The entries of a Bundle, an empty one in place of what is no object, so that indexes hold."""
    listed = bundle.get("entry")
    return [each if isinstance(each, dict) else {} for each in listed] if isinstance(listed, list) else []


def entry_types(bundle: Json) -> dict[str, str]:
    """fullUrl -> type of each entry that has both."""
    pairs = ((entry.get("fullUrl"), entry.get("resource")) for entry in entries(bundle))
    return {
        url: str(resource.get("resourceType"))
        for url, resource in pairs
        if isinstance(url, str) and isinstance(resource, dict)
    }


def misled(resource: Json, seen: Survey, container: Json, named: dict[str, str]) -> Iterator[Issue]:
    """References that lead nowhere inside the container (ref-1), or to a type that the element may not have.

    `named`: fullUrl -> type of the entries of the Bundle that the resource is in.
    """
    if not seen.references:
        return
    root = resource["resourceType"]
    allowed = targets(root)
    held = {}
    if any(str(node["reference"]).startswith("#") for _, node in seen.references):
        held = {f"#{each.get('id')}": str(each.get("resourceType")) for each in contained(container)}
        held["#"] = container["resourceType"]
    for name, node in seen.references:
        target = node["reference"]
        if not isinstance(target, str):
            continue
        kind = named.get(target) if target.startswith("urn:") else held.get(target)
        if kind is None and target.startswith("#"):
            place = expression(root, locate(resource, node))
            yield Issue("invariant", f"{place} breaks ref-1: no contained resource has the id it names.", place)
        elif kind and name in allowed and kind not in allowed[name]:
            place = expression(root, locate(resource, node))
            yield Issue("structure", f"{place} may refer only to: {', '.join(sorted(allowed[name]))}.", place)
        if "type" in node and not _consistent(node["type"], kind, target):
            place = expression(root, locate(resource, node))
            yield Issue(
                "structure", f"{place}.type is not the type that its reference leads to. Send one of them.", place
            )


def _consistent(declared: object, kind: str | None, target: str) -> bool:
    """Whether Reference.type fits what Reference.reference leads to, as far as that can be seen (both SHALL fit)."""
    if kind is None:
        found = _NAMED_TYPE.search(target)
        kind = found[1] if found else None
    return kind is None or not isinstance(declared, str) or declared.rpartition("/")[2].lower() == kind.lower()


def contained_faults(resource: Json, seen: Survey) -> Iterator[Issue]:
    """dom-2 to dom-5 (domainresource.html#invs), and one id for each (resource.html#id)."""
    inside = contained(resource)
    if not inside:
        return
    root = resource["resourceType"]
    named = {node["reference"] for _, node in seen.references if isinstance(node["reference"], str)}
    if not all(f"#{each.get('id')}" in named for each in inside):
        named = set(_fragments(resource))  # by a uri or canonical too, or by each other: a search through all of it
    ids: set[str] = set()
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
        if isinstance(each.get("id"), str):
            if each["id"] in ids:
                yield Issue("business-rule", f"{place} has the id of another contained resource.", place)
            ids.add(each["id"])


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
