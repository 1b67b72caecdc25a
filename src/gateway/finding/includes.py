"""What is shown beside the matches: what they refer to, and what refers to them (R4 search.html#revinclude)."""

from collections import defaultdict
from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.finding.searching import AT_ONCE, READ, Found, Search
from gateway.search import includes_of, parameter_of
from gateway.search.criteria import referring_to
from gateway.search.query import Include, Query
from gateway.search.references import local
from gateway.store.search import versions

MOST = 1_000  # of one page
ROUNDS = 5  # of what :iterate asks for


async def include(
    connection: AsyncConnection,
    organisation: str,
    query: Query,
    matches: list[Found],
    may_read: Callable[[str], bool],
) -> tuple[list[Found], bool]:
    """Each once, of the types that the caller may read; and whether it is all there is."""
    found: dict[str, Found] = {}
    seen = {one.reference for one in matches}
    newest, whole = matches, True
    for step in range(ROUNDS):
        includes = [one for one in query.includes if one.iterate or step == 0]
        revincludes = [one for one in query.revincludes if one.iterate or step == 0]
        if not newest or not includes + revincludes:
            break
        wanted = _named(includes, newest, may_read) - seen
        got = await load(connection, organisation, sorted(wanted)[:MOST])
        whole = whole and len(wanted) <= MOST
        most = max(AT_ONCE, READ // max(1, len(revincludes)))
        for one in revincludes:
            page = await _referring(connection, organisation, one, newest, most)
            got += page[0]
            whole = whole and page[1]
        newest = list({one.reference: one for one in got if one.reference not in seen}.values())
        whole = whole and len(found) + len(newest) <= MOST
        newest = newest[: MOST - len(found)]
        found |= {one.reference: one for one in newest}
        seen |= found.keys()
    return list(found.values()), whole


def _named(includes: list[Include], found: list[Found], may_read: Callable[[str], bool]) -> set[str]:
    """The Type/id that the references name, of the types that are wanted and allowed."""
    named = {
        local(value)
        for one in includes
        for each in found
        if each.type == one.reference.of
        for value in one.reference.values(each.content)
        if one.target in ("", local(value)[0])
    }
    return {f"{type_}/{id_}" for type_, id_ in named if type_ and may_read(type_)}


def named_by(found: Found) -> set[str]:
    """The Type/id of all that it refers to by what can be included."""
    parameters = [parameter_of(*one.split(":")) for one in includes_of(found.type)]
    named = {local(value) for each in parameters if each for value in each.values(found.content)}
    return {f"{type_}/{id_}" for type_, id_ in named if type_}


async def _referring(
    connection: AsyncConnection, organisation: str, include: Include, found: list[Found], most: int
) -> tuple[list[Found], bool]:
    addresses = {one.reference for one in found if include.target in ("", one.type)}
    if not addresses:
        return [], True
    criteria = [referring_to(include.reference, addresses)]
    search = Search(connection, organisation, include.reference.of, criteria, [], read=most)
    page = await search.page(MOST, None)
    return page.found, page.place is None


async def load(connection: AsyncConnection, organisation: str, references: list[str]) -> list[Found]:
    """The current version of each `Type/id` that is stored."""
    ids: dict[str, list[str]] = defaultdict(list)
    for reference in references:
        type_, id_ = reference.split("/")
        ids[type_].append(id_)
    return [
        Found(type_, row.id, row.version, row.updated_at, row.content)
        for type_, some in ids.items()
        for row in await versions(connection, organisation, type_, some)
    ]
