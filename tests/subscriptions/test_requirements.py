"""The subscriptions backport, key by key: each requirement has its verdict, and what holds has a test that shows it."""

import ast
import hashlib
from pathlib import Path

import pytest
from tools.subscription_requirements import CLIENT, FILE, HOLDS, NOT, REPLACED, ROWS, VERDICTS, written

HERE = Path(__file__).parent
LISTED = "0901ced35ce0486b4250980fd849ee8544ede3e7f31a3b43ae195a7bdc16a3b4"  # backport 1.1.0
TESTS = {
    node.name
    for path in HERE.glob("test_*.py")
    for node in ast.walk(ast.parse(path.read_text("utf-8")))
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
}


def test_no_key_is_left_out() -> None:
    assert list(ROWS) == list(range(2, 140))
    assert len(ROWS) == 138


@pytest.mark.parametrize("key", ROWS)
def test_a_requirement_has_its_verdict_and_its_tests(key: int) -> None:
    row = ROWS[key]

    assert row.verdict in VERDICTS
    assert set(row.tests) <= TESTS
    assert row.tests or row.verdict != HOLDS
    assert row.why or row.verdict in {HOLDS, CLIENT} or row.tests
    assert (row.conformance == "DEPRECATED") == (row.verdict == REPLACED)


def test_what_a_server_shall_do_holds() -> None:
    assert {key for key, row in ROWS.items() if row.conformance.startswith("SHALL") and row.verdict == NOT} == set()


def test_what_is_not_served_is_known() -> None:
    assert {key for key, row in ROWS.items() if row.verdict == NOT} == {123, 127}


def test_the_page_is_up_to_date() -> None:
    """`make subscriptions-table` writes it."""
    assert FILE.read_text("utf-8") == written()


def test_keys_and_conformance_are_those_of_the_list() -> None:
    """By the digest of the published list: `key conformance`, a line each, in order of keys."""
    listed = "\n".join(f"{key} {ROWS[key].conformance}" for key in sorted(ROWS))

    assert hashlib.sha256(listed.encode()).hexdigest() == LISTED
