"""A REF^I12 message, tried as if its feed were registered. Needs the extra hl7v2."""

from gateway.arrival import Gateway
from gateway.errors import BadRequest, Issue, Rejected
from gateway.hl7v2.incoming import Incoming
from gateway.hl7v2.referring import refer as take_referral
from gateway.security import Caller
from mappings.hl7v2.message import Message, Unreadable, read
from mappings.hl7v2.patient import Mistaken

REFERRAL = "REF^I12"
NUMBERS = "urn:trial:referral"


async def refer(gateway: Gateway, caller: Caller, block: bytes) -> None:
    """Raises what `gateway.referrals.accept` raises; BadRequest for what cannot be read or brings no referral."""
    try:
        message = read(block)
        if message.header.name != REFERRAL:
            raise BadRequest(f"MSH-9: only {REFERRAL} brings a referral.")
        organisation = gateway.directory.organisation(caller.organisation) or {}
        feed = organisation.get("hl7v2") or [{"identifiers": _authorities(message), "referral_numbers": NUMBERS}]
        await take_referral(Incoming(gateway, organisation, feed[0], caller, message), block)
    except Unreadable as trouble:
        raise BadRequest(str(trouble)) from None
    except Mistaken as trouble:
        raise Rejected(issues=[Issue("value", str(trouble))]) from None


def _authorities(message: Message) -> dict[str, str]:
    """A system of its own for each assigning authority (CX.4) in PID-3, as a registered feed would say."""
    named = {one.text(4) for pid in message.segments("PID") for one in pid.fields(3)}
    return {name: f"urn:trial:{name}" for name in named if name}
