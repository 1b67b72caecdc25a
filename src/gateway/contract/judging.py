"""Holds an exchange against what a step expects. Each failure is a sentence: what was expected, and what there was."""

import re
from collections.abc import Mapping
from typing import Any

from adapters.scrub import issue_codes, tells_of_failure
from gateway.contract.exchange import MOST_READ, Exchange
from gateway.contract.fhirpath import evaluate, holds
from gateway.contract.limits import TookTooLong, within_reason
from gateway.contract.suite import Expect


def judge(expect: Expect, exchange: Exchange, kept: Mapping[str, Any], *, incoming: bool = False) -> list[str]:
    """The failures; none when all holds. `kept` has the names that expressions may use, and exchanges kept whole. What
    the counterpart asks may go without an answer, if none is expected (`incoming`)."""
    if exchange.phase != "done" and (expect.wants_answer or not incoming):
        return [f"Expected an answer; {exchange.outcome}."]
    failures = _taken(exchange) if expect.status == "taken" else _status(expect, exchange)
    failures += _headers(expect.header, exchange.headers, "The answer's header")
    failures += _headers(expect.sent_header, exchange.sent_headers, "The request's header")
    failures += _true(expect.that, exchange.json, kept, "the answer", len(exchange.body) >= MOST_READ)
    failures += _true(expect.sent_that, exchange.sent_json, kept, "the request", cut=False)
    failures += _texts(expect.text, exchange.body)
    if expect.same_body_as:
        before: Exchange = kept[expect.same_body_as]
        if before.json != exchange.json:
            failures.append(f"Expected the same body as that of {expect.same_body_as}; it differs.")
    return failures


def _status(expect: Expect, exchange: Exchange) -> list[str]:
    wanted = expect.statuses
    if expect.status == "2xx" and exchange.status in wanted and tells_of_failure(exchange.body):
        return [f"Expected status 2xx without an error; the {exchange.status} holds an OperationOutcome of one."]
    if not wanted or exchange.status in wanted:
        return []
    few = ", ".join(str(one) for one in sorted(wanted)) if len(wanted) < 6 else str(expect.status)
    moved = " Redirects are not followed." if 300 <= (exchange.status or 0) < 400 else ""
    expected = "a refusal (4xx)" if expect.status == "refused" else f"status {few}"
    return [f"Expected {expected}; it was {exchange.status}.{moved}"]


def _taken(exchange: Exchange) -> list[str]:
    """As the gateway judges it: 2xx without a fault inside, or 409 with the issue code `duplicate`."""
    fine = 200 <= (exchange.status or 0) < 300
    if fine and tells_of_failure(exchange.body):
        return [
            f"Expected the update to be taken; the {exchange.status} holds an OperationOutcome that says it was not."
        ]
    if fine or (exchange.status == 409 and "duplicate" in issue_codes(exchange.body)):
        return []
    moved = " Redirects are not followed." if 300 <= (exchange.status or 0) < 400 else ""
    return [f"Expected the update to be taken (2xx); it was {exchange.status}.{moved}"]


def _headers(wanted: Mapping[str, str], had: Mapping[str, str], whose: str) -> list[str]:
    failures = []
    for name, pattern in wanted.items():
        value = had.get(name.lower())
        if value is None:
            failures.append(f"{whose} {name} is missing.")
            continue
        try:
            with within_reason():
                matched = re.fullmatch(pattern, value)
        except TookTooLong as trouble:
            failures.append(f"{whose} {name} could not be held against {pattern}: {trouble}.")
            continue
        if not matched:
            failures.append(f"{whose} {name} is not as expected ({pattern}).")
    return failures


def _texts(wanted: list[str], body: bytes) -> list[str]:
    failures = []
    answer = body.decode("utf-8", "replace") if wanted else ""
    for pattern in wanted:
        try:
            with within_reason():
                found = re.search(pattern, answer)
        except TookTooLong as trouble:
            failures.append(f"The answer, as it came, could not be searched for {pattern}: {trouble}.")
            continue
        if not found:
            failures.append(f"Expected in the answer, as it came: {pattern}")
    return failures


def _true(wanted: list[str], document: Any, kept: Mapping[str, Any], where: str, cut: bool) -> list[str]:
    if not wanted:
        return []
    if cut:
        return [f"Expected JSON; {where} has more than {MOST_READ:,} bytes, and was not read to its end."]
    if document is None:
        return [f"Expected JSON; {where} is none."]
    failures = []
    for expression in wanted:
        try:
            if holds(expression, document, kept):
                continue
            failures.append(f"Expected of {where}: {expression}. {_found(expression, document, kept)}".rstrip())
        except ValueError as trouble:
            failures.append(f"Expected of {where}: {trouble}.")
    return failures


def _found(expression: str, document: Any, kept: Mapping[str, Any]) -> str:
    """For `path = value`: what is there."""
    path, equals, _ = expression.partition(" = ")
    if not equals or " and " in expression or " or " in expression:
        return ""
    try:
        found = evaluate(path, document, kept)
    except ValueError:
        return ""
    return f"There is {', '.join(str(one)[:60] for one in found[:3]) or 'nothing'}."
