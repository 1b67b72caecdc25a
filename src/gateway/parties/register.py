"""Puts the parties into the store."""

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.parties.shapes import Parties
from gateway.store import schema
from gateway.store.dialect import insert_into_either
from gateway.store.engine import Store
from gateway.store.wake import registering

UNTRIED = {"state": "healthy", "failures": 0, "events": 0}


async def register(store: Store, parties: Parties) -> None:
    """Adds what is new and brings what is known up to date, in one transaction.

    Nothing is taken away: referrals still name it. A client is shut out by an empty list of scopes. A destination
    keeps its state, for that is about its deliveries.
    """
    async with registering(store) as connection:
        await _upsert(
            connection,
            schema.organisation,
            [
                {
                    "id": one.ods_code,
                    "name": one.name,
                    "default_hub_id": one.default_hub_id,
                    "content": one.model_dump_json(),
                }
                for one in parties.organisations
            ],
        )
        await _upsert(
            connection,
            schema.hub,
            [
                {"id": hub.id, "name": hub.name, "borough": hub.borough, "content": hub.model_dump_json()}
                for hub in parties.hubs
            ],
        )
        await _upsert(
            connection,
            schema.client,
            [
                {
                    "id": client.id,
                    "organisation": client.organisation,
                    "role": client.role,
                    "scope": " ".join(client.scopes),
                    "hubs": json.dumps(client.hubs),
                    "jwks": client.jwks.model_dump_json(),
                }
                for client in parties.clients
            ],
        )
        await _upsert(
            connection,
            schema.destination,
            [one.row() | {"content": json.dumps(one.row()["content"]), **UNTRIED} for one in parties.destinations],
            kept=UNTRIED,
        )


async def _upsert(
    connection: AsyncConnection, table: Table, rows: Sequence[dict[str, Any]], kept: Collection[str] = ()
) -> None:
    if not rows:
        return
    insert = insert_into_either(connection, table)
    keys = [column.name for column in table.primary_key]
    changed = {name: insert.excluded[name] for name in rows[0] if name not in keys and name not in kept}
    await connection.execute(insert.on_conflict_do_update(index_elements=keys, set_=changed), rows)
