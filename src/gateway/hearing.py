"""Who must hear of a change of a referral: the registered destinations that it concerns. Pure."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gateway.filters import judge_of

SILENT = "retired"  # the state of a destination that hears of nothing any more
SUBSCRIPTION = "fhir-subscription"  # the kind of a destination that a client made itself, as a FHIR Subscription


@dataclass(frozen=True, slots=True)
class Listener:
    """A registered destination: whose it is, its kind, and the JSON of what else is registered for it."""

    id: str
    organisation: str
    kind: str
    state: str
    content: str


@dataclass(frozen=True, slots=True)
class Written:
    """A version of a FHIR resource that the change wrote."""

    type: str
    id: str
    version: int
    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Heard:
    """That a destination hears of an event: of its Task, or of the resource in `focus` (Type/id/version). A
    Subscription's events are numbered: 0 until it has been done."""

    destination_id: str
    focus: str | None = None
    event_number: int | None = None


def heard_by(
    listeners: Iterable[Listener], organisation: str, hub_id: str | None, written: Sequence[Written]
) -> list[Heard]:
    """Who hears of a change of a referral that this organisation sent to this hub (None: not placed yet).

    The sender's own destinations do; another's, a platform's say, that name the hub; a Subscription of the sender's
    where something that was written is what it asks for. One that is paused, disabled or in error hears too: it is
    told later.
    """
    heard = []
    for one in listeners:
        if one.state == SILENT:
            continue
        if one.kind == SUBSCRIPTION:
            heard += _notified(one, organisation, written)
        elif _concerns(one, organisation, hub_id):
            heard.append(Heard(one.id))
    return heard


def _concerns(listener: Listener, organisation: str, hub_id: str | None) -> bool:
    hubs = _options(listener.content).get("hubs")
    return listener.organisation == organisation if hubs is None else hub_id in hubs


def _notified(listener: Listener, organisation: str, written: Sequence[Written]) -> list[Heard]:
    """A Subscription has one topic, so one event of it at most."""
    if listener.organisation != organisation:
        return []
    options = _options(listener.content)
    meets = judge_of(options["type"], map(tuple, options["filters"]))
    for one in written:
        if one.type == options["type"] and meets(one.content):
            focus = None if one.type == "Task" else f"{one.type}/{one.id}/{one.version}"
            return [Heard(listener.id, focus, 0)]
    return []


@lru_cache(maxsize=1024)
def _options(content: str) -> dict[str, Any]:
    options: dict[str, Any] = json.loads(content)
    return options
