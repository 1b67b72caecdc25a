"""The journal, and what follows from it."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text, UniqueConstraint

from gateway.store.moment import Moment
from gateway.store.schema.columns import Serial, metadata

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
    Index(None, "correlation_id"),  # a trace is asked for by it alone
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
    Column("state", String(12), nullable=False),  # due | delivered | dead | dropped (its destination was retired)
    Column("due_at", Moment, nullable=False),
    Column("leased_until", Moment),
    Column("attempts", Integer, nullable=False),
    Column("replayed_after", Integer),  # so many attempts it was sent again by a person; the retries start anew there
    Column("created_at", Moment, nullable=False),  # or sent again, when it had been delivered before
    Column("delivered_at", Moment),  # the last time; stays when it is sent again
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
    Column("findings", Text),  # JSON: why it was refused, as it was answered; elements and rules, never a value
    Index(None, "at"),
    Index(None, "correlation_id"),
)
