"""FHIR resources by version, and the look-up by identifier."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ids import instant
from gateway.search import keys, token_key
from gateway.store.engine import Rows
from gateway.store.schema import found_by, own_name, resource
from gateway.validation import dump, parse

Json = dict[str, Any]

LOCAL = re.compile(r"([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})(/_history/.*)?$")
AT_ONCE = 1_000  # keys in one query; databases limit its parameters


@dataclass(slots=True)
class Resource:
    """One version of a resource as FHIR readers see it; `content` holds its id and meta."""

    type: str
    id: str
    version: int
    updated_at: datetime
    content: Json
    method: str = "POST"  # how this version came: POST, PUT or PATCH

    @property
    def reference(self) -> str:
        return f"{self.type}/{self.id}"

    @property
    def etag(self) -> str:
        return f'W/"{self.version}"'

    def stamp(self) -> None:
        """Writes id, version and time into the content, over what the sender put there (R4 http.html#create)."""
        meta = self.content.get("meta") or {}
        self.content["id"] = self.id
        self.content["meta"] = meta | {"versionId": str(self.version), "lastUpdated": instant(self.updated_at)}


def resource_row(organisation: str, kept: Resource) -> dict[str, Any]:
    return {
        "organisation": organisation,
        "type": kept.type,
        "id": kept.id,
        "version": kept.version,
        "updated_at": kept.updated_at,
        "method": kept.method,
        "content": dump(kept.content).decode(),
    }


def new_rows(organisation: str, kept: Iterable[Resource]) -> list[Rows]:
    """The rows of new resources, with those by which they are found again."""
    stored, found = [], []
    for one in kept:
        stored.append(resource_row(organisation, one))
        found += found_by_rows(organisation, one.type, one.id, keys(one.content))
    return [(resource, stored), (found_by, found)]


def found_by_rows(organisation: str, type_: str, id_: str, found: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """The rows by which a resource is found: one for each (parameter, value)."""
    return [
        {"organisation": organisation, "type": type_, "parameter": parameter, "value": value, "id": id_}
        for parameter, value in found
    ]


async def save_version(connection: AsyncConnection, organisation: str, kept: Resource, before: Json) -> None:
    """Stores the next version of a resource, and mends what it is found by. `before` is the content it follows.

    Raises IntegrityError when another next version was stored meanwhile.
    """
    await connection.execute(resource.insert(), resource_row(organisation, kept))
    await save_keys(connection, organisation, kept, before)
    if given_up := identifiers(before) - identifiers(kept.content):
        claims = [f"{kept.type}?identifier={one}" for one in given_up]  # another may be created under this condition
        await connection.execute(
            delete(own_name).where(own_name.c.organisation == organisation, own_name.c.name.in_(claims))
        )


async def save_keys(connection: AsyncConnection, organisation: str, kept: Resource, before: Json) -> None:
    """Makes a resource found by what its content says now, instead of by what it said before."""
    old, new = keys(before), keys(kept.content)
    for row in found_by_rows(organisation, kept.type, kept.id, old - new):
        await connection.execute(delete(found_by).filter_by(**row))
    if new - old:
        await connection.execute(found_by.insert(), found_by_rows(organisation, kept.type, kept.id, new - old))


def identifiers(content: Json) -> set[str]:
    """The `system|value` of each identifier that has both."""
    given = content.get("identifier") or []
    listed = given if isinstance(given, list) else [given]  # 0..1 in QuestionnaireResponse and Bundle
    return {f"{one['system']}|{one['value']}" for one in listed if one.get("system") and one.get("value")}


async def hold(
    connection: AsyncConnection, organisation: str, references: Iterable[str], *, changing: bool
) -> dict[str, int]:
    """Type/id -> current version of those that this organisation has. Until the end of the transaction nobody else
    who holds one of them changes what is said about it; `changing`, nobody else holds it at all.

    Locked are the first versions, which each resource has for ever, in one order: two never wait in a ring.
    """
    keys = sorted(tuple(reference.split("/")[:2]) for reference in references)
    versions: dict[str, int] = {}
    for first in range(0, len(keys), AT_ONCE):
        named = (resource.c.organisation == organisation) & tuple_(resource.c.type, resource.c.id).in_(
            keys[first : first + AT_ONCE]
        )
        locked = select(resource.c.id).where(named, resource.c.version == 1).order_by(resource.c.type, resource.c.id)
        await connection.execute(locked.with_for_update(read=not changing))  # left out on SQLite: alone anyway
        newest = select(resource.c.type, resource.c.id, func.max(resource.c.version).label("version")).where(named)
        found = await connection.execute(newest.group_by(resource.c.type, resource.c.id))
        versions |= {f"{row.type}/{row.id}": row.version for row in found}
    return versions


async def load(connection: AsyncConnection, organisation: str, references: Iterable[str]) -> dict[str, Json]:
    """The current version of each `Type/id` that this organisation has."""
    keys = [tuple(reference.split("/")[:2]) for reference in references]
    loaded: dict[str, Json] = {}
    for first in range(0, len(keys), AT_ONCE):
        some = keys[first : first + AT_ONCE]
        found = await connection.execute(
            select(resource.c.type, resource.c.id, resource.c.content)
            .where(resource.c.organisation == organisation, tuple_(resource.c.type, resource.c.id).in_(some))
            .order_by(resource.c.version)
        )
        loaded |= {f"{row.type}/{row.id}": parse(row.content.encode()) for row in found}
    return loaded


async def load_around(
    connection: AsyncConnection, organisation: str, contents: Iterable[Json], steps: int = 3
) -> dict[str, Json]:
    """What these resources refer to, and so on for some steps: a request, its people, their organisations."""
    known: dict[str, Json] = {}
    for _ in range(steps):
        wanted = {reference for content in contents for reference in references_in(content)} - known.keys()
        if not wanted:
            break
        loaded = await load(connection, organisation, wanted)
        known |= loaded
        contents = loaded.values()
    return known


def references_in(value: Any) -> Iterator[str]:
    """The Type/id of each reference inside that leads to what is stored here."""
    if isinstance(value, list):
        for each in value:
            yield from references_in(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            if name == "reference" and isinstance(each, str):
                yield from (found[1] for found in [LOCAL.match(each)] if found)
            else:
                yield from references_in(each)


async def read(
    connection: AsyncConnection, organisation: str, type_: str, id_: str, version: int | None = None
) -> tuple[int, datetime, str] | None:
    """(version, updated_at, content) of one version, else of the current one; None when there is none."""
    query = select(resource.c.version, resource.c.updated_at, resource.c.content).where(
        resource.c.organisation == organisation, resource.c.type == type_, resource.c.id == id_
    )
    if version is not None:
        query = query.where(resource.c.version == version)
    row = (await connection.execute(query.order_by(resource.c.version.desc()).limit(1))).one_or_none()
    return (row.version, row.updated_at, row.content) if row else None


async def find_by_identifier(connection: AsyncConnection, organisation: str, type_: str, name: str) -> list[str]:
    """The ids of this organisation's resources of the type that carry the identifier `system|value`."""
    system, _, value = name.partition("|")
    rows = await connection.execute(
        select(found_by.c.id).where(
            found_by.c.organisation == organisation,
            found_by.c.type == type_,
            found_by.c.parameter == "identifier",
            found_by.c.value == token_key(system, value),
        )
    )
    return sorted(rows.scalars())
