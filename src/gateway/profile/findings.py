"""Holds a referral against the profile."""

from collections.abc import Iterator, Mapping

from gateway.errors import Issue
from gateway.profile.rules import Rule, Sent
from gateway.profile.table import NHS_NUMBER_CHECK, RULES

BY_SETTING = {"reject": "error", "warn": "warning"}


def check_referral(sent: Sent, agreed: Mapping[str, str], nhs_number_check: str) -> list[Issue]:
    """All findings on one referral: errors that refuse it, warnings that go with it.

    `agreed` is what the sender's agreement says of single rules, key -> error | warning; `nhs_number_check` is
    reject, warn or off.
    """
    found = [
        Issue(rule.code, text, place, severity, rule.key)
        for rule in RULES
        if (severity := _severity(rule, agreed, nhs_number_check))
        for place, text in _faults(rule, sent)
    ]
    return list(dict.fromkeys(found))


def _severity(rule: Rule, agreed: Mapping[str, str], nhs_number_check: str) -> str | None:
    if rule.key == NHS_NUMBER_CHECK:
        return BY_SETTING.get(nhs_number_check)
    return rule.severity if rule.fixed else agreed.get(rule.key, rule.severity)


def _faults(rule: Rule, sent: Sent) -> Iterator[tuple[str, str]]:
    answer = rule.check(sent)
    if isinstance(answer, list):
        yield from answer
    elif not answer:
        yield rule.expression, rule.text
