"""The Questionnaires that answers are judged by, found by their canonical."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.search import url_key
from gateway.store.resources import load
from gateway.store.schema import found_by

Json = dict[str, Any]

MOST = 20  # of one url


async def find_questionnaires(
    connection: AsyncConnection, organisation: str, canonicals: Iterable[str]
) -> dict[str, Json]:
    """Canonical (url or url|version) -> this organisation's Questionnaire of that name: the newest, if several are."""
    found = {}
    for canonical in canonicals:
        url, _, version = canonical.partition("|")
        named = select(found_by.c.id).where(
            found_by.c.organisation == organisation,
            found_by.c.type == "Questionnaire",
            found_by.c.parameter == "url",
            found_by.c.value == url_key(url),
        )
        ids = (await connection.execute(named.order_by(found_by.c.id.desc()).limit(MOST))).scalars()
        stored = await load(connection, organisation, [f"Questionnaire/{id_}" for id_ in ids])
        same = [one for one in stored.values() if one.get("url") == url and version in ("", one.get("version"))]
        if same:
            found[canonical] = max(same, key=lambda one: str(one["id"]))
    return found
