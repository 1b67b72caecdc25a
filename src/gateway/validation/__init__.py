"""Is this FHIR R4? Bytes -> JSON -> findings: structure by generated schemas, then the invariants no schema can say.

    resource = parse(body)    # raises Unreadable
    issues = check(resource)  # all findings; an empty list is a valid resource
    issues = overlapping(bundle)  # entries of a transaction that change the same: a rule of processing, not of validity

Profiles are not checked here: what a referral needs is said where referrals are accepted.
"""

from gateway.validation.bundles import overlapping
from gateway.validation.checking import check
from gateway.validation.reading import dump, parse, parse_json
from gateway.validation.schema import SUPPORTED

__all__ = ["SUPPORTED", "check", "dump", "overlapping", "parse", "parse_json"]
