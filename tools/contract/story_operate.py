"""The operators' side of the story: what waits for an EPR that does not answer, and sending it again."""

from tools.contract.stage import EPR, INVESTIGATOR, OPERATOR, PLATFORM
from tools.contract.story_platform import shown
from tools.contract.telling import Teller

from gateway.operations.models import ReplaySince, Transition
from gateway.operations.trace_models import Identified

DELIVERIES, DESTINATIONS, TRACES = "/platform/v1/deliveries", "/platform/v1/destinations", "/platform/v1/traces"
REFUSED, TAKEN = "6a3f0c52-9f0b-4d0e-8b57-1b8a7f0d9c21", "6a3f0c52-9f0b-4d0e-8b57-1b8a7f0d9c22"


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


async def trace(teller: Teller) -> None:
    """Two conversations, short enough to be shown whole: one that was refused, and one that made no referral."""
    patient = {
        "resourceType": "Patient",
        "name": [{"family": "Testcase", "given": ["Maya"]}],
        "birthDate": "1984-05-17",
    }
    create, at = "POST /FHIR/R4/{type}", {"type": "Patient"}
    wrong = patient | {"gender": "F"}
    title = "not-a-gender: A code of another system"
    await teller.call(title, EPR, create, wrong, at=at, given={"X-Correlation-Id": REFUSED})
    await teller.call("", EPR, create, patient, at=at, given={"X-Correlation-Id": TAKEN})
    await teller.call("last: What came in last", OPERATOR, f"GET {TRACES}", query={"limit": 2})
    one = f"{TRACES}/{{key}}"
    await teller.call("refused: Why a request was refused", OPERATOR, f"GET {one}", at={"key": REFUSED})
    await teller.call("masked: People's data is hidden", OPERATOR, f"GET {one}", at={"key": TAKEN})
    await teller.call("untraced: Nothing is kept under this name", OPERATOR, f"GET {one}", at={"key": "4711"})
    why = {"reason": "The EPR says that it sent another name."}
    await teller.call("unmasked: With a reason", INVESTIGATOR, f"POST {one}/unmask", why, at={"key": TAKEN})
    await teller.call("unreasoned: Without one", INVESTIGATOR, f"POST {one}/unmask", {"reason": "x"}, at={"key": TAKEN})
    await teller.call("identified: By an NHS number", OPERATOR, f"POST {TRACES}/_search", shown(Identified))
