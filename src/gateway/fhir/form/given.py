"""What came with a question about the form: its Parameters, and where the references in them lead."""

from collections.abc import Mapping
from typing import Any

from gateway.errors import Issue, Rejected
from gateway.fhir.arrivals import KEPT, current
from gateway.fhir.exchange import Exchange

Json = dict[str, Any]

MOST_GIVEN = 200  # resources in one Parameters


def parameters(body: Json, known: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str, Any]]:
    """(name, place, value) of each parameter; `known` says for a name which elements may hold its value.

    Raises Rejected for a name that is not known, and for one without a value.
    """
    found, issues = list[tuple[str, str, Any]](), list[Issue]()
    for index, one in enumerate(body.get("parameter", [])):
        name, at = one["name"], f"Parameters.parameter[{index}]"
        value = next((one[element] for element in known.get(name, ()) if element in one), None)
        if name not in known:
            issues.append(Issue("not-supported", f"{at} is none of: {', '.join(sorted(known))}.", at))
        elif value is None:
            issues.append(Issue("required", f"{at}: {name} needs a {' or '.join(known[name])}.", at))
        found.append((name, at, value))
    if issues:
        raise Rejected(issues=issues)
    return found


def refusal(text: str, code: str = "invalid", expression: str | None = None) -> Rejected:
    return Rejected(issues=[Issue(code, text, expression)])


async def follow(exchange: Exchange, reference: Json | None, given: list[Json], holder: Json) -> Json | None:
    """The resource that a Reference leads to: contained in its holder, among those given (by Type/id), or stored by the
    caller's organisation. None when there is none; Forbidden when it is stored and the caller may not read its type."""
    name = (reference or {}).get("reference", "")
    if name.startswith("#"):
        return next((one for one in holder.get("contained", []) if f"#{one.get('id')}" == name), None)
    short = name.removeprefix(f"{exchange.base_url}/").partition("/_history/")[0]
    for one in given:
        if short and short == f"{one['resourceType']}/{one.get('id')}":
            return one
    type_ = short.partition("/")[0]
    if "/" not in short or type_ not in KEPT:
        return None
    exchange.require(f"system/{type_}.r")
    return await current(exchange, short)
