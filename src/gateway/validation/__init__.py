"""Is this FHIR R4? Bytes -> JSON -> findings: structure by generated schemas, then the invariants no schema can say.

    resource = parse(body)    # raises Unreadable
    issues = check(resource)  # all findings; an empty list is a valid resource

Profiles are not checked here: what a referral needs is said where referrals are accepted.
"""

from gateway.validation.checking import check
from gateway.validation.reading import dump, parse
from gateway.validation.structure import SUPPORTED

__all__ = ["SUPPORTED", "check", "dump", "parse"]
