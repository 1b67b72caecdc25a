"""FHIR resources by version, and the look-up by identifier."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ids import instant
from gateway.store.engine import Rows
from gateway.store.schema import identifier, resource
from gateway.validation import dump, parse

Json = dict[str, Any]

AT_ONCE = 1_000  # keys in one query; databases limit its parameters


@dataclass(slots=True)
class Resource:
    """One version of a resource as FHIR readers see it; `content` holds its id and meta."""

    type: str
    id: str
    version: int
    updated_at: datetime
    content: Json

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
        "content": dump(kept.content).decode(),
    }


def new_rows(organisation: str, kept: Iterable[Resource]) -> list[Rows]:
    """The rows of new resources, with those by which they are found again."""
    stored, named = [], []
    for one in kept:
        stored.append(resource_row(organisation, one))
        named += identifier_rows(organisation, one)
    return [(resource, stored), (identifier, named)]


def identifier_rows(organisation: str, kept: Resource) -> list[dict[str, Any]]:
    """The rows by which a resource is found by one of its identifiers."""
    return [
        {"organisation": organisation, "type": kept.type, "identifier": name, "id": kept.id}
        for name in identifiers(kept.content)
    ]


def identifiers(content: Json) -> set[str]:
    """The `system|value` of each identifier that has both."""
    given = content.get("identifier") or []
    listed = given if isinstance(given, list) else [given]  # 0..1 in QuestionnaireResponse and Bundle
    return {f"{one['system']}|{one['value']}" for one in listed if one.get("system") and one.get("value")}


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


async def history(
    connection: AsyncConnection, organisation: str, type_: str, id_: str
) -> list[tuple[int, datetime, str]]:
    """All versions, newest first."""
    rows = await connection.execute(
        select(resource.c.version, resource.c.updated_at, resource.c.content)
        .where(resource.c.organisation == organisation, resource.c.type == type_, resource.c.id == id_)
        .order_by(resource.c.version.desc())
    )
    return [(row.version, row.updated_at, row.content) for row in rows]


async def find_by_identifier(connection: AsyncConnection, organisation: str, type_: str, name: str) -> list[str]:
    """The ids of this organisation's resources of the type that carry the identifier `system|value`."""
    rows = await connection.execute(
        select(identifier.c.id).where(
            identifier.c.organisation == organisation,
            identifier.c.type == type_,
            identifier.c.identifier == name,
        )
    )
    return sorted(rows.scalars())
