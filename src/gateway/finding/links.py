"""Conditions on what a resource refers to, or on what refers to it: found first, then searched by (R4 search.html
#chaining, #has)."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.finding.searching import Search
from gateway.search import Criterion, Narrowing, criterion, parameter_of
from gateway.search.criteria import referring_to
from gateway.search.query import Chain, Query, Reverse
from gateway.search.references import local

SearchFor = Callable[[str, tuple[str, str]], Search]  # of a type, by a condition: its parameter and value

NOTHING = Criterion(lambda _resource: False, ids=frozenset())


async def linked_criteria(
    connection: AsyncConnection, organisation: str, query: Query, base_url: str, at: datetime | None = None
) -> list[Criterion]:
    """A criterion for each chain and each `_has`, as things are or were `at` that time. Raises TooCostly when what they
    name matches too much."""

    def search(type_: str, condition: tuple[str, str]) -> Search:
        name, _, modifier = condition[0].partition(":")
        parameter = parameter_of(type_, name)
        assert parameter  # as the query was read
        found_by = [criterion(parameter, modifier, condition[1], base_url)]
        return Search(connection, organisation, type_, found_by, [], at=at)

    chains = [await _chained(chain, search) for chain in query.chains]
    return chains + [await _reversed(one, query.type, search) for one in query.reverses]


async def _chained(chain: Chain, search_for: SearchFor) -> Criterion:
    addresses: set[str] = set()
    for type_ in chain.types:
        search = search_for(type_, chain.condition)
        addresses |= {one.reference for one in await search.all(f"{chain.reference.name}.{chain.condition[0]}")}
    named = referring_to(chain.reference, addresses) if addresses else NOTHING
    if chain.or_criterion is None:
        return named
    return _either(named, chain.or_criterion) if addresses else chain.or_criterion


def _either(one: Criterion, other: Criterion) -> Criterion:
    narrowing = None
    if one.narrowing and other.narrowing:
        values = [*one.narrowing.values, *other.narrowing.values]
        narrowing = Narrowing(one.narrowing.parameter, values, other.narrowing.beginnings)
    return Criterion(
        lambda resource: one.judge(resource) or other.judge(resource),
        narrowing,
        alternatives=one.alternatives + other.alternatives,
    )


async def _reversed(reverse: Reverse, type_: str, search_for: SearchFor) -> Criterion:
    source = reverse.reference
    found = await search_for(source.of, reverse.condition).all(f"_has:{source.of}:{source.name}:{reverse.condition[0]}")
    named = [local(value) for one in found for value in source.values(one.content)]
    ids = frozenset(id_ for named_type, id_ in named if named_type == type_)
    return Criterion(lambda resource: resource["id"] in ids, ids=ids)
