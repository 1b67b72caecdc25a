"""What the judgement of one referral costs, beside the typed model that judges less."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

from fhir.resources.R4B.bundle import Bundle

from gateway.validation import check, parse

BUNDLE = Path(__file__).parents[1] / "src/gateway/demo/referral.json"
ROUNDS = 7


def measure_checking() -> tuple[float, float]:
    """Milliseconds of processor time to parse and check the demo's 8 KB Bundle: by the gateway, by fhir.resources.

    Medians of rounds in turn, so that the machine's drift meets both.
    """
    body = BUNDLE.read_bytes()
    if check(parse(body)):
        raise SystemExit("The demo's Bundle is not valid: the measure would be of finding faults.")
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(_cpu(lambda: check(parse(body)), 400))
        theirs.append(_cpu(lambda: Bundle.model_validate_json(body), 20))
    return statistics.median(ours), statistics.median(theirs)


def _cpu(work: Callable[[], object], times: int) -> float:
    work()
    started = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - started) * 1000 / times
