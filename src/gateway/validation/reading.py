"""Bytes to JSON and back, losing nothing: decimals keep their digits, and doubtful JSON is refused, not repaired."""

import re
from decimal import Decimal
from typing import Any

import jiter
import orjson

from gateway.errors import Unreadable, quoted

_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_ESCAPED = re.compile(rb"\\u00[01]")  # JSON lets control characters in by their escapes only


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object in a request body (R4 json.html); raises Unreadable as `parse_json` does, and for no object."""
    value = parse_json(body)
    if not isinstance(value, dict):
        raise Unreadable("The body is JSON, but not an object. Send one FHIR resource, starting with {.")
    return value


def parse_json(body: bytes) -> Any:
    """The JSON in a request body; numbers with a fraction or exponent are Decimal.

    Raises Unreadable for what is no UTF-8, no JSON, says one key twice, nests too deep, or holds characters that a
    FHIR string cannot (datatypes.html#string: below U+0020 only tab, CR and LF; no lone surrogates).
    """
    if not body.strip():
        raise Unreadable("The body is empty. Send one FHIR resource as JSON.")
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise Unreadable(
            f"The body is not UTF-8: byte {error.start} does not fit. Send JSON encoded as UTF-8."
        ) from None
    try:
        value = jiter.from_json(body, float_mode="decimal", catch_duplicate_keys=True, allow_inf_nan=False)
    except ValueError as error:
        raise Unreadable(_teach(str(error))) from None
    if _ESCAPED.search(body) and _holds_forbidden(value):
        raise Unreadable(
            "A string holds a control character that FHIR does not allow (only tab, CR and LF are). Remove it."
        )
    return value


def dump(resource: dict[str, Any]) -> bytes:
    """JSON as UTF-8; what `parse` read comes back with the digits of each number (1.50 stays 1.50)."""
    try:
        return orjson.dumps(resource, default=_decimal)
    except TypeError:  # an integer beyond 64 bits, which a FHIR decimal may be
        return orjson.dumps(_large_as_decimal(resource), default=_decimal)


def _decimal(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal) and value.is_finite():
        return orjson.Fragment(str(value))
    raise TypeError(f"{type(value).__name__} is not JSON")


def _large_as_decimal(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _large_as_decimal(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_large_as_decimal(each) for each in value]
    return Decimal(value) if isinstance(value, int) and value.bit_length() > 63 else value


def _teach(message: str) -> str:
    """jiter's message without what it quotes from the body, except the name of a duplicate key."""
    where = re.search(r" at (line \d+ column \d+)$", message)
    place = f" at {where[1]}" if where else ""
    if duplicate := re.search(r'duplicate key "(.*)"', message, re.DOTALL):
        return f"The key {quoted(duplicate[1])} stands twice in one object{place}. Send each element once."
    if "surrogate" in message or "hex escape" in message:
        return f"A \\u escape{place} is incomplete or half a surrogate pair. Send characters as UTF-8."
    if "recursion" in message:
        return f"The JSON nests too deep{place}. No FHIR resource needs this."
    return f"The JSON is broken{place}. Send one complete JSON object."


def _holds_forbidden(value: object) -> bool:
    if isinstance(value, str):
        return _FORBIDDEN.search(value) is not None
    if isinstance(value, dict):
        return any(_holds_forbidden(key) or _holds_forbidden(each) for key, each in value.items())
    return isinstance(value, list) and any(map(_holds_forbidden, value))
