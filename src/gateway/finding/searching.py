"""One search: an index narrows, what is read is judged, page by page.

Pages follow on from a place in the order, never from a number, so that what is written meanwhile neither repeats nor
hides anything. By id (the order of creation) current versions are shown; in any other order those that were current
when the first page was made, because a change would move them. The index knows current versions only: what was changed
since the first page is looked at beside what it finds.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import TooCostly
from gateway.search import Criterion, Narrowing
from gateway.search.criteria import narrowings
from gateway.search.dates import EARLIEST, LATEST, Span, hull
from gateway.search.query import Query
from gateway.search.sorting import Place, Sort, order_key, place_of
from gateway.store import search as store
from gateway.validation import parse

Json = dict[str, Any]

READ = 2_000  # resources that are looked at for one page, each with up to LIGHT
LIGHT = 40  # comparisons; with more of them, fewer resources are looked at
LOOK = 5  # comparisons that finding a parameter's values in a resource costs
FEW = 1_000  # that are all read, to be sorted or because of what they refer to
ENOUGH = 10  # cheaper to read than to narrow by another index
COUNTED = 10_000  # that are looked at for a total
COUNTED_BY_INDEX = 100_000  # where an index alone tells it
AT_ONCE = 500


@dataclass
class Found:
    """One stored version that meets a search."""

    type: str
    id: str
    version: int
    updated_at: datetime
    text: str  # its JSON as stored

    @cached_property
    def content(self) -> Json:
        return parse(self.text.encode())

    @property
    def reference(self) -> str:
        return f"{self.type}/{self.id}"


@dataclass(frozen=True, slots=True)
class Page:
    """`place` is where the next page starts, None after the last; `total` how many there are, where it is known."""

    found: list[Found]
    place: Place | None = None
    total: int | None = None


@dataclass(frozen=True)
class Search:
    """One search of one organisation's resources of a type: what meets every criterion, in an order."""

    connection: AsyncConnection
    organisation: str
    type: str
    criteria: list[Criterion]
    sort: Sort
    span: Span = (EARLIEST, LATEST)  # when what is found was last changed
    at: datetime | None = None  # the versions of then; None: the current ones
    read: int | None = None  # resources to look at; None: READ

    async def page(self, count: int, after: Place | None) -> Page:
        """The next `count` after a place. Raises TooCostly when too many would have to be sorted."""
        names = [parameter.name for parameter, _ in self.sort]
        by_id, by_time = names in ([], ["_id"]), names == ["_lastUpdated"]
        source = await self._source(by_id)
        if by_id:
            return await self._scan(source, count, after, self._within())
        if by_time and not isinstance(source, list):
            return await self._scan_by_time(count, after)
        found = await self._everything(source)
        if found is None:
            raise TooCostly(
                f"_sort by {names[0]} needs all matches at hand, {FEW} at most, and there are more to look at. "
                "Ask for fewer, e.g. of one patient, with fewer values, or sort by _lastUpdated or _id."
            )
        return self._sorted(found, count, after)

    async def all(self, what: str) -> list[Found]:
        """All that is found, in order of id. Raises TooCostly, naming what it is for, when there are too many."""
        found = await self._everything(await self._source(by_id=False))
        if found is None:
            raise TooCostly(f"{what} matches too much: {FEW} resources at most. Narrow it.")
        return found

    async def _everything(self, source: list[str] | Narrowing | None) -> list[Found] | None:
        """What is found, each once; None when it is too much."""
        page = await self._scan(source, FEW, None, self._within())
        if page.place:
            return None
        if self.at is None or source is None:
            return page.found
        most = self._within()
        changed = await store.ids_changed(self.connection, self.organisation, self.type, self.at, most + 1)
        if len(changed) > most:
            raise TooCostly(
                f"Since the first page more than {most:,} have changed: search anew for how things are now."
            )
        then = await self._read(changed)
        return list({one.id: one for one in page.found + then}.values())

    def _within(self, most: int | None = None) -> int:
        """How many resources, of `most`, may be looked at with these criteria."""
        most = most or self.read or READ
        comparisons = sum(LOOK + one.alternatives for one in self.criteria)
        return max(1, most * LIGHT // max(LIGHT, comparisons))

    async def count(self) -> int:
        """Raises TooCostly when there are too many to count."""
        exact = [one.narrowing for one in self.criteria if one.narrowing and one.narrowing.exact]
        if not self.criteria or (len(self.criteria) == 1 and exact):
            most, index = COUNTED_BY_INDEX, exact[0] if exact else None
            total = await store.count_ids(self.connection, self.organisation, self.type, index, most + 1)
        else:
            most = self._within(COUNTED)
            page = await self._scan(await self._source(by_id=False), most, None, most)
            total = most + 1 if page.place else len(page.found)
        if total > most:
            raise TooCostly(
                f"There is more than the {most:,} that are counted. Narrow it, ask with fewer values or no total."
            )
        return total

    async def _source(self, by_id: bool) -> list[str] | Narrowing | None:
        """The ids that alone can be found, where they are few; else the index entries to go through in order of id;
        None: all of the type."""
        named = [one.ids for one in self.criteria if one.ids is not None]
        if named:
            return sorted(frozenset.intersection(*named))
        held = narrowings(self.criteria)
        ordered = [one for one in held if store.is_ordered(one)]
        if by_id and len(held) == len(ordered) == 1:
            return ordered[0]
        few: list[str] | None = None
        for narrowing in held:
            ids = await store.few_ids(self.connection, self.organisation, self.type, narrowing, FEW)
            if ids is not None:
                few = ids if few is None else sorted(set(few) & set(ids))
                if len(few) <= ENOUGH:
                    break
        if few is not None:
            return few
        return ordered[0] if ordered else None

    async def _scan(self, source: list[str] | Narrowing | None, count: int, after: Place | None, most: int) -> Page:
        """Goes on in order of id until it has found enough, or looked at `most`."""
        descending = bool(self.sort) and self.sort[0][0].name == "_id" and self.sort[0][1]
        last = str(after[-1]) if after else None
        if isinstance(source, list):
            source = [one for one in source if last is None or (one < last if descending else one > last)]
            source = source[::-1] if descending else source
        found: list[Found] = []
        looked, some = 0, min(count + 1, AT_ONCE, most)
        while looked < most:
            if isinstance(source, list):
                ids = source[looked : looked + some]
            else:
                ids = await self._ids(source, some, last, descending)
            for one in await self._read(ids):
                if len(found) == count:
                    return Page(found, [found[-1].id] if found else [last])
                found.append(one)
            if len(ids) < some:
                return Page(found, total=None if after else len(found))
            looked, last = looked + some, ids[-1]
            some = min(some * 4, AT_ONCE, most - looked)
        return Page(found, [last])

    async def _ids(self, source: Narrowing | None, limit: int, after: str | None, descending: bool) -> list[str]:
        place = (self.connection, self.organisation, self.type)
        if source is None:
            return await store.ids_of_type(*place, limit, after, descending)
        return await store.ids_by_key(*place, source, limit, after, descending)

    async def _read(self, ids: list[str]) -> list[Found]:
        """Those that meet the criteria, in the order of the ids."""
        rows = await store.versions(self.connection, self.organisation, self.type, ids, self.at)
        found = {row.id: row for row in rows}
        return [one for id_ in ids if id_ in found and (one := self._judged(found[id_]))]

    def _judged(self, row: Row[Any]) -> Found | None:
        one = Found(self.type, row.id, row.version, row.updated_at, row.content)
        return one if not self.criteria or all(each.judge(one.content) for each in self.criteria) else None

    async def _scan_by_time(self, count: int, after: Place | None) -> Page:
        """Goes on in order of change until it has found enough, or looked at as much as it may."""
        descending = self.sort[0][1]
        last = (datetime.fromisoformat(str(after[0])), str(after[1])) if after else None
        found: list[Found] = []
        most = self._within()
        looked, some = 0, min(count + 1, AT_ONCE, most)
        while looked < most:
            rows = await store.changed(
                self.connection, self.organisation, self.type, self.span, some, last, descending, self.at
            )
            for row in rows:
                if one := self._judged(row):
                    if len(found) == count:
                        found = found if descending else _before(one.updated_at, found)
                        return Page(found, [found[-1].updated_at.isoformat(), found[-1].id])
                    found.append(one)
            if len(rows) < some:
                return Page(found, total=None if after else len(found))
            looked, last = looked + some, (rows[-1].updated_at, rows[-1].id)
            some = min(some * 4, AT_ONCE, most - looked)
        assert last
        return Page(found, [last[0].isoformat(), last[1]])

    def _sorted(self, found: list[Found], count: int, after: Place | None) -> Page:
        places = {one.id: place_of(self.sort, one.content) for one in found}
        ordered = sorted(found, key=lambda one: order_key(self.sort, places[one.id]))
        if after:
            start = order_key(self.sort, after)
            ordered = [one for one in ordered if order_key(self.sort, places[one.id]) > start]
        page = ordered[:count]
        if len(ordered) > count and [(one.name, down) for one, down in self.sort] == [("_lastUpdated", False)]:
            page = _before(ordered[count].updated_at, page)
        return Page(page, places[page[-1].id] if len(ordered) > count else None, None if after else len(found))


def _before(moment: datetime, found: list[Found]) -> list[Found]:
    """Those changed before that moment, in order of change; all, when none was. So a page ends between two moments, and
    who polls from the last one of it loses no other change of that moment."""
    return [one for one in found if one.updated_at < moment] or found


def search_of(
    connection: AsyncConnection, organisation: str, query: Query, criteria: list[Criterion], at: datetime | None = None
) -> Search:
    """The search that a query asks for; `criteria` are its own and those that its links came to."""
    spans = [hull(value) for value in query.updated if "," not in value]
    span = (max((one[0] for one in spans), default=EARLIEST), min((one[1] for one in spans), default=LATEST))
    return Search(connection, organisation, query.type, criteria, query.sort, span, at)
