"""What the code says of each code of a vocabulary, and may have left out."""

from collections.abc import Iterator

from mappings.check.codes import absent
from mappings.clinician import LINES
from mappings.documents import Gap
from mappings.translate import Maps
from mappings.vocabularies import CLOSURE_REASONS

STATUSES, REASONS = "referral-status", "closure-reason"


def check_words(maps: Maps) -> Iterator[Gap]:
    missing = [name for name in (STATUSES, REASONS) if name not in maps.names("CodeSystem")]
    yield from (Gap(f"{name}.CodeSystem.json", 0, "expected, and missing: the gateway reads it.") for name in missing)
    if missing:
        return
    for code in absent(maps.vocabulary(STATUSES), LINES):
        yield Gap(f"{STATUSES}.CodeSystem.json", 0, f"clinician.LINES has no line for {code}.")
    reasons = [reason for fitting in CLOSURE_REASONS.values() for reason in fitting]
    for code in absent(maps.vocabulary(REASONS), reasons):
        yield Gap(f"{REASONS}.CodeSystem.json", 0, f"CLOSURE_REASONS gives no closing status for {code}.")
