"""The tables. Each key and each hot query starts with the organisation, so the schema can be spread by sender.

`message` is what was received, byte for byte, with the answer given; `resource` what FHIR readers see, version by
version; `referral` and the tables under it the Elemental-style rows; `event` the journal of every change;
`delivery` what each party must still hear. JSON stands in text columns (lz4 on PostgreSQL): measured twice as fast
as jsonb here, and exact; what is searched stands in columns of its own.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from gateway.store.moment import Moment

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


Serial = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows itself only for INTEGER PRIMARY KEY
# Compared byte by byte, so that a range of the index is all that starts alike, whatever the database's language is.
Key = String(512).with_variant(String(512, collation="C"), "postgresql")

# --- who is known here -----------------------------------------------------------------------------------------

organisation = Table(
    "organisation",
    metadata,
    Column("id", String(12), primary_key=True),  # ODS code
    Column("name", Text, nullable=False),
    Column("default_hub_id", String(64)),
    Column("content", Text, nullable=False),  # the registered agreement, as JSON
)

hub = Table(
    "hub",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("borough", Text),
    Column("content", Text, nullable=False),  # phone, response target, advisors, providers, services
)

client = Table(
    "client",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("organisation", String(12), nullable=False),
    Column("role", String(12), nullable=False),  # epr | platform
    Column("scope", Text, nullable=False),  # the most it may ask for, space separated
    Column("hubs", Text, nullable=False),  # JSON list: the hubs a platform client works for
    Column("jwks", Text, nullable=False),  # its public keys
)

jti = Table(
    "jti",
    metadata,
    Column("client_id", String(64), primary_key=True),
    Column("jti", String(255), primary_key=True),
    Column("expires_at", Moment, nullable=False),
)

destination = Table(
    "destination",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("organisation", String(12), nullable=False),  # whose it is
    Column("kind", String(32), nullable=False),  # a kind of gateway.parties.destinations, or fhir-subscription
    Column("url", Text, nullable=False),
    Column("secret", Text, nullable=False),  # Standard Webhooks signing secret, whsec_...
    Column("owner", Text, nullable=False),  # the human who looks after it, as the agreement names them
    Column("content", Text, nullable=False),  # JSON: what else is registered for its kind
    Column("state", String(12), nullable=False),  # healthy | failing | paused (by a person) | disabled
    Column("failures", Integer, nullable=False),  # in a row, of the destination itself
    Column("failing_since", Moment),
    Column("not_before", Moment),  # it is left alone until then: it asked for it, or the next probe waits
    Column("probing_until", Moment),  # one delivery tries whether it is back
    Column("alerted_at", Moment),  # when somebody was told that it fails; until it recovers
    Column("events", BigInteger, nullable=False),  # how many of its deliveries have an event number
    Column("version", Text),  # of its software, when it tells
    Column("last_success_at", Moment),
    Column("last_failure_at", Moment),
    Column("last_failure", Text),
    Index(None, "organisation"),
)

# --- what came in, and what FHIR readers see ---------------------------------------------------------------------

message = Table(
    "message",
    metadata,
    Column("organisation", String(12), primary_key=True),
    Column("id", String(36), primary_key=True),
    Column("client_id", String(64), nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("correlation_id", String(64), nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("digest", String(64), nullable=False),  # SHA-256 of method, path and body: the same request or another?
    Column("body", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", Text, nullable=False),  # JSON of the answer's Location, ETag, Last-Modified
    Column("answer", Text, nullable=False),
    UniqueConstraint("organisation", "client_id", "request_id"),
)

resource = Table(
    "resource",
    metadata,
    Column("organisation", String(12), primary_key=True),
    Column("type", String(32), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("updated_at", Moment, nullable=False),
    Column("method", String(5), nullable=False),  # how this version came: POST, PUT or PATCH
    Column("content", Text, nullable=False),
    Index(None, "organisation", "type", "updated_at", "id"),
)

poll_mark = Table(  # all changes up to this moment have been shown: a trigger on table resource refuses any further one
    "poll_mark",
    metadata,
    Column("organisation", String(12), primary_key=True),
    Column("type", String(32), primary_key=True),
    Column("at", Moment, nullable=False),
)

found_by = Table(  # what the current version of a resource is found by; the rest of a search is judged on its content
    "found_by",
    metadata,
    Column("organisation", String(12), primary_key=True),
    Column("type", String(32), primary_key=True),
    Column("parameter", String(64), primary_key=True),  # R4 search parameter, or reference: any of them
    Column("value", Key, primary_key=True),  # as gateway.search.keys writes it
    Column("id", String(64), primary_key=True),
)

# --- the Elemental-style referral ----------------------------------------------------------------------------------

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

# --- who is who -----------------------------------------------------------------------------------------------------

person = Table(  # the human being that one or more Patient records of an organisation are about
    "person",
    metadata,
    Column("organisation", String(12), primary_key=True),
    Column("id", String(36), primary_key=True),
    Column("birth_date", String(10)),
    Column("names", Text, nullable=False),  # JSON: family and given names, as gateway.people compares them
    Column("created_at", Moment, nullable=False),
    Column("merged_into", String(36)),  # the person it turned out to be
)

person_key = Table(  # what a person is found by, as gateway.people.identity writes it
    "person_key",
    metadata,
    Column("organisation", String(12), primary_key=True),
    Column("key", String(512), primary_key=True),
    Column("person_id", String(36), nullable=False),
    Index(None, "person_id", "organisation"),
)

identity_item = Table(  # a question for a human: are these two the same person?
    "identity_item",
    metadata,
    Column("organisation", String(12), primary_key=True),
    Column("id", String(36), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("referral_id", String(36), nullable=False),
    Column("person_id", String(36), nullable=False),
    Column("other_person_id", String(36)),
    Column("found_at", Moment, nullable=False),
    Column("state", String(32), nullable=False),  # open | same-person | different-people
    Index(None, "state", "id"),
    Index(None, "id"),  # a link worker's system knows the question, not who sent the referral
)

identity_event = Table(  # the history of merging and parting; never changed
    "identity_event",
    metadata,
    Column("organisation", String(12), primary_key=True),
    Column("id", String(36), primary_key=True),
    Column("item_id", String(36), nullable=False),
    Column("at", Moment, nullable=False),
    Column("type", String(32), nullable=False),  # merged | kept-apart | unmerged | reopened
    Column("person_id", String(36), nullable=False),
    Column("other_person_id", String(36)),
    Column("moved", Text, nullable=False),  # JSON: the referrals and keys that changed hands, to give them back by
    Column("actor", Text, nullable=False),  # JSON: client, person, role, organisation
    Column("note", Text, nullable=False),
    Index(None, "organisation", "item_id"),
)

# --- what belongs to a referral ---------------------------------------------------------------------------------------


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

# --- the journal and what follows from it ----------------------------------------------------------------------------

event = Table(
    "event",
    metadata,
    Column("organisation", String(12), primary_key=True),
    Column("referral_id", String(36), primary_key=True),
    Column("number", Integer, primary_key=True),  # 1, 2, 3 ... per referral; also the resulting Task version
    Column("at", Moment, nullable=False),
    Column("type", String(32), nullable=False),
    Column("actor", Text, nullable=False),  # JSON: client, person, role, organisation
    Column("change", Text, nullable=False),  # JSON: what changed
    Column("request_id", String(64), nullable=False),
    Column("correlation_id", String(64), nullable=False),
)

delivery = Table(
    "delivery",
    metadata,
    Column("organisation", String(12), primary_key=True),  # of the referral
    Column("id", String(36), primary_key=True),  # the receiver's idempotency key (webhook-id)
    Column("referral_id", String(36), nullable=False),
    Column("number", Integer, nullable=False),  # of the event
    Column("destination_id", String(64), nullable=False),
    Column("focus", Text),  # Type/id/version of what changed, when that is not the Task
    Column("event_number", BigInteger),  # of the Subscription's events; 0: still to be given
    Column("state", String(12), nullable=False),  # due | delivered | dead
    Column("due_at", Moment, nullable=False),
    Column("leased_until", Moment),
    Column("attempts", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("delivered_at", Moment),
    Column("last_failure", Text),  # why the last attempt did not succeed, in a few words
    # The organisation last: where it leads two indexes, PostgreSQL takes the wrong one until it has statistics.
    UniqueConstraint("referral_id", "destination_id", "number", "organisation"),
)
Index(
    "ix_delivery_due",
    delivery.c.destination_id,
    delivery.c.due_at,
    postgresql_where=delivery.c.state == "due",
    sqlite_where=delivery.c.state == "due",
)
Index(
    "ix_delivery_dead",
    delivery.c.destination_id,
    postgresql_where=delivery.c.state == "dead",
    sqlite_where=delivery.c.state == "dead",
)
Index(  # the events of a Subscription, by number: to number them, and to tell of them again
    "ix_delivery_event",
    delivery.c.destination_id,
    delivery.c.event_number,
    postgresql_where=delivery.c.event_number.isnot(None),
    sqlite_where=delivery.c.event_number.isnot(None),
)

late = Table(  # a referral whose readers were told that a destination has not had the latest
    "late",
    metadata,
    Column("organisation", String(12), primary_key=True),
    Column("referral_id", String(36), primary_key=True),
    Column("destination_id", String(64), primary_key=True),
    Column("since", Moment, nullable=False),
)

tally = Table(  # how many attempts ended how, and how long changes took to arrive; for /metrics
    "tally",
    metadata,
    Column("destination_id", String(64), primary_key=True),
    Column("measure", String(16), primary_key=True),  # attempt: `label` is the outcome | lag: at most so many seconds
    Column("label", String(32), primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),  # in all
)

alert = Table(  # what somebody must be told once: a destination fails, or has recovered
    "alert",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("destination_id", String(64), nullable=False),
    Column("kind", String(12), nullable=False),  # failing | recovered | disabled
    Column("at", Moment, nullable=False),
    Column("reason", Text, nullable=False),
    Column("sent_at", Moment),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Moment, nullable=False),
)
Index(
    "ix_alert_due",
    alert.c.due_at,
    postgresql_where=alert.c.sent_at.is_(None),
    sqlite_where=alert.c.sent_at.is_(None),
)

rehearsal = Table(  # a synthetic referral that was sent through the real path and back
    "rehearsal",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("destination_id", String(64), nullable=False),
    Column("at", Moment, nullable=False),
    Column("milliseconds", Integer, nullable=False),
    Column("failure", Text),  # None: it went all the way round
)

attempt = Table(
    "attempt",
    metadata,
    Column("organisation", String(12), primary_key=True),
    Column("delivery_id", String(36), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("milliseconds", Integer, nullable=False),
    Column("phase", String(32), nullable=False),  # connect | tls | send | answer | fault | done: how far it got
    Column("status", Integer),  # HTTP status, when there was one
    Column("answer", Text),  # its first 2 KB, scrubbed
)

audit = Table(
    "audit",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False),
    Column("organisation", String(12), nullable=False),
    Column("client_id", String(64), nullable=False),
    Column("role", String(32), nullable=False),
    Column("person", Text),
    Column("action", Text, nullable=False),  # method and route template, never an identifier of a person
    Column("target", Text),  # Type/id
    Column("request_id", String(64), nullable=False),
    Column("correlation_id", String(64), nullable=False),
    Column("outcome", Integer, nullable=False),  # HTTP status
)
