"""Reads referrals with two versions of the maps: samples out of files, or what is stored."""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime

from gateway.arrival import Gateway
from gateway.dialects import DialectError, dialect_files, translator_for
from gateway.parties import Directory
from gateway.revise import read_held
from gateway.settings import Settings
from gateway.store.engine import Store
from gateway.store.every import count_referrals, referrals_after, refuse_writes
from gateway.translated import Translated
from gateway.workbench.comparing import Comparison
from gateway.workbench.files import Sent
from gateway.workbench.trial import TRIED, Reading, Tried, invented_parties, trial_gateway, try_out, with_dialect
from mappings.translate import Maps
from mappings.translator import Translator

AT_ONCE = 200  # referrals read in one go

Tell = Callable[[int, int], None]  # how many are done, of how many


async def compare_samples(
    settings: Settings,
    old: Maps,
    new: Maps,
    samples: Sequence[Sent],
    dialect: str | None,
    found: Comparison,
    tell: Tell,
) -> None:
    """A version that does not have the dialect reads them without it: so it shows what the dialect changes. Raises
    DialectError when neither has it."""
    if dialect and not any(dialect in dialect_files(maps, settings.dialects_folder) for maps in (old, new)):
        raise DialectError(f"there is no dialect {dialect[:40]} in either version.")
    async with AsyncExitStack() as stack:
        gateways = []
        for maps in (old, new):
            spoken = dialect if dialect in dialect_files(maps, settings.dialects_folder) else None
            parties = with_dialect(invented_parties(), TRIED, spoken)
            gateways.append(await stack.enter_async_context(trial_gateway(settings, maps, parties)))
        translators = [_translator(gateway, TRIED) for gateway in gateways]
        for number, sent in enumerate(samples, 1):
            tried = [await try_out(gateway, TRIED, sent) for gateway in gateways]
            found.add(sent.name, tried[0], tried[1], translators[0], translators[1])
            tell(number, len(samples))


async def compare_stored(settings: Settings, old: Maps, new: Maps, found: Comparison, tell: Tell) -> None:
    """Every referral in the database, by what is stored now; nothing is written. What stood around a request and was
    not stored (who sent a message) is missing on both sides."""
    store = Store(settings.database_url, connections=1)
    try:
        directory = Directory(store)
        await directory.refresh()
        gateways = [Gateway(settings, store, directory, maps=maps) for maps in (old, new)]
        async with store.reading() as connection:
            total = await count_referrals(connection)
        after: tuple[str, str] | None = None
        done = 0
        while True:
            async with store.reading() as connection:
                await refuse_writes(connection)
                rows = await referrals_after(connection, after, AT_ONCE)
                for row in rows:
                    at = datetime.now(UTC)
                    held = await read_held(connection, row, at)
                    translators = [_translator(gateway, row["organisation"]) for gateway in gateways]
                    tried = [_tried(row["reference"], held.translate(gateway, {}, at)) for gateway in gateways]
                    found.add(row["reference"], tried[0], tried[1], translators[0], translators[1])
            done += len(rows)
            tell(done, max(total, done))
            if len(rows) < AT_ONCE:
                return
            after = rows[-1]["organisation"], rows[-1]["id"]
    finally:
        await store.close()


def _tried(reference: str, translated: Translated) -> Tried:
    made = translated.translation
    refused = any(one.severity == "error" for one in translated.findings)
    reading = Reading(made.referral, made.rows, made.unknown, made.map_versions)
    return Tried(reference, [reading], translated.findings, refused)


def _translator(gateway: Gateway, organisation: str) -> Translator:
    """Raises DialectError when this version does not have the organisation's dialect, or cannot read it."""
    registered = gateway.directory.organisation(organisation) or {}
    return translator_for(gateway.maps, gateway.settings.dialects_folder, registered.get("dialect"))
