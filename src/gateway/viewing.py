"""Which referrals a page about one person shows, and how they stand: nobody else's, and no guess.

The person is the EPR's own FHIR Patient. Whoever is known here under its identifiers without a doubt is this person;
what is in doubt is not shown, and that there may be something is said.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.arrival import Gateway
from gateway.hearing import SILENT, SUBSCRIPTION, Listener, reader_of
from gateway.ids import instant, now
from gateway.people import Identity, agreement, find_people, identity_of_record
from gateway.privacy import is_restricted
from gateway.search.keys import token_key
from gateway.store import referrals, viewing
from gateway.store.people import kept_apart
from gateway.store.referrals import Stored
from mappings.clinician import uk_day
from mappings.systems import NHS_NUMBER
from mappings.view import Copy, ReferralView, copies_of, view_of

Json = dict[str, Any]

ALL_AGREE = 3  # identifier, date of birth and name (gateway.people.agreement)


@dataclass(frozen=True, slots=True)
class Shown:
    """A referral as it is shown, how far that has come to the record systems, and the id of its stored Patient."""

    view: ReferralView
    copies: list[Copy]
    patient_id: str | None
    correlation_id: str


@dataclass(frozen=True, slots=True)
class Viewed:
    """A person's referrals as of `at`: those in use, open ones first and then the newest; and those that were entered
    in error. `in_doubt`: there may be others of this person."""

    at: datetime
    referrals: list[Shown]
    mistakes: list[Shown]
    in_doubt: bool

    def find(self, referral_id: str) -> Shown | None:
        return next((one for one in self.referrals if one.view.id == referral_id), None)

    @property
    def is_open(self) -> bool:
        return any(one.view.is_open for one in self.referrals)


async def view_person(gateway: Gateway, organisation: str, patient: Json) -> Viewed:
    """The referrals that this organisation has sent for its Patient."""
    at = now()
    today = uk_day(at)
    ids, in_doubt = await find_referrals(gateway, organisation, patient, today)
    shown = await _show_all(gateway, organisation, ids, patient, at)
    shown.sort(key=lambda one: not one.view.is_open)
    return Viewed(
        at,
        [one for one in shown if one.view.state != "mistake"],
        [one for one in shown if one.view.state == "mistake"],
        in_doubt,
    )


async def view_sent(gateway: Gateway, organisation: str, patient: Json, referral_id: str) -> Shown:
    """One that was sent from this Patient's own window, however much is in doubt about who else they are."""
    return (await _show_all(gateway, organisation, [referral_id], patient, now()))[0]


async def _show_all(gateway: Gateway, organisation: str, ids: list[str], patient: Json, at: datetime) -> list[Shown]:
    today = uk_day(at)
    late = at - timedelta(seconds=gateway.settings.late_seconds)
    sensitive = is_restricted(patient)
    shown = []
    async with gateway.store.reading() as connection:
        listeners = [
            one
            for one in await referrals.listeners(connection)
            if one.organisation == organisation and one.state != SILENT and reader_of(one) == "record"
        ]
        for id_ in ids:
            stored = await referrals.load(connection, organisation, id_)
            assert stored is not None  # rows are never deleted
            shown.append(await _show(connection, stored, listeners, today, late, sensitive))
    return shown


async def find_referrals(gateway: Gateway, organisation: str, patient: Json, today: date) -> tuple[list[str], bool]:
    """The ids of the person's referrals, the newest first; and whether there may be others."""
    identity = identity_of_record(patient, today.isoformat())
    placed = (await find_people(gateway.store, organisation, [identity]))[0]
    person_id = None if placed.new else placed.person_id
    in_doubt = bool(placed.doubts)
    async with gateway.store.reading() as connection:
        certain = await viewing.of_person(connection, organisation, person_id) if person_id else []
        if person_id and not in_doubt:
            in_doubt = await viewing.is_in_question(connection, organisation, person_id)
        for id_, other, record in await viewing.of_record(connection, organisation, _local(identity)):
            if id_ in certain:
                continue
            if other is None and agreement(record, patient) == ALL_AGREE:
                certain.append(id_)
            elif not (person_id and other and await kept_apart(connection, organisation, person_id, other)):
                in_doubt = True
    return certain, in_doubt


def found_under(patient: Json, today: date) -> tuple[list[str], list[str]]:
    """All under which referrals of this person may stand: keys of table person_key, and values of found_by."""
    identity = identity_of_record(patient, today.isoformat())
    return identity.wanted(), [token_key(system, value) for system, value in _local(identity)]


def _local(identity: Identity) -> list[tuple[str, str]]:
    """The EPR's own identifiers, as (system, value)."""
    parts = (key.partition("|") for key in identity.firm | identity.weak)
    return [(system, value) for system, _, value in parts if value and system != NHS_NUMBER]


async def _show(
    connection: AsyncConnection,
    stored: Stored,
    listeners: list[Listener],
    today: date,
    late: datetime,
    sensitive: bool,
) -> Shown:
    organisation, id_ = stored.row["organisation"], stored.row["id"]
    journal = viewing.journal_of(await referrals.events(connection, organisation, id_))
    rows = [dict(row) for row, _ in await referrals.deliveries(connection, organisation, id_)]
    reached = {row["destination_id"] for row in rows}
    kinds = {one.id: one.kind for one in listeners if one.id in reached and not _is_of_else(one, rows)}
    view = view_of(
        stored.standing.model_dump(),
        viewing.content_of(stored.row),
        [one | {"at": instant(one["at"])} for one in journal],
        today,
        sensitive=sensitive,
    )
    return Shown(view, copies_of(rows, kinds, late), stored.row["patient_id"], stored.row["correlation_id"])


def _is_of_else(listener: Listener, rows: list[Any]) -> bool:
    """Whether it is a Subscription to something else than the referral's Task."""
    theirs = [row for row in rows if row["destination_id"] == listener.id]
    return listener.kind == SUBSCRIPTION and all(row["focus"] for row in theirs)
