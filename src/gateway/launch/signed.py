"""GET /launch/signed: a launch by an EPR without SMART, signed with a secret that both know.

The address is good once and for a minute. It names the person by the EPR's own number alone; who that is, is read from
the EPR's record (destination of kind rio), never taken from the address.
"""

import hmac
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response

from adapters.rio.reading import NoPatient, RioReader
from adapters.signed_launch import sign
from gateway.arrival import Gateway
from gateway.errors import BadRequest, Forbidden
from gateway.launch.session import open_for
from gateway.launch.smart import LaunchRefused, choose_team
from gateway.store.launched import read_record, use_nonce
from gateway.validation import check

Json = dict[str, Any]

SECONDS = 60  # how long a signed address is good
LEEWAY = 10  # seconds that the EPR's clock may be ahead
NEEDED = ("epr", "user", "name", "issued", "nonce")
ALLOWED = {*NEEDED, "role", "team", "patient", "phone", "email"}
SHAPES = {
    "user": re.compile(r"[A-Za-z0-9._@-]{1,64}"),
    "issued": re.compile(r"[0-9]{9,11}"),
    "nonce": re.compile(r"[A-Za-z0-9_-]{16,64}"),
    "patient": re.compile(r"[A-Za-z0-9.-]{1,64}"),
}
FORGED = "This address is not signed as agreed. Open social prescribing from the record again."

log = structlog.get_logger()


async def open_signed(request: Request) -> Response:
    """303 to the page. Raises BadRequest for what is missing or misshapen, Forbidden for a wrong, late or used
    signature, LaunchRefused when the record does not say who the person is."""
    given = dict(request.query_params)
    signature = given.pop("signature", "")
    gateway: Gateway = request.app.state.gateway
    await gateway.directory.refresh()
    known = gateway.directory.epr(given.get("epr", ""))
    if len(request.query_params.multi_items()) != len(given) + 1 or not given.keys() <= ALLOWED:
        raise BadRequest("The launch address has parameters that are not known, or twice the same one.")
    if known is None or known[1]["id"] != given["epr"] or not known[1]["launch_secret"]:
        raise Forbidden("This record system is not registered here, so it cannot open social prescribing.")
    organisation, epr = known
    if not hmac.compare_digest(sign(epr["launch_secret"], given).encode(), signature.encode()):
        raise Forbidden(FORGED)
    _check(given)
    issued = int(given["issued"])
    if not -LEEWAY <= time.time() - issued <= SECONDS:
        raise Forbidden("This address is over: it is good for a minute. Open social prescribing from the record again.")
    async with gateway.store.transaction() as connection:
        until = datetime.fromtimestamp(issued + 2 * SECONDS, UTC)
        if not await use_nonce(connection, epr["id"], given["nonce"], until):
            raise Forbidden("This address was used before. Open social prescribing from the record again.")
    patient = (
        await _read_patient(request, organisation["ods_code"], epr, given["patient"]) if "patient" in given else None
    )
    content: Json = {
        "user": {
            "id": f"Practitioner/{given['user']}",
            "name": given["name"],
            **{name: given[name] for name in ("role", "phone", "email") if given.get(name)},
        },
        "team_name": choose_team(organisation, [given["team"]] if given.get("team") else []),
        "patient": patient,
        "needs_banner": True,
        "scopes": [],
        "suggested": [],
    }
    return await open_for(request, organisation["ods_code"], epr, content, given.get("patient"), None)


def _check(given: Mapping[str, str]) -> None:
    for name in NEEDED:
        if not given.get(name):
            raise BadRequest(f"The launch address lacks {name}.")
    for name, shape in SHAPES.items():
        if name in given and not shape.fullmatch(given[name]):
            raise BadRequest(f"The launch address has a {name} of a shape that is not taken.")
    if any(len(text) > 200 or not text.isprintable() for text in given.values()):
        raise BadRequest("The launch address has a parameter that is too long, or holds what cannot be shown.")


async def _read_patient(request: Request, organisation: str, epr: Json, client_id: str) -> Json:
    gateway: Gateway = request.app.state.gateway
    async with gateway.store.reading() as connection:
        record = await read_record(connection, organisation, epr["record"] or "")
    reader: RioReader = request.app.state.rio_reader
    try:
        if record is None:
            raise NoPatient("No record (destination of kind rio) is registered to read people from.")
        headers = {"X-Correlation-Id": request.state.context.correlation_id}
        patient = await reader.patient(*record, client_id, headers)
    except NoPatient as why:
        log.warning("launch failed", epr=epr["id"], reason=str(why))
        raise LaunchRefused from None
    if check(patient):
        log.warning("launch failed", epr=epr["id"], reason="What the record tells makes no valid Patient.")
        raise LaunchRefused
    return patient
