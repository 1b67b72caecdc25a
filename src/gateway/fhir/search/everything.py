"""Patient/[id]/$everything (R4 patient-operation-everything.html): the patient, all that is about them, and what that
refers to, page by page."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import BadRequest, quoted
from gateway.fhir.arrivals import KEPT
from gateway.fhir.exchange import Exchange, Json, open_exchange
from gateway.fhir.search.door import check_patient
from gateway.fhir.search.pages import next_link, open_page
from gateway.fhir.search.searchset import entry
from gateway.finding import Wanted, about_patient, beside
from gateway.ids import instant, now
from gateway.messages import Answer
from gateway.search.dates import EARLIEST, LATEST, Span, span_of
from gateway.search.query import MOST, PAGE, Given
from gateway.validation import dump

KNOWN = frozenset({"start", "end", "_since", "_type", "_count", "_page", "_format", "_pretty"})


async def everything(request: Request) -> Response:
    exchange = await open_exchange(request)
    exchange.require("system/Patient.r")
    patient_id = request.path_params["id"]
    await check_patient(exchange, patient_id)
    given = request.query_params.multi_items()
    if exchange.strict and (unknown := sorted({name for name, _ in given} - KNOWN)):
        raise BadRequest(f"$everything takes start, end, _since, _type and _count, not {quoted(unknown[0])}.")
    where = f"Patient/{patient_id}/$everything"
    later = open_page(exchange, where, given)
    given = later["given"] if later else given
    wanted = _read(exchange, given)
    wanted.after = (later["place"][0], later["place"][1]) if later else None
    async with exchange.gateway.store.reading() as connection:
        found, more = await about_patient(connection, exchange.caller.organisation, patient_id, wanted)
        others = await beside(connection, exchange.caller.organisation, found, wanted.types)
    shown = urlencode([("_page", later["word"])] if later else [one for one in given if one[0] in KNOWN])
    links = [{"relation": "self", "url": f"{exchange.base_url}/{where}{'?' if shown else ''}{shown}"}]
    if more:
        links.append(next_link(exchange, where, {"given": given, "place": [found[-1].type, found[-1].id]}))
    made = {"lastUpdated": instant(now())}
    bundle: Json = {"resourceType": "Bundle", "type": "searchset", "meta": made, "link": links}
    if not more and not later:
        bundle["total"] = len(found)
    entries = [entry(exchange, one, "match") for one in found] + [entry(exchange, one, "include") for one in others]
    return exchange.send(Answer(200, dump(bundle | ({"entry": entries} if entries else {}))))


def _read(exchange: Exchange, given: Given) -> Wanted:
    """Raises BadRequest for a date that is none, and for a type that is not stored."""
    values = dict(given)
    types = values.get("_type", "").split(",") if "_type" in values else sorted(KEPT)
    if not KEPT.issuperset(types):
        raise BadRequest("_type is a list of resource types that are stored here, parted by commas.")
    if not values.get("_count", "1").isdecimal() or len(values.get("_count", "")) > 9:
        raise BadRequest("_count must be a whole number.")
    count = min(max(int(values.get("_count", PAGE)), 1), MOST)
    care = (_span(values, "start")[0], _span(values, "end")[1])
    since = (_span(values, "_since")[0], LATEST)
    return Wanted([one for one in types if exchange.caller.allows(f"system/{one}.r")], care, since, count)


def _span(values: dict[str, str], name: str) -> Span:
    if name not in values:
        return EARLIEST, LATEST
    span = span_of(values[name].replace(" ", "+"))  # a bare + in an address means a space
    if span is None:
        raise BadRequest(f"{name} is a date such as 2026-01-31; _since one with a time and zone.")
    return span
