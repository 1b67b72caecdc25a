"""Under which condition something is done: by what is stored, or by which version of it (R4 http.html#concurrency)."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote

from gateway.errors import BadRequest, Issue, Rejected, VersionConflict
from gateway.fhir.exchange import Exchange
from gateway.store.resources import Resource, find_by_identifier, identifiers

Json = dict[str, Any]

LONGEST_IDENTIFIER = 510
ETAG = re.compile(r'(?:W/)?"([^"]*)"')


def condition(type_: str, query: str, expression: str) -> str:
    """The system|value of `identifier=system|value`, with or without the type before it (http.html#ccreate).

    Raises Rejected for any other condition.
    """
    name, _, value = unquote(query).removeprefix(f"{type_}?").partition("=")
    system, _, code = value.partition("|")
    if name != "identifier" or not system or not code or "&" in value or len(value) > LONGEST_IDENTIFIER:
        text = f"{expression}: the only condition this gateway matches is identifier=system|value."
        raise Rejected(issues=[Issue("not-supported", text, expression)])
    return value


def condition_of(content: Json, query: str, expression: str) -> str:
    """The condition of a create or an update. Raises Rejected too when what is sent would not meet it."""
    named = condition(content["resourceType"], query, expression)
    if named not in identifiers(content):
        text = f"{expression} names an identifier that the resource does not carry: it could never be found by it."
        raise Rejected(issues=[Issue("invariant", text, expression)])
    return named


async def match_identifier(exchange: Exchange, type_: str, named: str, expression: str) -> str | None:
    """The id of this organisation's resource of the type that carries system|value.

    Raises VersionConflict (412) when there are several.
    """
    async with exchange.gateway.store.reading() as connection:
        ids = await find_by_identifier(connection, exchange.caller.organisation, type_, named)
    if len(ids) > 1:
        text = f"{expression} matches more than one {type_}. Name one that is unique."
        raise VersionConflict(issues=[Issue("multiple-matches", text, expression)])
    return ids[0] if ids else None


def check_if_match(wanted: str | None, version: int, expression: str) -> None:
    """Raises VersionConflict (412) when If-Match names another version, BadRequest when it names none."""
    if wanted is None or wanted.strip() == "*":
        return
    named = ETAG.fullmatch(wanted.strip())
    if not named:
        text = f'{expression} must be the ETag of the version that you have read, e.g. W/"1".'
        raise BadRequest(issues=[Issue("value", text, expression)])
    if named[1] != str(version):
        raise VersionConflict(expression=expression)


def names_version(if_none_match: str, version: str) -> bool:
    """Whether If-None-Match names the version: *, or one of several ETags, weak or strong (RFC 9110, 13.1.2)."""
    return if_none_match.strip() == "*" or version in ETAG.findall(if_none_match)


def is_known(exchange: Exchange, kept: Resource, before: datetime | None) -> bool:
    """Whether the caller has this version already, by If-None-Match, else by If-Modified-Since (http.html#cread).

    HTTP dates have whole seconds: with `before`, the time of the version before it, in the same second, the caller may
    have seen that one only.
    """
    headers = exchange.request.headers
    if "if-none-match" in headers:
        return names_version(headers["if-none-match"], str(kept.version))
    try:
        since = parsedate_to_datetime(headers.get("if-modified-since", ""))
    except (ValueError, OverflowError):  # RFC 9110, 13.1.3: a date that is none is to be ignored
        return False
    since = since.replace(tzinfo=since.tzinfo or UTC)
    second = kept.updated_at.replace(microsecond=0)
    return second <= since and not (before and before >= second)
