"""What one request of an EPR brings, from the door to the use case."""

from dataclasses import dataclass, field
from typing import Any

from gateway.messages import Received
from gateway.parties import Directory
from gateway.settings import Settings
from gateway.sources import Known
from gateway.store.engine import Store
from gateway.store.resources import Resource
from mappings.translate import PACKAGED, Maps

Json = dict[str, Any]


@dataclass(frozen=True)
class Gateway:
    """What the use cases work with; one per process, and one for each trial."""

    settings: Settings
    store: Store
    directory: Directory
    trial: bool = False  # what arrives is judged as ever, and not stored: accept raises Judged
    maps: Maps = PACKAGED  # what it translates by; others only when maps are compared


@dataclass
class Asked:
    """One referral that somebody asks for: the request, and the Task that sends it (None: the gateway writes one)."""

    service_request: Resource
    task: Resource | None
    at: dict[str, str]  # where things stand in what was received: "ServiceRequest" -> "Bundle.entry[1].resource" ...


@dataclass
class Revision:
    """A further version of a stored resource: `kept` is stamped with the version after that of `before`."""

    kept: Resource
    before: Json
    at: str  # its place in what was received: "ServiceRequest", "Bundle.entry[1].resource" ...


@dataclass
class Arrival:
    """All that one request brings: new resources with their addresses given, the referrals among them, and further
    versions of what is stored."""

    received: Received
    route: str  # epr-api | epr-message | epr-hl7v2 | epr-launch
    resources: list[Resource]
    known: Known
    revisions: list[Revision] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    names: set[str] = field(default_factory=set)  # further names of the sender for this referral, system|value
    claims: set[str] = field(default_factory=set)  # conditions under which something is created, Type?identifier=...
    addressed_to: list[tuple[str, str]] = field(default_factory=list)  # a message's destinations: system, value
    unheard: set[str] = field(default_factory=set)  # Type/id of what it says to nobody, or of nobody known here
