"""From the parameters of a search to its Bundle (R4 search.html)."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import orjson

from gateway.errors import BadRequest, Issue, quoted, warnings_outcome
from gateway.fhir.exchange import Exchange
from gateway.fhir.search.pages import LONGEST, LONGEST_GIVEN, next_link, open_page
from gateway.finding import Found, Page, Search, include, linked_criteria, search_of
from gateway.ids import instant, now
from gateway.search.criteria import Criterion, in_compartment
from gateway.search.dates import EARLIEST
from gateway.search.query import Given, Query, read_query
from gateway.search.subset import subset
from gateway.store.polls import close_past
from gateway.validation import dump
from mappings.terminology import published

Json = dict[str, Any]


async def searchset(exchange: Exchange, type_: str, given: Given, patient_id: str | None = None) -> Json:
    """The Bundle of one page. With `patient_id` of what is about that patient only.

    Raises BadRequest for what cannot be understood, and under handling=strict for what is not known; TooCostly;
    Forbidden when it would tell of a type that the caller may not search.
    """
    started, organisation = now(), exchange.caller.organisation
    where = type_ if patient_id is None else f"Patient/{patient_id}/{type_}"
    later = open_page(exchange, where, given)
    query = read_query(type_, later["given"] if later else given, exchange.base_url)
    if query.unknown and exchange.strict:
        raise BadRequest(issues=[_unknown(name, type_, "error") for name in query.unknown])
    exchange.require(*(f"system/{one}.s" for one in sorted(query.linked_types)))
    at = datetime.fromisoformat(later["at"]) if later and later["at"] else None
    if query.of_changes and not later:
        at = await close_past(exchange.gateway.store, organisation, type_)
    async with exchange.gateway.store.reading() as connection:
        criteria = query.criteria + await linked_criteria(connection, organisation, query, exchange.base_url, at)
        if patient_id is not None:
            criteria.append(in_compartment(type_, patient_id))
        search = search_of(connection, organisation, query, criteria, at)
        own = [] if later else _published(query, criteria)
        room = query.count - len(own)
        page = await search.page(room, later["place"] if later else None) if room > 0 else Page([])
        total = later["total"] if later else await _total(search, query, page)
        if own and total is not None:
            total += len(own)
        included, whole = await include(
            connection, organisation, query, page.found, lambda one: exchange.caller.allows(f"system/{one}.r")
        )
    links = [{"relation": "self", "url": _address(exchange, where, query, later)}]
    if page.place or (own and query.count and room <= 0):  # what is stored comes after what is the gateway's own
        moves = query.of_changes or any(parameter.name != "_id" for parameter, _ in query.sort)
        content = {"given": query.understood, "place": page.place, "total": total}
        content["at"] = (at or started).isoformat() if moves else None
        links.append(next_link(exchange, where, content, LONGEST if later else LONGEST_GIVEN))
    shown = [*own[: query.count], *page.found]
    entries = [entry(exchange, one, "match", query.summary, query.elements) for one in shown]
    entries += [entry(exchange, one, "include", query.summary) for one in included]
    issues = [] if later else [_unknown(name, type_, "warning") for name in query.unknown]
    if not whole:
        text = "Not all that was to be included fits on this page: ask for less by _count."
        issues.append(Issue("incomplete", text, None, "warning"))
    if issues:
        entries.append({"resource": warnings_outcome(issues), "search": {"mode": "outcome"}})
    made = at if at and query.of_changes else now()  # the next poll may go on from there
    bundle: Json = {"resourceType": "Bundle", "type": "searchset", "meta": {"lastUpdated": instant(made)}}
    if total is not None:
        bundle["total"] = total
    return bundle | {"link": links} | ({"entry": entries} if entries else {})


def _published(query: Query, criteria: list[Criterion]) -> list[Found]:
    """What the gateway itself publishes of the type and what meets the search; it links to nothing stored, and has not
    changed since anybody last asked."""
    if query.of_changes or query.chains or query.reverses:
        return []
    found = {id_: one for id_, one in published(query.type).items() if all(each.judge(one) for each in criteria)}
    return [Found(query.type, id_, 1, EARLIEST, dump(one).decode()) for id_, one in found.items()]


async def _total(search: Search, query: Query, page: Page) -> int | None:
    """How many match, where it is known or asked for (search.html#total)."""
    if not query.count or (query.total == "accurate" and page.total is None):
        return await search.count()
    return None if query.total == "none" else page.total


def _address(exchange: Exchange, where: str, query: Query, later: Json | None) -> str:
    """This search as it was understood (search.html#conformance)."""
    shown = [one for one in query.understood if one[0] != "_count"] + [("_count", str(query.count))]
    return f"{exchange.base_url}/{where}?{urlencode([('_page', later['word'])] if later else shown)}"


def entry(exchange: Exchange, one: Found, mode: str, summary: str = "false", elements: tuple[str, ...] = ()) -> Json:
    """The entry of a searchset; what is shown whole is shown as stored, byte for byte."""
    resource: Any = orjson.Fragment(one.text)
    if elements or summary not in ("false", "count"):
        resource = subset(one.content, summary, elements)
    return {"fullUrl": f"{exchange.base_url}/{one.reference}", "resource": resource, "search": {"mode": mode}}


def _unknown(name: str, type_: str, severity: str) -> Issue:
    return Issue(
        "not-supported",
        f"{quoted(name)} is not a search parameter, or an element, of {type_} here"
        + (" and was left out." if severity == "warning" else ".")
        + " metadata lists those that are.",
        None,
        severity,
    )
