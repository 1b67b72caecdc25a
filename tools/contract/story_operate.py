"""The operators' side of the story: what waits for an EPR that does not answer, and sending it again."""

from tools.contract.stage import OPERATOR, PLATFORM
from tools.contract.story_platform import shown
from tools.contract.telling import Teller

from gateway.operations.models import ReplaySince, Transition

DELIVERIES, DESTINATIONS = "/platform/v1/deliveries", "/platform/v1/destinations"


async def operate(teller: Teller, referral_id: str) -> None:
    await teller.call("behind: An EPR that takes nothing", OPERATOR, f"GET {DESTINATIONS}")
    query = {"referral": referral_id, "limit": 2}
    found = await teller.call("waiting: Of one referral", OPERATOR, f"GET {DELIVERIES}", query=query)
    at = {"delivery_id": found["deliveries"][0]["id"]}
    one = f"{DELIVERIES}/{{delivery_id}}"
    await teller.call("untried: Nobody has tried it yet", OPERATOR, f"GET {one}", at=at)
    await teller.call("again: It is due now", OPERATOR, f"POST {one}/replay", at=at)
    referral = {"referral_id": referral_id}
    again = "POST /platform/v1/referrals/{referral_id}/replay"
    await teller.call("again: All that waits of a referral", OPERATOR, again, at=referral)
    at = {"destination_id": found["deliveries"][0]["destination"]}
    move = f"POST {DESTINATIONS}/{{destination_id}}/transitions"
    await teller.call("paused: While the EPR is upgraded", OPERATOR, move, shown(Transition), at=at)
    resumed = {"to": "healthy", "reason": "The upgrade is done."}
    await teller.call("resumed: Once it is up again", OPERATOR, move, resumed, at=at)
    restored = f"POST {DESTINATIONS}/{{destination_id}}/replay"
    await teller.call("restored: What it was told since its backup", OPERATOR, restored, shown(ReplaySince), at=at)
    await teller.call("not-operator: Not an operator", PLATFORM, f"GET {DESTINATIONS}")
    await teller.call("nowhere: There is no such delivery", OPERATOR, f"GET {one}", at={"delivery_id": "4711"})
    await teller.call("scraped: For Prometheus", OPERATOR, "GET /metrics")
