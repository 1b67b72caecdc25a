"""A new referral: reason new."""

from gateway.arrival import Arrival
from gateway.fhir.arrivals import find_referrals
from gateway.fhir.conditions import LONGEST_IDENTIFIER
from gateway.fhir.exchange import Exchange
from gateway.fhir.messages.entries import arrive
from gateway.fhir.messages.workflow import Message
from gateway.messages import Received
from gateway.store.resources import identifiers


async def refer(
    exchange: Exchange, received: Received, message: Message, unplaced: set[int], addressed_to: list[tuple[str, str]]
) -> Arrival:
    """The referral that the message brings. Adds to `unplaced` the Tasks that do not send it.

    A BaRS Task hangs on the CarePlan and has no focus: the first one becomes the referral's. Further ones describe
    activities; they stay in the message, because a Task shown here that nobody moves would be a lie.
    """
    tasks = message.of_type("Task")
    unplaced |= {index for index in tasks[1:] if "focus" not in message.resources[index]}
    given = message.names[message.index]
    names = {name for name in given if name.startswith("http") and len(name) <= LONGEST_IDENTIFIER}
    names |= {f"Bundle|{message.bundle['id']}"} if "id" in message.bundle else set()
    arrival, places = await arrive(exchange, received, message, {}, {}, unplaced)
    arrival.names = names | identifiers(message.bundle)
    arrival.addressed_to = addressed_to
    find_referrals(arrival, places, tasks_needed=False)
    return arrival
