"""Makes the record hold what is wanted: looks what stands there, writes what is missing, and reads it back.

It looks before every write, whether or not an attempt before this one is known to have been unsure: two workers may
be at the same delivery. RiO has been known to say "saved" and not to save, so only what was read back counts.
"""

from datetime import datetime
from functools import partial
from typing import Any

from adapters.rio.finding import find_client
from adapters.rio.options import RioOptions
from adapters.rio.reasons import DIED, Stop
from adapters.rio.session import Calls
from adapters.rio.writing.documents import hold_document
from adapters.rio.writing.entry import discharge, hold_entry
from adapters.rio.writing.notes import hold_notes
from adapters.rio.writing.record import Record
from mappings.to_rio import Wanted, taken_back

__all__ = ["write"]

Json = dict[str, Any]


async def write(
    calls: Calls, options: RioOptions, wanted: Wanted, task: Json, referral: Json, event_type: str, at: datetime
) -> None:
    """Returns once all of it stands in the record. Raises Stop, and what `Calls.call` raises; to call it again then
    writes what is still missing. `at` is when it happened."""
    client = await find_client(calls, referral["person"], options.client_id_system)
    if client.deceased and wanted.entry and not wanted.ended:
        raise Stop(DIED)
    record = Record(calls, options, client, wanted.reference, at)
    entry = await hold_entry(record, wanted.entry)
    await hold_notes(record, wanted.notes, partial(taken_back, task, event_type), entry)
    if wanted.document:
        await hold_document(record, wanted.document, anew=wanted.entry is not None)
    if wanted.ending:
        await discharge(record, wanted.ending)
