"""All that is about one patient (R4 patient-operation-everything.html), page by page, and what that refers to."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.finding.includes import load, named_by
from gateway.finding.searching import Found
from gateway.search import belongs_by, parameter_of
from gateway.search.criteria import in_compartment
from gateway.search.dates import EARLIEST, LATEST, Span, spans_of
from gateway.search.keys import reference_key
from gateway.search.query import PAGE
from gateway.store.search import about

CARE_DATES = ("date", "authored", "authored-on", "sent", "recorded", "onset-date", "start-date")  # the first it has
STEPS = 2  # of references from what is about the patient: a role, and the organisation of it


@dataclass
class Wanted:
    """`care` and `since` are the spans that its date and its last change must touch."""

    types: list[str]
    care: Span = (EARLIEST, LATEST)
    since: Span = (EARLIEST, LATEST)
    count: int = PAGE
    after: tuple[str, str] | None = None  # type and id of the last one shown


async def about_patient(
    connection: AsyncConnection, organisation: str, patient_id: str, wanted: Wanted
) -> tuple[list[Found], bool]:
    """The next ones, the patient first; and whether there are more."""
    found: list[Found] = []
    after = wanted.after
    if after is None and "Patient" in wanted.types:
        itself = await load(connection, organisation, [f"Patient/{patient_id}"])
        found += [one for one in itself if one.updated_at >= wanted.since[0]]
    after = None if after == ("Patient", patient_id) else after
    types = [one for one in wanted.types if belongs_by(one)]
    while True:
        pairs = await about(connection, organisation, types, reference_key("Patient", patient_id), after)
        if not pairs:
            return found, False
        loaded = await load(connection, organisation, [f"{type_}/{id_}" for type_, id_ in pairs])
        by_reference = {one.reference: one for one in loaded}
        for type_, id_ in pairs:
            one = by_reference[f"{type_}/{id_}"]
            if id_ != patient_id and _is_wanted(one, patient_id, wanted):
                if len(found) == wanted.count:
                    return found, True
                found.append(one)
        after = pairs[-1]


def _is_wanted(one: Found, patient_id: str, wanted: Wanted) -> bool:
    if one.updated_at < wanted.since[0] or not in_compartment(one.type, patient_id).judge(one.content):
        return False
    parameter = next((known for name in CARE_DATES if (known := parameter_of(one.type, name))), None)
    spans = [span for value in parameter.values(one.content) for span in spans_of(value)] if parameter else []
    return not spans or any(start < wanted.care[1] and wanted.care[0] < end for start, end in spans)


async def beside(connection: AsyncConnection, organisation: str, found: list[Found], types: list[str]) -> list[Found]:
    """What these refer to that is about no patient: people, roles, organisations, services."""
    others: dict[str, Found] = {}
    newest = found
    for _ in range(STEPS):
        named = {one for each in newest for one in named_by(each) if one.split("/")[0] in types}
        named = {one for one in named if not belongs_by(one.split("/")[0])} - others.keys()
        newest = await load(connection, organisation, sorted(named))
        others |= {one.reference: one for one in newest}
    return list(others.values())
