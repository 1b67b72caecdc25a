"""Showing what is hidden: for a reason, written down before anything is shown, for one trace and this once."""

from gateway.audit import audit_row
from gateway.errors import Rejected
from gateway.ids import now
from gateway.security import Caller
from gateway.store.engine import Store
from gateway.store.schema import audit
from gateway.telemetry import RequestContext
from gateway.tracing.gathering import Gathered

ACTION = "unmask trace"
LEAST_REASON, MOST_REASON = 10, 200  # characters, in two words or more


def check_reason(given: str) -> str:
    """The reason, tidied. Raises Rejected for one that says nothing."""
    reason = " ".join(given.split())
    if not (LEAST_REASON <= len(reason) <= MOST_REASON and " " in reason and reason.isprintable()):
        text = (
            f"reason must say in {LEAST_REASON} to {MOST_REASON} characters, in plain words, why you must see what "
            "is hidden. Name nobody."
        )
        raise Rejected(text, expression="reason")
    return reason


async def note_unmasking(
    store: Store, caller: Caller, context: RequestContext, gathered: Gathered, key: str, reason: str
) -> None:
    """Writes down who sees this trace unmasked, and why; once it returns, that is durable. It belongs to the
    conversation that was looked into, so that its trace tells of it, too."""
    target, conversation = f"correlation {key}", key
    if gathered.row:
        target, conversation = f"Task/{gathered.row.id}", gathered.row.correlation_id
    about = RequestContext(context.request_id, conversation)
    row = audit_row(caller, about, ACTION, f"{target}: {reason}", 200, now())
    await store.write([(audit, [row])])
