"""Destinations of kind "rio": what happens to a referral becomes entries in the trust's record. Contract: RECORD.md."""

import time
from typing import Any

import orjson

from adapters.http import DestinationError
from adapters.ports import Answer, Phase, Update
from adapters.replies import retry_after
from adapters.rio.codes import check_codes
from adapters.rio.options import RioOptions
from adapters.rio.reasons import REASONS, Stop
from adapters.rio.session import Calls, Session
from adapters.rio.soap import Fault, NoAnswer
from adapters.rio.writing import write
from mappings.to_rio import Wanted, wanted

Json = dict[str, Any]


class RioRecord:
    """Writes to any number of RiOs, up to `connections` calls at a time to each.

    `seconds` limits one call. An update takes about six of them, the first and the last one of a referral twelve, and a
    sign-in may take `session.FIRST_SECONDS` longer: a worker's lease should cover that.
    """

    def __init__(self, seconds: float, connections: int = 4) -> None:
        self._seconds = seconds
        self._connections = connections
        self._sessions: dict[tuple[str, str], Session] = {}

    @property
    def needs_referral(self) -> bool:
        return True

    async def send(self, update: Update) -> Answer:
        """Delivered once all that this change writes was read back from the record.

        What needs a person has its reason in `answer`. It is worth another try all the same: people see to it.
        """
        started = time.perf_counter()
        if update.referral is None:  # its details are still awaited from the sender's server
            return Answer("done", 0, answer="There is no referral yet: nothing to write.", delivered=True)
        task, referral = orjson.loads(update.body), dict(update.referral)
        record = wanted(task, referral, update.event_type, update.at)
        if record is None:
            return Answer("done", 0, answer="This change writes nothing into the record.", delivered=True)
        options = RioOptions.model_validate(update.options)
        phase: Phase = "fault"
        reply, delivered = None, False
        try:
            calls = self._calls(update, options)
            if _is_rehearsal(task):
                await check_codes(calls, options)
                told = "A rehearsal: signed in, and the codes are good. Nothing is written into anybody's record."
            else:
                await self._write(calls, options, record, task, referral, update)
                told = "Written into the record, and read back."
            phase, delivered = "done", True
        except Stop as stop:
            told = str(stop)
        except Fault as fault:
            reply, told = fault.reply, f"{fault.code}: {REASONS[fault.code]}"
        except DestinationError as refusal:
            phase, told = "connect", str(refusal)
        except NoAnswer as trouble:
            reply, told = trouble.reply, f"No answer to go by: {trouble.why}."
            phase = "answer" if reply.phase == "done" and reply.status == 200 else reply.phase
        return Answer(
            phase,
            round((time.perf_counter() - started) * 1000),
            reply.status if reply else None if phase == "connect" else 200,
            told,
            delivered=delivered,
            retry_after=retry_after(reply) if reply else None,
        )

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()

    def _calls(self, update: Update, options: RioOptions) -> Calls:
        """Through one session for each RiO and what is registered for it, so that a change there signs in anew."""
        key = (update.url, options.model_dump_json())
        if key not in self._sessions:
            self._sessions[key] = Session(update.url, options, self._seconds, self._connections)
        headers = {"X-Request-Id": update.delivery_id, "X-Correlation-Id": update.correlation_id}
        return Calls(self._sessions[key], headers)

    async def _write(
        self, calls: Calls, options: RioOptions, record: Wanted, task: Json, referral: Json, update: Update
    ) -> None:
        try:
            await write(calls, options, record, task, referral, update.event_type, update.at)
        except Fault as fault:
            if fault.code != "UNKNOWN_CODE":
                raise
            await check_codes(calls, options)
            await write(calls, options, record, task, referral, update.event_type, update.at)


def _is_rehearsal(task: Json) -> bool:
    """Whether it is labelled as test data (v3-ActReason HTEST): about nobody, so in nobody's record."""
    return any(label.get("code") == "HTEST" for label in task.get("meta", {}).get("security", []))
