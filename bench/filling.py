"""Fills a database with many referrals, on the server: copies of one that the gateway itself accepted."""

import time
from collections.abc import Callable

import asyncpg
import orjson

from gateway.search import keys

ORGANISATION, OTHER = "XND01", "XSH01"
RARE = 50  # Tasks on hold, however many there are

# What is put in place of what the first referral says. The same replacements in contents and index entries keep the
# two fitting. NHS numbers are those from 999 that have a right check digit; beyond 900,000 they come again.
COPIES = """
CREATE UNLOGGED TABLE copy AS
SELECT i, number, id_of(0, i) AS patient, id_of(1, i) AS request, id_of(2, i) AS task,
       'SP-' || lpad(i::text, 12, '0') AS reference, 'REF-' || lpad(i::text, 9, '0') AS own,
       lpad(i::text, 9, '0') AS local, 'arrow' || lpad((i % 5000)::text, 4, '0') AS family,
       to_char(date '1930-01-01' + (i * 7919 % 29000)::int, 'YYYY-MM-DD') AS birth,
       CASE WHEN i % {rare} = 0 THEN 'on-hold' WHEN i % 3 = 0 THEN 'completed' ELSE 'in-progress' END AS status,
       to_timestamp(1700000000 + i) AS moment,
       to_char(to_timestamp(1700000000 + i) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS".000Z"') AS instant
FROM generate_series(1::bigint, {count}) i JOIN (
  SELECT row_number() OVER (ORDER BY n) - 1 AS place, '999' || lpad(n::text, 6, '0') || digit % 11 AS number
  FROM (SELECT n, 11 - (243 + 7 * (n / 100000) + 6 * (n / 10000 % 10) + 5 * (n / 1000 % 10) + 4 * (n / 100 % 10)
                        + 3 * (n / 10 % 10) + 2 * (n % 10)) % 11 AS digit
        FROM generate_series(0, 999999) n) digits WHERE digit <> 10
) numbers ON place = i % 900000;
CREATE UNIQUE INDEX ON copy (i)
"""
ID_OF = """
CREATE FUNCTION id_of(kind int, i bigint) RETURNS text IMMUTABLE LANGUAGE sql AS $$
  SELECT substr(lpad(to_hex(1700000000000 + i * 1000), 12, '0'), 1, 8) || '-' ||
         substr(lpad(to_hex(1700000000000 + i * 1000), 12, '0'), 9) || '-700' || kind || '-8000-' ||
         lpad(to_hex(i), 12, '0') $$
"""
RESOURCES = """
INSERT INTO resource (organisation, type, id, version, updated_at, method, content)
SELECT '{organisation}', t.type, CASE t.type {ids} END, {version}, moment, 'POST', {copied}
FROM copy, unnest($1::text[], $2::text[]) t(type, said) WHERE i <= {count} AND i % {part} = 0
"""
ENTRIES = """
INSERT INTO found_by (organisation, type, parameter, value, id)
SELECT '{organisation}', t.type, t.parameter, {copied}, CASE t.type {ids} END
FROM copy, unnest($1::text[], $2::text[], $3::text[]) t(type, parameter, said) WHERE i <= {count}
"""
COLUMNS = {"Patient": "patient", "ServiceRequest": "request", "Task": "task"}
IDS = " ".join(f"WHEN '{type_}' THEN {column}" for type_, column in COLUMNS.items())


async def fill(host: str, database: str, referrals: int, tell: Callable[[str], None]) -> None:
    """`referrals` of ORGANISATION and a fiftieth as many of another: the three resources of each that searches are
    measured on, every fifth in two versions, with their index entries; indexes and statistics made at the end.

    The database must hold one referral, sent to the gateway, and nothing else.
    """
    started = time.monotonic()
    connection = await asyncpg.connect(host=host, user="postgres", database=database, command_timeout=3600)
    rows = await connection.fetch("SELECT type, id, content FROM resource WHERE type = ANY($1)", list(COLUMNS))
    entries = [(row["type"], *key) for row in rows for key in sorted(keys(orjson.loads(row["content"])))]
    await connection.execute("SET maintenance_work_mem = '1GB'; SET synchronous_commit = off")
    await connection.execute(ID_OF)
    await connection.execute(COPIES.format(rare=referrals // RARE, count=referrals))
    indexes = await _drop_indexes(connection)
    named = {"ids": IDS, "copied": _copied(rows)}
    for organisation, count in ((ORGANISATION, referrals), (OTHER, referrals // 50)):
        named |= {"organisation": organisation, "count": count}
        for version, part in ((1, 1), (2, 5)):
            contents = [row["content"].replace('"versionId":"1"', f'"versionId":"{version}"') for row in rows]
            statement = RESOURCES.format(version=version, part=part, **named)
            await connection.execute(statement, [row["type"] for row in rows], contents)
        await connection.execute(ENTRIES.format(**named), *map(list, zip(*entries, strict=True)))
        tell(f"{count:,} referrals of {organisation} after {time.monotonic() - started:.0f} s")
    for index in indexes:
        await connection.execute(index)
    await connection.execute("VACUUM (ANALYZE) resource")
    await connection.execute("VACUUM (ANALYZE) found_by")
    tell(f"indexes and statistics after {time.monotonic() - started:.0f} s")
    await connection.close()


def _copied(rows: list[asyncpg.Record]) -> str:
    """SQL that makes of the text `said`, of the first referral, that of another."""
    content = {row["type"]: orjson.loads(row["content"]) for row in rows}
    changes = {row["id"]: column for row in rows for column in [COLUMNS[row["type"]]]} | {
        content["Task"]["identifier"][-1]["value"]: "reference",
        content["ServiceRequest"]["identifier"][0]["value"]: "own",
        content["Task"]["meta"]["lastUpdated"]: "instant",
        content["Patient"]["identifier"][0]["value"]: "number",
        content["Patient"]["identifier"][1]["value"]: "local",
        content["Patient"]["birthDate"]: "birth",
        content["Task"]["status"]: "status",
        "arrow": "family",  # of Harrow in the content, and of harrow in the index
    }
    copied = "t.said"
    for said, becomes in changes.items():
        copied = f"replace({copied}, '{said}', {becomes})"
    return copied


async def _drop_indexes(connection: asyncpg.Connection) -> list[str]:
    """Empties the two tables and takes their indexes away; the statements that make them again."""
    made = []
    for table in ("resource", "found_by"):
        await connection.execute(f"TRUNCATE {table}; ALTER TABLE {table} SET UNLOGGED")
        key = await connection.fetchrow(
            "SELECT conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint "
            "WHERE conrelid = $1::regclass AND contype = 'p'",
            table,
        )
        made.append(f"ALTER TABLE {table} ADD CONSTRAINT {key['conname']} {key['definition']}")
        await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {key['conname']}")
        for index in await connection.fetch("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = $1", table):
            made.append(index["indexdef"])
            await connection.execute(f"DROP INDEX {index['indexname']}")
    return made
