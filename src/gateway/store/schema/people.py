"""Who is who."""

from sqlalchemy import Column, Index, String, Table, Text

from gateway.store.moment import Moment
from gateway.store.schema.columns import metadata

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
Index(  # few are: without it, whoever asks who a person was found to be reads all people
    "ix_person_merged_into",
    person.c.merged_into,
    person.c.organisation,
    postgresql_where=person.c.merged_into.is_not(None),
    sqlite_where=person.c.merged_into.is_not(None),
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
