"""One Consent, read: what permits, what refuses and what does not count."""

from typing import Any

import pytest

from mappings.consent import EXCEPTIONS, PERMITTED, judge

Json = dict[str, Any]

DENY, PERMIT = {"type": "deny"}, {"type": "permit"}


def coded(code: str) -> Json:
    return {"coding": [{"system": "urn:any", "code": code}]}


def read(**consent: Any) -> str:
    return judge({"resourceType": "Consent", "status": "active", **consent}, "2026-02-01").decision


@pytest.mark.parametrize(
    "consent",
    [
        {},
        {"provision": PERMIT},
        {"scope": coded("patient-privacy"), "provision": PERMIT},
        {"scope": {"coding": [{"code": "patient-privacy"}, {"code": "research"}]}},
        {"policyRule": coded("OPTIN")},
        {"verification": [{"verified": True}]},
        {"provision": {"type": "permit", "period": {"start": "2026-02", "end": "2026-02-01"}}},
        {"provision": {"type": "permit", "provision": [{"type": "deny", "period": {"end": "2025"}}]}},
    ],
)
def test_a_consent_that_permits(consent: Json) -> None:
    assert judge({"status": "active", **consent}, "2026-02-01") == PERMITTED


@pytest.mark.parametrize(
    "consent",
    [
        {"provision": DENY},
        {"provision": {"provision": [DENY]}},
        {"provision": {"provision": [{"provision": [DENY]}]}},
        {"provision": {"type": "deny", "provision": [PERMIT]}},
        {"status": "proposed", "provision": DENY},
        {"status": "inactive", "provision": PERMIT},
        {"status": "rejected"},
        {"policyRule": coded("OPTOUT")},
        {"policyRule": coded("OPTOUTE"), "provision": PERMIT},
        {"scope": coded("treatment"), "provision": DENY},
        {"verification": [{"verified": False}], "provision": DENY},
    ],
)
def test_a_consent_that_refuses(consent: Json) -> None:
    assert read(**consent) == "deny"


@pytest.mark.parametrize(
    "consent",
    [
        {"status": "draft", "provision": PERMIT},
        {"status": "proposed", "provision": PERMIT},
        {"status": None, "provision": PERMIT},
        {"status": "entered-in-error", "provision": DENY},
        {"provision": {"type": "permit", "period": {"end": "2026-01-31"}}},
        {"provision": {"type": "permit", "period": {"start": "2026-02-02"}}},
        {"provision": {"provision": [{"type": "permit", "period": {"end": "2025"}}]}},
        {"scope": coded("research"), "provision": PERMIT},
        {"scope": coded("research"), "provision": DENY},
        {"scope": coded("treatment"), "provision": PERMIT},
        {"verification": [{"verified": True}, {"verified": False}], "provision": PERMIT},
    ],
)
def test_a_consent_that_does_not_count(consent: Json) -> None:
    judgement = judge({"status": "active", **consent}, "2026-02-01")
    assert judgement.decision == "not-asked"
    assert judgement.finding


def test_a_permit_with_exceptions_asks_to_be_read() -> None:
    provision = {"type": "permit", "provision": [{"type": "deny", "actor": [{"reference": {"display": "Her uncle"}}]}]}
    assert judge({"status": "active", "provision": provision}, "2026-02-01") == EXCEPTIONS
