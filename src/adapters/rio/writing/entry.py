"""The referral entry, and the gateway's reference among the person's identifiers."""

from typing import Any

from adapters.rio.reasons import ELSEWHERE, NOT_SAVED, SHORTENED, Stop
from adapters.rio.writing.record import Json, Record, is_shortened
from mappings.to_rio import Entry


async def hold_entry(record: Record, wanted: Entry | None) -> Any:
    """The entry as it stands then; None when there is none, and none is wanted or possible."""
    held = await _entry(record)
    if wanted is None:
        return held
    if held is None:
        if record.client.deceased:
            return None  # RiO opens none any more; notes and the summary still find their place
        await record.calls.call("CreateReferral", **_entry_parts(record, wanted))
        held = await _entry(record)
        if held is None:
            raise Stop(NOT_SAVED)
        if is_shortened(held.Comment, wanted.comment):
            raise Stop(SHORTENED)
    elif _is_open(record, held):
        held = await _correct_entry(record, held, wanted)
    await _hold_alternative_id(record)
    return held


async def _entry(record: Record) -> Any:
    """By its external id; by the comment, which repeats it, when RiO has shortened the id."""
    found = await record.calls.call("GetReferrals", ExternalReferralId=record.reference) or []
    if not found:
        theirs = await record.read("GetReferrals", record.client.client_id)
        found = [one for one in theirs if f"{record.reference}." in (one.Comment or "")]
    if any(one.ClientID not in record.client.client_ids for one in found):
        raise Stop(ELSEWHERE)
    return found[0] if found else None


def _entry_parts(record: Record, entry: Entry) -> Json:
    options = record.options
    return {
        "ClientID": record.client.client_id,
        "ExternalReferralId": entry.external_id,
        "Source": options.referral_source,
        "Reason": options.referral_reason,
        "Urgency": getattr(options.urgencies, entry.urgency),
        "Service": options.service,
        "Team": options.team,
        "ReferralDateTime": entry.at,
        "Comment": entry.comment,
    }


async def _correct_entry(record: Record, held: Any, entry: Entry) -> Any:
    urgency = getattr(record.options.urgencies, entry.urgency) if entry.renews else held.Urgency
    if held.Urgency == urgency and not is_shortened(held.Comment, entry.comment):
        return held
    correct = {"Urgency": urgency, "Comment": entry.comment}
    await record.calls.call("UpdateReferral", ReferralNumber=held.ReferralNumber, TimeStamps=held.TimeStamps, **correct)
    after = await _entry(record)
    if after is None or after.Urgency != urgency:
        raise Stop(NOT_SAVED)
    if is_shortened(after.Comment, entry.comment):
        raise Stop(SHORTENED)
    return after


async def _hold_alternative_id(record: Record) -> None:
    system, client_id = record.options.alternative_id_system, record.client.client_id
    if await _has_alternative_id(record):
        return
    await record.calls.call("AddAlternativeId", ClientID=client_id, System=system, Value=record.reference)
    if not await _has_alternative_id(record):
        raise Stop(NOT_SAVED)


def _is_open(record: Record, held: Any) -> bool:
    """Whether it may be changed: what stands on a record that was merged away may not."""
    return bool(held.Status == "OPEN" and held.ClientID == record.client.client_id)


async def _has_alternative_id(record: Record) -> bool:
    held = await record.calls.call("GetAlternativeIds", ClientID=record.client.client_id) or []
    wanted = (record.options.alternative_id_system, record.reference)
    return any((one.System, one.Value) == wanted for one in held)


async def discharge(record: Record, ending: str) -> None:
    """With the code that the trust registered for this ending; without one its own staff discharge."""
    reason = record.options.discharge_reasons.get(ending)
    held = await _entry(record) if reason else None
    if held is None or not _is_open(record, held):
        return
    comment = f"Social prescribing, {record.reference}. The outcome is in the progress note of that reference."
    await record.calls.call(
        "DischargeReferral",
        ReferralNumber=held.ReferralNumber,
        TimeStamps=held.TimeStamps,
        DischargeDateTime=record.at,
        DischargeReason=reason,
        Comment=comment,
    )
    after = await _entry(record)
    if after is None or after.Status == "OPEN":
        raise Stop(NOT_SAVED)
