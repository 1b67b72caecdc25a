"""The scope grammar: what a scope says, what it covers, and how much of a request is granted."""

import pytest

from gateway.scopes import covers, grant, permissions
from gateway.security import Caller


@pytest.mark.parametrize(
    ("scope", "target", "letters"),
    [
        ("system/ServiceRequest.crus", "system/ServiceRequest", "crus"),
        ("system/Task.r", "system/Task", "r"),
        ("system/*.rs", "system/*", "rs"),
        ("system/Task.read", "system/Task", "rs"),
        ("system/Task.write", "system/Task", "cud"),
        ("system/*.*", "system/*", "cruds"),
    ],
)
def test_a_smart_scope_is_a_resource_type_and_letters(scope: str, target: str, letters: str) -> None:
    assert permissions(scope) == {(target, letter) for letter in letters}


@pytest.mark.parametrize(
    "scope",
    [
        "",
        "openid",
        "system/Task",
        "system/Task.",
        "system/Task.sr",  # SMART v2: the letters stand in the order c r u d s
        "system/Task.rr",
        "system/Task.rs?status=requested",  # we could not keep that promise
        "system/task.rs",
        "patient/Task.rs",
        "system/Task.read ",
        "platform/referrals.rs",
        "platform/*.read",
    ],
)
def test_what_is_not_a_scope_says_what_is(scope: str) -> None:
    with pytest.raises(ValueError, match=r"system/ServiceRequest\.crus"):
        permissions(scope)
    assert not covers(frozenset({"system/*.cruds"}), scope)


@pytest.mark.parametrize(
    ("held", "needed", "allowed"),
    [
        ("system/ServiceRequest.crus", "system/ServiceRequest.c", True),
        ("system/ServiceRequest.crus", "system/ServiceRequest.d", False),
        ("system/ServiceRequest.crus", "system/Task.r", False),
        ("system/Task.r system/Task.s", "system/Task.rs", True),
        ("system/*.rs", "system/Task.s", True),
        ("system/*.rs", "system/Task.u", False),
        ("system/*.r system/Task.u", "system/Task.ru", True),
        ("system/Task.read", "system/Task.s", True),
        ("system/Task.write", "system/Task.c", True),
        ("system/Task.write", "system/Task.r", False),
        ("system/Task.rs", "system/*.rs", False),
        ("system/*.*", "platform/referrals.read", False),
        ("platform/referrals.read", "platform/referrals.read", True),
        ("platform/referrals.write", "platform/referrals.read", False),
        ("platform/referrals.read", "platform/deliveries.read", False),
        ("", "system/Task.r", False),
    ],
)
def test_a_caller_may_do_what_its_scopes_cover(held: str, needed: str, allowed: bool) -> None:
    caller = Caller("client", "XAA01", "epr", frozenset(held.split()))

    assert caller.allows(needed) is allowed


@pytest.mark.parametrize(
    ("requested", "registered", "granted"),
    [
        ("system/Task.rs", "system/Task.crus", "system/Task.rs"),
        ("system/Task.read", "system/*.rs", "system/Task.read"),  # as it was spelt
        ("system/Task.cruds", "system/*.rs", "system/Task.rs"),
        ("system/Task.write", "system/Task.crus", "system/Task.cu"),
        ("system/*.cruds", "system/Task.crus system/Patient.r", "system/Patient.r system/Task.crus"),
        ("system/*.rs", "system/*.r system/Task.s", "system/*.r system/Task.s"),
        ("system/Task.rs openid fhirUser", "system/Task.rs", "system/Task.rs"),
        ("system/Task.d", "system/Task.crus", ""),
        ("platform/referrals.read", "system/*.cruds", ""),
        ("platform/referrals.write", "platform/referrals.read platform/referrals.write", "platform/referrals.write"),
    ],
)
def test_no_more_is_granted_than_is_registered(requested: str, registered: str, granted: str) -> None:
    assert grant(requested.split(), frozenset(registered.split())) == set(granted.split())
