"""What came in, and what FHIR readers see."""

from sqlalchemy import Column, Index, Integer, String, Table, Text, UniqueConstraint

from gateway.store.moment import Moment
from gateway.store.schema.columns import Key, metadata

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
