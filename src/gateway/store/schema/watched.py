"""How deliveries are watched."""

from sqlalchemy import BigInteger, Column, Float, Index, Integer, String, Table, Text

from gateway.store.moment import Moment
from gateway.store.schema.columns import metadata

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
    Column("told", Text, nullable=False, server_default=""),  # the ways it has gone out by, space separated
    Column("sent_at", Moment),  # when it had gone out by all of them
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
