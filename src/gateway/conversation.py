"""What an organisation sent before about a referral: found by any of its names, for messages that change it."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.referrals import Accepted
from gateway.store.engine import Store
from gateway.store.resources import Resource, load, read
from gateway.store.schema import message, own_name, referral
from gateway.validation import parse

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sent:
    """A referral that was sent before: its Task, ServiceRequest and Patient as they are now, and the body that brought
    this version of the ServiceRequest (None: it was not a message)."""

    id: str
    reference: str
    hub_id: str
    task: Json
    request: Json
    patient: Json | None
    body: bytes | None


def version_name(service_request: str, version: int | str) -> str:
    """The name under which the message is kept that brought a version of a ServiceRequest: each is brought once."""
    return f"{service_request}/_history/{version}"


async def find_sent(store: Store, organisation: str, names: Iterable[str], references: Iterable[str]) -> list[Sent]:
    """The referrals of this organisation that have one of its own names, or one of our references (SP-...)."""
    wanted = select(
        referral.c.id,
        referral.c.reference,
        referral.c.hub_id,
        referral.c.service_request_id,
        referral.c.patient_id,
        referral.c.message_id,
    ).where(referral.c.organisation == organisation)
    named = wanted.join(
        own_name, (own_name.c.organisation == referral.c.organisation) & (own_name.c.target == referral.c.id)
    ).where(own_name.c.name.in_(sorted(names)))
    async with store.reading() as connection:
        rows = await connection.execute(union(named, wanted.where(referral.c.reference.in_(sorted(references)))))
        return [await _sent(connection, organisation, row) for row in rows.all()]


async def _sent(connection: AsyncConnection, organisation: str, row: Row[Any]) -> Sent:
    request_at = f"ServiceRequest/{row.service_request_id}"
    task_at = f"Task/{row.id}"
    known = await load(connection, organisation, [task_at, request_at, f"Patient/{row.patient_id}"])
    request = known[request_at]
    subject = request["subject"].get("reference")
    contained = {f"#{one.get('id')}": one for one in request.get("contained", [])}
    version = request["meta"]["versionId"]
    brought_by = row.message_id
    if version != "1":
        name = version_name(request_at, version)
        query = select(own_name.c.target).filter_by(organisation=organisation, name=name)
        brought_by = (await connection.execute(query)).scalar_one_or_none()
    query = select(message.c.body).filter_by(organisation=organisation, id=brought_by)
    body = (await connection.execute(query)).scalar_one_or_none()
    patient = (known | contained).get(subject)
    brought = body.encode() if body else None
    return Sent(row.id, row.reference, row.hub_id, known[task_at], request, patient, brought)


def read_task(
    organisation: str, referral_id: str, shown: list[Resource]
) -> Callable[[AsyncConnection, list[Accepted]], Awaitable[None]]:
    """For `accept` to settle with: adds the referral's Task to `shown`, as it is after all that the request changes."""

    async def settle(connection: AsyncConnection, _accepted: list[Accepted]) -> None:
        found = await read(connection, organisation, "Task", referral_id)
        assert found is not None  # every referral has one
        version, updated_at, content = found
        shown.append(Resource("Task", referral_id, version, updated_at, parse(content.encode())))

    return settle
