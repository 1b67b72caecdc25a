"""A message from a known sender, on its way to what it changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

import orjson

from gateway.arrival import Gateway
from gateway.errors import Forbidden
from gateway.messages import Answer, Received
from gateway.security import Caller
from gateway.telemetry import RequestContext
from mappings.hl7v2.message import Message

Json = dict[str, Any]

CONTROL_IDS = UUID("c1c7ce5e-0c53-5f0c-9a4f-6d9b1d0a7f11")  # our own namespace (RFC 9562, 5.5)


class NothingHeld(Exception):
    """The message is about nobody of whom anything is held here. Nothing of it is stored."""


@dataclass(frozen=True, slots=True)
class Incoming:
    gateway: Gateway
    organisation: Json  # as registered
    feed: Json  # gateway.parties.shapes.Hl7v2Feed
    caller: Caller
    message: Message

    @property
    def systems(self) -> Mapping[str, str]:
        """Assigning authority (CX.4) -> FHIR system."""
        systems: Mapping[str, str] = self.feed["identifiers"]
        return systems

    @property
    def action(self) -> str:
        return f"HL7v2 {self.message.header.name}"

    @property
    def by(self) -> str:
        """Who says it, as link workers read it."""
        return str(self.organisation["name"])

    @property
    def context(self) -> RequestContext:
        """The ids of the message: a resend has the same."""
        header = self.message.header
        name = "|".join((self.caller.client_id, header.sending_application, header.sending_facility, header.control_id))
        request_id = str(uuid5(CONTROL_IDS, name))
        return RequestContext(request_id, request_id)

    def require(self, *scopes: str) -> None:
        """Raises Forbidden unless the feed's client may do all of it."""
        for scope in scopes:
            if not self.caller.allows(scope):
                raise Forbidden(f"The feed's client needs the scope {scope} for this message.")


def received(incoming: Incoming, block: bytes, kept: Json) -> Received:
    """The message as it is stored: the resources that were made of it, not its text, which tells more of people than
    is needed here. A resend is told by all of its bytes."""
    body = orjson.dumps({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": kept}]})
    return Received(incoming.action, "", block, body)


def accepted(text: str = "", target: str | None = None) -> Answer:
    return Answer(200, orjson.dumps({"acknowledgement": "AA", "text": text}), target=target)
