"""What is kept of an EPR's answer: enough to find the fault, and nothing of a patient."""

import pytest

from adapters.scrub import scrub


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b"", ""),
        (b"<html>Jane Example, 999 000 0018</html>", "(39 bytes, no OperationOutcome)"),
        (b'{"resourceType":"Patient","name":"Jane"}', "(40 bytes, no OperationOutcome)"),
        (b'{"resourceType":"OperationOutcome","issue":"Jane"}', "(50 bytes, no OperationOutcome)"),
        (b"[" * 100_000, "(100000 bytes, no OperationOutcome)"),
    ],
)
def test_of_what_is_no_outcome_only_the_size_is_kept(body: bytes, kept: str) -> None:
    assert scrub(body) == kept


def test_of_an_outcome_codes_and_harmless_words_are_kept() -> None:
    body = (
        b'{"resourceType":"OperationOutcome","issue":[{"code":"not-found",'
        b'"details":{"coding":[{"code":"REC_NOT_FOUND"}],"text":"Jane Example"},'
        b'"diagnostics":"No patient Jane EXAMPLE (999 000 0018, 9990000018, born 1970-01-31, jane@mail.example)"}]}'
    )

    assert scrub(body) == "not-found/REC_NOT_FOUND: … patient … … … … … … born … …"


def test_no_more_than_two_kilobytes_are_kept() -> None:
    body = b'{"resourceType":"OperationOutcome","issue":[{"code":"invalid","diagnostics":"' + b"no " * 5_000 + b'"}]}'

    assert len(scrub(body)) == 2048
