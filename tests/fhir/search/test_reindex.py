"""What resources are found by can be made anew from what is stored (gateway reindex, gateway migrate)."""

from sqlalchemy import delete, select
from tests.app import Running
from tests.fhir.search.asking import create_patient, found

from gateway.store.migrate import migrate
from gateway.store.reindex import is_unindexed, reindex
from gateway.store.schema import found_by


async def entries(gateway: Running) -> set[tuple[str, ...]]:
    async with gateway.store.reading() as connection:
        return {tuple(row) for row in await connection.execute(select(found_by))}


async def test_reindex_adds_what_is_missing_and_removes_what_is_wrong(gateway: Running) -> None:
    task = await gateway.refer()
    patient = await create_patient(gateway, "Okoro")
    right = await entries(gateway)
    async with gateway.store.transaction() as connection:
        await connection.execute(delete(found_by).where(found_by.c.type == "Patient"))
        wrong = {"organisation": "XND01", "type": "Task", "parameter": "status", "value": "failed", "id": task["id"]}
        await connection.execute(found_by.insert(), wrong)
    assert await found(gateway, "Patient?family=okoro") == []
    told: list[tuple[int, int]] = []

    await reindex(gateway.store, lambda done, total: told.append((done, total)))

    assert await entries(gateway) == right
    assert await found(gateway, "Patient?family=okoro") == [patient["id"]]
    assert told[-1] == (7, 7)


async def test_migrate_makes_an_index_that_is_not_there(gateway: Running, database_url: str) -> None:
    assert not await is_unindexed(gateway.store)
    task = await gateway.refer()
    async with gateway.store.transaction() as connection:
        await connection.execute(delete(found_by))
    assert await is_unindexed(gateway.store)

    await migrate(database_url)

    assert await found(gateway, f"Task?patient={task['for']['reference']}") == [task["id"]]
