"""X-Provenance: who did this and on whose behalf, sent with what was done (R4 provenance.html#header)."""

from gateway.errors import BadRequest, Issue
from gateway.fhir.arrivals import new_resource
from gateway.fhir.exchange import Exchange
from gateway.messages import Received
from gateway.store.resources import Resource
from gateway.validation import check, parse

HEADER = "X-Provenance"
UNATTESTED = Issue(
    "informational", f"{HEADER} was not recorded: nothing was written that it could be about.", HEADER, "warning"
)


def provenance_of(exchange: Exchange, received: Received, target: Resource) -> list[tuple[Resource, str]]:
    """The Provenance in the header, about this version of `target`, with its place; nothing when there is none.

    Raises BadRequest for what is no Provenance, or says itself what it is about; Forbidden without the scope for it.
    """
    given = exchange.request.headers.get(HEADER)
    if given is None:
        return []
    exchange.require("system/Provenance.c")
    content = parse(given.encode("latin-1"))
    if content.get("resourceType") != "Provenance" or "target" in content:
        text = f"{HEADER} takes a Provenance as JSON on one line, without target: that is what the body brings."
        raise BadRequest(issues=[Issue("invalid", text, HEADER)])
    # What a Task's next version is depends on where its referral has come to when it is stored.
    version = "" if target.type == "Task" and target.version > 1 else f"/_history/{target.version}"
    content["target"] = [{"reference": f"{target.reference}{version}"}]
    issues = check(content, HEADER)
    if issues:
        raise BadRequest(issues=issues)
    return [(new_resource(content, received), HEADER)]
