"""What a token allows, in three spellings: SMART v2 `system/ServiceRequest.crus`, SMART v1 `system/Task.read`, and
our own `platform/referrals.read` or `operations/deliveries.read`.

Source: SMART App Launch 2.2, "Scopes for requesting FHIR resources" (v1: read = rs, write = cud). Search parameters in
a scope (`...?category=...`) are not understood, and so never granted.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache

PLATFORM_SCOPES = frozenset({"platform/referrals.read", "platform/referrals.write", "platform/deliveries.read"})
OPERATIONS_SCOPES = frozenset(
    {
        "operations/deliveries.read",
        "operations/deliveries.write",
        "operations/traces.read",
        "operations/traces.unmask",  # what stands in people's records, too: for a reason, and audited
    }
)
OUR_SCOPES = PLATFORM_SCOPES | OPERATIONS_SCOPES

SMART_SCOPE = re.compile(r"(system/(?:\*|[A-Z][A-Za-z]{1,63}))\.(?=.)(c?r?u?d?s?|read|write|\*)")
SMART_V1 = {"read": "rs", "write": "cud", "*": "cruds"}

Permission = tuple[str, str]
"""One thing one may do, e.g. ("system/Task", "r") or ("platform/referrals", "write")."""


@lru_cache(maxsize=1024)
def permissions(scope: str) -> frozenset[Permission]:
    """The single permissions in a scope. Raises ValueError when it is none of the three spellings."""
    if scope in OUR_SCOPES:
        target, permission = scope.split(".")
        return frozenset({(target, permission)})
    match = SMART_SCOPE.fullmatch(scope)
    if not match:
        raise ValueError(
            "expected a SMART scope such as system/ServiceRequest.crus (letters in the order c r u d s) or one of "
            + ", ".join(sorted(OUR_SCOPES))
        )
    target, letters = match.groups()
    return frozenset((target, letter) for letter in SMART_V1.get(letters, letters))


@lru_cache(maxsize=1024)
def covers(held: frozenset[str], needed: str) -> bool:
    """Whether the scopes held allow all of the scope needed; `system/*` stands for each resource type.

    What is no scope is not allowed: the resource type in `needed` may come from an address.
    """
    try:
        wanted = permissions(needed)
    except ValueError:
        return False
    granted = _all(held)
    return all((target, letter) in granted or (_any_type(target), letter) in granted for target, letter in wanted)


def grant(requested: Iterable[str], registered: frozenset[str]) -> frozenset[str]:
    """The part of what is requested that is registered: as it was spelt where all of it is, else the letters left.

    E.g. of `system/Task.cruds`, with `system/*.rs` registered: `system/Task.rs`. What is not understood is left out.
    """
    granted: set[str] = set()
    for scope in requested:
        if covers(registered, scope):
            granted.add(scope)
        else:
            with suppress(ValueError):
                granted |= _common(permissions(scope), registered)
    return frozenset(granted)


def _common(wanted: frozenset[Permission], registered: frozenset[str]) -> set[str]:
    held = _all(registered)
    letters: dict[str, set[str]] = defaultdict(set)
    for target, letter in wanted:
        for held_target, held_letter in held:
            if letter != held_letter:
                continue
            if held_target in (target, _any_type(target)):
                letters[target].add(letter)
            elif target == _any_type(held_target):
                letters[held_target].add(letter)
    return {f"{target}.{''.join(letter for letter in 'cruds' if letter in some)}" for target, some in letters.items()}


def _all(scopes: frozenset[str]) -> frozenset[Permission]:
    return frozenset().union(*(permissions(scope) for scope in scopes))


def _any_type(target: str) -> str:
    return target.partition("/")[0] + "/*"
