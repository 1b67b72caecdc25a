"""What may be kept of a neighbour's answer: codes, and words that cannot be anybody's."""

import re
from typing import Any

import orjson

MOST_KEPT = 2048  # characters
CODE = re.compile(r"[A-Za-z][A-Za-z_-]{0,63}")
HARMLESS = re.compile(r"[a-z()'.,:;/-]+")


def issue_codes(body: bytes) -> list[str]:
    """The issue types of an OperationOutcome; empty when the body is none."""
    return [issue["code"] for issue in _issues(body) if isinstance(issue.get("code"), str)]


def tells_of_failure(body: bytes) -> bool:
    """Whether it is an OperationOutcome that says it did not work, whatever the HTTP status says."""
    return any(issue.get("severity") in {"error", "fatal"} for issue in _issues(body))


def scrub(body: bytes) -> str:
    """An OperationOutcome's codes and diagnostics without what could name a person; of anything else its size only.

    A word with a capital may be a name and one with a digit part of an NHS number, so of the diagnostics only words
    in plain lower-case letters are kept.
    """
    issues = _issues(body)
    if not issues:
        return f"({len(body)} bytes, no OperationOutcome)" if body else ""
    return "; ".join(_line(issue) for issue in issues)[:MOST_KEPT]


def _issues(body: bytes) -> list[dict[str, Any]]:
    try:
        outcome = orjson.loads(body)
    except orjson.JSONDecodeError:
        return []
    if not isinstance(outcome, dict) or outcome.get("resourceType") != "OperationOutcome":
        return []
    issues = outcome.get("issue")
    return [issue for issue in issues if isinstance(issue, dict)] if isinstance(issues, list) else []


def _line(issue: dict[str, Any]) -> str:
    details = issue.get("details")
    codings = details.get("coding") if isinstance(details, dict) else None
    codes = [issue.get("code"), *(coding.get("code") for coding in codings or [] if isinstance(coding, dict))]
    known = "/".join(code for code in codes if isinstance(code, str) and CODE.fullmatch(code))
    words = str(issue.get("diagnostics") or "").split()
    return f"{known}: " + " ".join(word if HARMLESS.fullmatch(word) else "…" for word in words)
