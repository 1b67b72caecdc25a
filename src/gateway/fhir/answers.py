"""How a write is answered: where the resource is, its version, and as much of it as Prefer asks for."""

from collections.abc import Sequence
from email.utils import format_datetime

from gateway.errors import Issue, explained, warnings_outcome
from gateway.fhir.exchange import Exchange
from gateway.messages import Answer
from gateway.store.resources import Resource
from gateway.validation import dump


def version_headers(kept: Resource) -> dict[str, str]:
    return {"ETag": kept.etag, "Last-Modified": format_datetime(kept.updated_at, usegmt=True)}


def version_address(exchange: Exchange, kept: Resource) -> str:
    return f"{exchange.base_url}/{kept.reference}/_history/{kept.version}"


def written(exchange: Exchange, kept: Resource, status: int, findings: Sequence[Issue] = ()) -> Answer:
    """ETag, Last-Modified, for a create Location, and the resource unless Prefer asks for less (R4 http.html#ops).

    What was here before is shown to those only who may read it: a write tells them no more than they have sent.
    """
    headers = version_headers(kept)
    if status == 201 or exchange.request.method == "POST":
        headers["Location"] = version_address(exchange, kept)
    if exchange.prefer == "OperationOutcome":
        stored = Issue("informational", "Stored.", severity="information")
        body = dump(warnings_outcome(list(findings) or [stored]))
    elif exchange.prefer == "minimal" or not (status == 201 or exchange.may_read(kept.type)):
        body = b""
    else:
        body = dump(kept.content)
    headers |= explained(exchange.gateway.settings.base_url, findings)
    return Answer(status, body, headers, kept.reference)
