"""Which referrals a request is about, and what it says of each."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.arrival import Arrival, Revision
from gateway.errors import IllegalMove, Issue, Rejected
from gateway.revise.cancelling import asks_to_cancel, focus_of, refuse_focus
from gateway.revise.messages import is_about
from gateway.sources import ABOUT, Known
from gateway.store.fetches import is_fetched_for
from gateway.store.resources import Resource, identifiers
from gateway.store.touched import identified, open_referrals, referrals_of

Json = dict[str, Any]

MOST = 100  # open referrals that one resource may be part of: each is translated anew in this transaction


@dataclass
class Touched:
    """What one request says about one referral."""

    task: Revision | None = None
    request: Revision | None = None
    aborts: list[Resource] = field(default_factory=list)
    aborts_again: list[Revision] = field(default_factory=list)
    messages: list[Resource] = field(default_factory=list)
    messages_again: list[Revision] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)  # type of what it was translated from -> where that stands


def touches_stored(arrival: Arrival) -> bool:
    """Whether the request changes, or may be about, something that is stored already."""
    if arrival.revisions:
        return True
    new = {kept.reference for kept in arrival.resources}
    return any(_may_be_about_stored(kept, new, bool(arrival.asked)) for kept in arrival.resources)


def _may_be_about_stored(kept: Resource, new: set[str], refers: bool) -> bool:
    match kept.type:
        case "Communication":
            return True
        case "Task":
            return _is_abort(kept)
        case "Consent":
            named = {one.get("reference") for one in _named_people(kept.content)}
            return None in named or bool(named - new) or not (named or refers)
    return False


def _is_abort(kept: Resource) -> bool:
    return kept.type == "Task" and asks_to_cancel(kept.content)


def _named_people(content: Json) -> list[Json]:
    """The References by which a resource says whom it is about."""
    return [content[name] for name in ABOUT if isinstance(content.get(name), dict)]


async def people_named(connection: AsyncConnection, organisation: str, content: Json) -> set[str]:
    """Patient/id of each whom a resource is about, or is."""
    if content["resourceType"] == "Patient":
        return {f"Patient/{content['id']}"}
    return await _led_to(connection, organisation, _named_people(content), ("Patient",))


async def _led_to(
    connection: AsyncConnection, organisation: str, named: Iterable[Json], types: tuple[str, ...]
) -> set[str]:
    """Type/id of what References lead to, of these types: by their reference, or by an identifier in its place."""
    led_to, names = set[str](), set[str]()
    for one in named:
        if "reference" not in one:
            names |= identifiers(one)
        elif one["reference"].partition("/")[0] in types:
            led_to.add(one["reference"])
    return led_to | await identified(connection, organisation, types, names)


async def _about(connection: AsyncConnection, organisation: str, content: Json, known: Known) -> set[str]:
    """What of a referral a Communication is about, or an abort Task asks to stop."""
    if content["resourceType"] == "Communication":
        return await _led_to(connection, organisation, is_about(content, known), ("Task", "ServiceRequest"))
    return {focus_of(content)} if content["resourceType"] == "Task" and asks_to_cancel(content) else set()


async def find_touched(connection: AsyncConnection, organisation: str, arrival: Arrival) -> dict[str, Touched]:
    """Referral id -> what the request says about it, in the order of ids.

    Raises Rejected for a request to cancel what is no referral, and for a change that too many referrals would feel.
    """
    new = {kept.reference for kept in arrival.resources}
    led_to = {
        reference: about - new if reference in new else about
        async for reference, about in _all_about(connection, organisation, arrival)
    }
    named = {one.kept.reference for one in arrival.revisions}.union(*led_to.values())
    referrals = await referrals_of(
        connection, organisation, sorted(one for one in named if one.startswith(("Task/", "ServiceRequest/")))
    )
    touched: dict[str, Touched] = {}

    def of(reference: str) -> Touched:
        return touched.setdefault(referrals[reference], Touched())

    for kept in arrival.resources:
        for reference in sorted(led_to[kept.reference] & referrals.keys()):
            part = of(reference).aborts if kept.type == "Task" else of(reference).messages
            if kept not in part:
                part.append(kept)
        if _is_abort(kept) and focus_of(kept.content) not in referrals:
            raise refuse_focus(arrival.known.get(focus_of(kept.content)))
    for revision in arrival.revisions:
        reference = revision.kept.reference
        if reference in referrals and revision.kept.type == "Task":
            of(reference).task = revision
        elif reference in referrals:
            of(reference).request = revision
        for about in sorted(led_to[reference] & referrals.keys()):
            again = of(about).aborts_again if revision.kept.type == "Task" else of(about).messages_again
            if revision not in again:
                again.append(revision)
    for id_, type_, at in await _sources(connection, organisation, arrival, new):
        touched.setdefault(id_, Touched()).sources[type_] = at
    told = {reference for reference, about in led_to.items() if about & referrals.keys()}
    await _note_unheard(connection, organisation, arrival, led_to, told)
    return dict(sorted(touched.items()))


async def _all_about(
    connection: AsyncConnection, organisation: str, arrival: Arrival
) -> AsyncIterator[tuple[str, set[str]]]:
    """(Type/id of what the request brings or changes, what of a referral it is about, now or before)."""
    for kept in arrival.resources:
        yield kept.reference, await _about(connection, organisation, kept.content, arrival.known)
    for one in arrival.revisions:
        about = await _about(connection, organisation, one.before, arrival.known)
        if one.kept.type == "Communication":
            about |= await _about(connection, organisation, one.kept.content, arrival.known)
        yield one.kept.reference, about


async def _note_unheard(
    connection: AsyncConnection, organisation: str, arrival: Arrival, led_to: dict[str, set[str]], told: set[str]
) -> None:
    """Adds to the arrival which of its Communications are told to nobody, and which Consents decide about nobody.

    Raises IllegalMove for a Communication about a Task that is no referral, or not yet.
    """
    said = [(kept, kept.type) for kept in arrival.resources] + [(one.kept, one.at) for one in arrival.revisions]
    for kept, at in said:
        if kept.type == "Consent" and not arrival.asked:
            if not await people_named(connection, organisation, kept.content):
                arrival.unheard.add(kept.reference)
        elif kept.type == "Communication" and kept.reference not in told:
            await _refuse_too_early(connection, organisation, led_to[kept.reference], f"{at}.about")
            arrival.unheard.add(kept.reference)


async def _refuse_too_early(connection: AsyncConnection, organisation: str, about: set[str], element: str) -> None:
    for task in sorted(one.removeprefix("Task/") for one in about if one.startswith("Task/")):
        if await is_fetched_for(connection, organisation, task):
            text = (
                f"{element}: nobody reads this, because the Task is no referral: its businessStatus says why. While "
                "its details are awaited, send this again later."
            )
            raise IllegalMove(text, expression=element)


async def _sources(
    connection: AsyncConnection, organisation: str, arrival: Arrival, new: set[str]
) -> list[tuple[str, str, str]]:
    """(referral id, type, place in the request) of what a referral was translated from, or what decides on it."""
    found = []
    parts: list[tuple[Json, Json | None, str]] = [
        (kept.content, None, kept.type) for kept in arrival.resources if kept.type == "Consent"
    ]
    parts += [(one.kept.content, one.before, one.at) for one in arrival.revisions]
    for content, before, at in parts:
        type_ = content["resourceType"]
        if type_ in {"Task", "ServiceRequest"}:
            continue
        people = await people_named(connection, organisation, content)
        people |= await people_named(connection, organisation, before or content)
        others = [f"{type_}/{content['id']}"] if before and not people - new else []
        ids = await open_referrals(connection, organisation, people - new, others, MOST + 1)
        if len(ids) > MOST:
            text = (
                f"{at}: more than {MOST} open referrals name this. POST a new one, and name that from now on; "
                "what is being worked on keeps what it was sent with."
            )
            raise Rejected(issues=[Issue("too-costly", text, at)])
        found += [(id_, type_, at) for id_ in ids]
    return found
