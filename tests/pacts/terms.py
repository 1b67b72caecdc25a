"""What the pacts say of a value: its shape, and where the one to use stands when a provider is verified."""

import re

from pact import generate, match
from pact.match import AbstractMatcher
from pact.match.matcher import GenericMatcher

UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
INSTANT = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})"
REFERENCE = r"SP-\d{4}-\d{4}-\d{4}"

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJub3QiOiJhIHRva2VuIn0.c2lnbmF0dXJl"
FHIR, JSON = "application/fhir+json", "application/json"

Text = AbstractMatcher[str]


def like(example: str, pattern: str) -> Text:
    """A text of this pattern, whole."""
    return match.regex(example, regex=f"^{pattern}$")


def given(example: str, expression: str, pattern: str | None = None) -> Text:
    """This text (one of this pattern); at verification what the provider state gives, e.g. "Bearer ${token}"."""
    of_state = generate.provider_state(expression)
    return GenericMatcher("regex", example, generator=of_state, regex=f"^{pattern or _escaped(example)}$")


def one_of(example: str, *others: str) -> Text:
    return like(example, f"({'|'.join([example, *others])})")


def exactly(value: str) -> Text:
    """This and nothing else, also inside of what is only of a type."""
    return like(value, _escaped(value))


def bearer() -> Text:
    return given(f"Bearer {TOKEN}", "Bearer ${token}", r"Bearer \S+")


def outcome(code: str, *elements: str) -> dict[str, object]:
    """An OperationOutcome whose issues have this code, say what to do, and name the elements."""
    issue: dict[str, object] = {"severity": exactly("error"), "code": exactly(code), "diagnostics": match.like("Why.")}
    if elements:
        issue["expression"] = [match.like(element) for element in elements]
    return {"resourceType": "OperationOutcome", "issue": match.each_like(issue)}


def _escaped(value: str) -> str:
    return re.sub(r"[.+*?|()$\[\]\\]", r"\\\g<0>", value)
