"""Each rule of the profile by its examples; what a sender's agreement may change; the table in the docs."""

from pathlib import Path
from typing import Any

import pytest
from tests.profile.examples import EXAMPLES, Change
from tools.profile_table import FILE, written

from gateway.errors import Issue
from gateway.profile import CONFIGURABLE, RULES

KEYS = [rule.key for rule in RULES]
BY_KEY = {rule.key: rule for rule in RULES}
SENT_AS = {"role": "PractitionerRole/1", "organization": "Organization/1", "flag": "Flag/1"}


def judge(sent: Any, change: Change, agreed: dict[str, str] | None = None, check: str = "reject") -> list[Issue]:
    """What is found on the complete referral after this change."""
    for what, elements in change.items():
        if what == "hub":
            continue
        resource = sent.known[SENT_AS[what]] if what in SENT_AS else getattr(sent, what)
        resource.update(elements)
        for name in [name for name, value in elements.items() if value is None]:
            del resource[name]
    found: list[Issue] = sent.judge(agreed or {}, check, **change.get("hub", {}))
    return found


def broken(key: str, findings: list[Issue]) -> list[Issue]:
    """The findings of one rule: told by its words, or, where it finds words for each case, by its element's."""
    rule = BY_KEY[key]
    if key in {"consent-refused", "consent-in-doubt", "about-another", "code-known"}:
        starts = (rule.expression, "Consent") if rule.expression == "Consent" else (rule.expression,)
        return [one for one in findings if (one.expression or "").startswith(starts) and one.code == rule.code]
    return [one for one in findings if one.text == rule.text]


def test_every_rule_has_examples_of_both() -> None:
    assert list(EXAMPLES) == KEYS
    assert all(holds and breaks for holds, breaks in EXAMPLES.values())


@pytest.mark.parametrize(("key", "number"), [(key, n) for key, (some, _) in EXAMPLES.items() for n in range(len(some))])
def test_what_satisfies_the_rule(sent: Any, key: str, number: int) -> None:
    assert broken(key, judge(sent, EXAMPLES[key][0][number])) == []


@pytest.mark.parametrize(("key", "number"), [(key, n) for key, (_, some) in EXAMPLES.items() for n in range(len(some))])
def test_what_breaks_the_rule(sent: Any, key: str, number: int) -> None:
    rule = BY_KEY[key]
    (finding,) = broken(key, judge(sent, EXAMPLES[key][1][number]))
    assert (finding.severity, finding.code) == (rule.severity, rule.code)


def test_a_complete_referral_has_no_findings(sent: Any) -> None:
    assert judge(sent, {}) == []


@pytest.mark.parametrize("key", CONFIGURABLE)
def test_an_agreement_decides_what_refuses(sent: Any, key: str) -> None:
    other = {"error": "warning", "warning": "error"}[BY_KEY[key].severity]
    (finding,) = broken(key, judge(sent, EXAMPLES[key][1][0], {key: other}))
    assert finding.severity == other


@pytest.mark.parametrize("key", [rule.key for rule in RULES if rule.fixed])
def test_whose_referral_it_is_and_a_refused_consent_are_the_same_for_every_sender(sent: Any, key: str) -> None:
    assert key not in CONFIGURABLE
    (finding,) = broken(key, judge(sent, EXAMPLES[key][1][0], {key: "warning"}))
    assert finding.severity == "error"


@pytest.mark.parametrize(("check", "severities"), [("reject", ["error"]), ("warn", ["warning"]), ("off", [])])
def test_the_check_of_nhs_numbers_has_a_setting_of_its_own(sent: Any, check: str, severities: list[str]) -> None:
    findings = judge(sent, EXAMPLES["nhs-number-check"][1][0], {"nhs-number-check": "error"}, check)
    assert [one.severity for one in broken("nhs-number-check", findings)] == severities


def test_a_refusing_consent_is_not_also_no_consent(sent: Any) -> None:
    findings = judge(sent, EXAMPLES["consent-refused"][1][0], {"consent": "error"})
    assert [one.expression for one in findings] == ["Consent.provision.type"]


def test_the_docs_show_the_table_as_it_is() -> None:
    assert Path(__file__).parents[2].joinpath(FILE).read_text("utf-8") == written(), "run: make profile-table"
