"""The tables. Each key and each hot query starts with the organisation, so the schema can be spread by sender.

`message` is what was received, byte for byte, with the answer given; `resource` what FHIR readers see, version by
version; `referral` and the tables under it the Elemental-style rows; `event` the journal of every change;
`delivery` what each party must still hear. JSON stands in text columns (lz4 on PostgreSQL): measured twice as fast
as jsonb here, and exact; what is searched stands in columns of its own.
"""

from gateway.store.schema.columns import metadata
from gateway.store.schema.journal import attempt, audit, delivery, event
from gateway.store.schema.launched import card_feedback, draft, form_use, launch, launch_session, team_request
from gateway.store.schema.parties import client, destination, hub, jti, organisation
from gateway.store.schema.people import identity_event, identity_item, person, person_key
from gateway.store.schema.received import found_by, message, poll_mark, resource
from gateway.store.schema.referral import (
    awaited,
    contact,
    measure,
    own_name,
    prescription,
    referral,
    session,
    unmapped_code,
)
from gateway.store.schema.watched import alert, late, rehearsal, tally

__all__ = [
    "alert",
    "attempt",
    "audit",
    "awaited",
    "card_feedback",
    "client",
    "contact",
    "delivery",
    "destination",
    "draft",
    "event",
    "form_use",
    "found_by",
    "hub",
    "identity_event",
    "identity_item",
    "jti",
    "late",
    "launch",
    "launch_session",
    "measure",
    "message",
    "metadata",
    "organisation",
    "own_name",
    "person",
    "person_key",
    "poll_mark",
    "prescription",
    "referral",
    "rehearsal",
    "resource",
    "session",
    "tally",
    "team_request",
    "unmapped_code",
]
