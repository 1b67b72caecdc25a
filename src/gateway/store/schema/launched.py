"""Pages inside an EPR: who sits in front of them, about whom, and what was begun there."""

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, Text

from gateway.store.moment import Moment
from gateway.store.schema.columns import metadata

launch = Table(  # a SMART launch on its way to the EPR's authorization server and back
    "launch",
    metadata,
    Column("state", String(64), primary_key=True),  # SHA-256 of the state: who reads the table cannot use it
    Column("organisation", String(12), nullable=False),
    Column("epr_id", String(64), nullable=False),
    Column("verifier", Text, nullable=False),  # PKCE (RFC 7636), encrypted
    Column("nonce", String(64), nullable=False),  # of the id_token
    Column("expires_at", Moment, nullable=False),
)

launch_session = Table(
    "launch_session",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("organisation", String(12), nullable=False),
    Column("epr_id", String(64), nullable=False),
    Column("secret", String(64), nullable=False),  # SHA-256 of the cookie
    Column("user_id", String(128), nullable=False),  # as the EPR names its user, e.g. Practitioner/AOSEI
    Column("patient_id", String(64)),  # the EPR's; none: about no one person
    Column("content", Text, nullable=False),  # JSON: user, team, patient and what else the launch told
    Column("token", Text),  # the EPR's access token, encrypted; none after a signed launch
    Column("opened_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("ended", String(32)),  # why it is over before its time: switched
    Index(None, "organisation", "epr_id", "user_id"),
)

draft = Table(  # a referral that somebody writes; one for each user and person, kept until it is sent or old
    "draft",
    metadata,
    Column("organisation", String(12), primary_key=True),
    Column("epr_id", String(64), primary_key=True),
    Column("user_id", String(128), primary_key=True),
    Column("patient_id", String(64), primary_key=True),
    Column("id", String(36), nullable=False),  # also the sender's own name of the referral: sent twice, it is one
    Column("answers", Text, nullable=False),  # JSON: linkId -> answers
    Column("opened_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
)

form_use = Table(  # how long a referral took to write; of nobody's record
    "form_use",
    metadata,
    Column("organisation", String(12), primary_key=True),
    Column("id", String(36), primary_key=True),  # of the draft
    Column("user_id", String(128), nullable=False),
    Column("team", Text),
    Column("opened_at", Moment, nullable=False),
    Column("submitted_at", Moment),
    Column("seconds", Integer),  # from the first sight of the form to the sending, without long pauses
    Column("interactions", Integer),  # clicks, choices and fields written in; none: the browser ran no script
    Column("keystrokes", Integer),
    Column("experienced", Boolean, nullable=False),  # whether this user has referred by the form before
    Index(None, "organisation", "opened_at"),
    Index(None, "organisation", "user_id"),
)

team_request = Table(  # somebody of a team that is not active yet asks for it
    "team_request",
    metadata,
    Column("organisation", String(12), primary_key=True),
    Column("team", String(64), primary_key=True),
    Column("user_id", String(128), primary_key=True),
    Column("user_name", Text, nullable=False),
    Column("asked_at", Moment, nullable=False),
)

card_feedback = Table(  # what became of a CDS Hooks card (CDS Hooks 2.0, feedback)
    "card_feedback",
    metadata,
    Column("organisation", String(12), primary_key=True),
    Column("card", String(64), primary_key=True),
    Column("service", String(64), nullable=False),
    Column("outcome", String(12), nullable=False),  # accepted | overridden
    Column("content", Text, nullable=False),  # JSON, as sent
    Column("at", Moment, nullable=False),
)
