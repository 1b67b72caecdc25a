"""The trust's own lists, which change while RiO runs: read again when RiO refuses a code."""

from adapters.rio.options import RioOptions
from adapters.rio.reasons import Stop, no_code
from adapters.rio.session import Calls


async def check_codes(calls: Calls, options: RioOptions) -> None:
    """Raises Stop for the first code of the options that is not an active one of its list, saying which."""
    urgencies = options.urgencies
    used = {
        "NoteType": {"note type": options.note_type},
        "DocumentType": {"document type": options.document_type},
        "ReferralSource": {"referral source": options.referral_source},
        "ReferralReason": {"referral reason": options.referral_reason},
        "Urgency": {f"code for {name}": getattr(urgencies, name) for name in type(urgencies).model_fields},
        "Service": {"service": options.service} if options.service else {},
        "DischargeReason": {f"code for {name}": code for name, code in options.discharge_reasons.items()},
    }
    for lookup, codes in used.items():
        if codes:
            answered = await calls.call("GetLookups", Name=lookup)
            active = {entry.Code for entry in answered.Entry or [] if entry.Active}
            for element, code in codes.items():
                if code not in active:
                    raise Stop(no_code(element, lookup))
    teams = await calls.call("GetTeams") or []
    if options.team not in {team.Code for team in teams}:
        raise Stop(no_code("team", "Team"))
