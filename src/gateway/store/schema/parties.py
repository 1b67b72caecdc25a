"""Who is known here."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from gateway.store.moment import Moment
from gateway.store.schema.columns import metadata

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
    Column("role", String(12), nullable=False),  # epr | platform | operator
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
    Column("state", String(12), nullable=False),  # healthy | failing | paused (by a person) | disabled | retired
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
