"""Which of the requests of a counterpart a step means."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from gateway.contract.exchange import Exchange
from gateway.contract.fhirpath import evaluate
from gateway.contract.filling import Filling
from gateway.contract.limits import TookTooLong, within_reason
from gateway.contract.suite import Await

Meant = Callable[[Exchange], bool]
WRITES = {"POST", "PUT", "PATCH"}
DOORS = ("/FHIR/R4", "/platform/v1")


def is_write(asked: Exchange) -> bool:
    """At one of the gateway's doors: what is answered otherwise when a step does not say which request it means."""
    return asked.method in WRITES and asked.url.startswith(DOORS)


def meant_by(wanted: Await, filling: Filling) -> Meant:
    """Raises CannotFill for a name in the path that nobody has kept."""
    matching = re.compile(filling.pattern(wanted.path))

    def is_meant(asked: Exchange) -> bool:
        if wanted.method not in {asked.method, "any"} or not _matches(matching, asked.url):
            return False
        return wanted.saying is None or find(wanted.saying, asked.sent_json, filling.kept) == [True]

    return is_meant


def _matches(matching: re.Pattern[str], url: str) -> bool:
    try:
        with within_reason():
            return matching.fullmatch(url) is not None
    except TookTooLong:
        return False


def find(expression: str, document: Any, kept: Mapping[str, Any]) -> list[Any]:
    """What the expression finds in what came; nothing in what it cannot be carried out on."""
    try:
        return evaluate(expression, document, kept) if document is not None else []
    except ValueError:
        return []
