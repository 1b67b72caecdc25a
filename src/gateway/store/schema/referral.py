"""The Elemental-style referral, and what belongs to it."""

from sqlalchemy import Column, Float, Index, Integer, String, Table, Text, UniqueConstraint

from gateway.store.moment import Moment
from gateway.store.schema.columns import metadata

referral = Table(
    "referral",
    metadata,
    Column("organisation", String(12), primary_key=True),
    Column("id", String(36), primary_key=True),  # also the id of its Task
    Column("reference", String(25), nullable=False),
    Column("service_request_id", String(64), nullable=False),
    Column("patient_id", String(64)),
    Column("person_id", String(36)),  # who the patient is, across referrals: table person
    Column("message_id", String(36), nullable=False),
    Column("correlation_id", String(64), nullable=False),
    Column("hub_id", String(64), nullable=False),
    Column("urgency", String(12), nullable=False),
    Column("team", Text),  # the referrer's, in words
    Column("referrer", Text),  # their name
    Column("status", String(32), nullable=False),
    Column("task_status", String(20), nullable=False),
    Column("version", Integer, nullable=False),  # number of the last event = version of the Task
    Column("submitted_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column(
        "standing", Text, nullable=False
    ),  # JSON: advisor, reason, alternative, closure ... (mappings.referral.Standing)
    Column("content", Text, nullable=False),  # JSON: the translated referral (mappings.referral.Referral)
    Column("trace", Text, nullable=False),  # JSON: target, source, row of each translated field; unknown codes
    UniqueConstraint("reference"),
    Index(None, "id"),  # a link worker's system knows the referral, not who sent it
    Index(None, "hub_id", "status", "updated_at"),
    Index(None, "organisation", "patient_id"),
    Index(None, "person_id", "organisation"),
    Index(None, "organisation", "team", "updated_at"),
)


own_name = Table(  # a sender's own name for a referral, or a condition of a create: each is used once
    "own_name",
    metadata,
    Column("organisation", String(12), primary_key=True),
    Column("name", Text, primary_key=True),  # system|value, Type/id, address, or Type?identifier=system|value
    Column("target", String(36), nullable=False),  # the referral, or the message that brought what was created
)


awaited = Table(  # a Task whose request stands on the sender's own server: what is still to be fetched from there
    "awaited",
    metadata,
    Column("organisation", String(12), primary_key=True),
    Column("task_id", String(36), primary_key=True),
    Column("url", Text, nullable=False),  # of the ServiceRequest; its own_name until nobody will have it any more
    Column("client_id", String(64), nullable=False),
    Column("correlation_id", String(64), nullable=False),
    Column("state", String(12), nullable=False),  # due | done | dead
    Column("due_at", Moment, nullable=False),
    Column("leased_until", Moment),
    Column("attempts", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("last_failure", Text),  # what went wrong the last time, without patient data
)
Index(
    "ix_awaited_due",
    awaited.c.due_at,
    postgresql_where=awaited.c.state == "due",
    sqlite_where=awaited.c.state == "due",
)
Index(
    "ix_awaited_dead",
    awaited.c.organisation,
    postgresql_where=awaited.c.state == "dead",
    sqlite_where=awaited.c.state == "dead",
)

unmapped_code = Table(  # a code that no map knows, once for each referral that carries it
    "unmapped_code",
    metadata,
    Column("organisation", String(12), primary_key=True),
    Column("system", String(512), primary_key=True),
    Column("code", String(512), primary_key=True),
    Column("referral_id", String(36), primary_key=True),
    Column("at", Moment, nullable=False),
)


def _part(name: str, *columns: Column[object]) -> Table:
    """A table of things that belong to one referral."""
    return Table(
        name,
        metadata,
        Column("organisation", String(12), primary_key=True),
        Column("id", String(36), primary_key=True),
        Column("referral_id", String(36), nullable=False),
        Column("recorded_at", Moment, nullable=False),
        *columns,
        Index(None, "referral_id", "organisation"),  # led by organisation as the key is, the planner may take the key
    )


contact = _part(
    "contact",
    Column("at", Moment, nullable=False),
    Column("mechanism", String(32), nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("by", Text, nullable=False),
    Column("note", Text),
)

prescription = _part(
    "prescription",
    Column("kind", String(32), nullable=False),
    Column("categories", Text, nullable=False),  # JSON list of codes
    Column("provider", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("goal", Text),
    Column("status", String(32), nullable=False),
    Column("status_reason", Text),
    Column("planned_sessions", Integer),
    Column("issued_at", Moment, nullable=False),
)

session = _part(
    "session",
    Column("prescription_id", String(36), nullable=False),
    Column("at", Moment, nullable=False),
    Column("attendance", String(32), nullable=False),
)

measure = _part(
    "measure",
    Column("tool", String(32), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("at", Moment, nullable=False),
    Column("items", Text, nullable=False),  # JSON list of answers
    Column("raw", Integer, nullable=False),
    Column("score", Float, nullable=False),
)
