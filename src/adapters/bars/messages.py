"""The sender's BaRS endpoint: `POST {url}/$process-message` with a servicerequest-response. Contract: README.md."""

from base64 import b64encode
from dataclasses import replace
from typing import Any

import orjson

from adapters.http import DestinationError, Neighbours
from adapters.oauth import Authorised, NoToken
from adapters.ports import Answer, Update
from adapters.replies import judge, not_called
from mappings.systems import ODS_ORGANISATION
from mappings.to_bars import Envelope, response_from
from mappings.to_task import GATEWAY

FHIR_JSON = "application/fhir+json"
TOO_EARLY = 425  # BaRS: the message came before and is still being worked on


class BarsMessages:
    """Sends to any number of receivers; `seconds` and `connections` as in `adapters.rio.callback`.

    Of a destination's options it reads `source` and `target` (system|value), `sender`, `use_case`, `versions`, `oauth`
    and `tls` (`gateway.parties.destinations`).
    """

    needs_referral = True

    def __init__(self, seconds: float, connections: int = 8) -> None:
        self._neighbours = Neighbours(seconds, connections)
        self._authorised = Authorised(self._neighbours)

    async def send(self, update: Update) -> Answer:
        """A repeat has the same X-Request-Id, by which BaRS knows it: 409 `duplicate` is delivered. There is nothing to
        read back."""
        body = orjson.dumps(message_of(update))
        try:
            reply = await self._authorised.exchange(
                update.url, update.options, "POST", "$process-message", headers_of(update), body
            )
        except DestinationError as refusal:
            return not_called(refusal)
        except NoToken as none:
            return none.answer
        answer = judge(reply)
        return replace(answer, down=False) if reply.status == TOO_EARLY else answer

    async def close(self) -> None:
        await self._authorised.close()
        await self._neighbours.close()


def message_of(update: Update) -> dict[str, Any]:
    """The message: the same in every repeat, as BaRS asks of a retry."""
    options, request = update.options, update.request
    referral = update.referral or {}
    receiver = (referral.get("referrer") or {}).get("organisation") or {}
    envelope = Envelope(
        id=update.delivery_id,
        version=options["versions"]["application"],
        answers=request.message_id if request else update.task_id,
        source=options["source"],
        destination=(request and request.return_to) or options["target"],
        sender=(options["sender"]["ods_code"], options["sender"]["name"]),
        receiver=(receiver.get("ods_code"), receiver.get("name")),
        first=update.previous is None,
    )
    service_request = request.service_request if request else None
    person = referral.get("person") or {} if request else {}
    return response_from(orjson.loads(update.body), service_request, person, envelope)


def headers_of(update: Update) -> dict[str, str]:
    """What BaRS asks for beside the message (API specification 1.4.0); a receiver must not act by `use-context`."""
    options = update.options
    system, _, value = options["target"].rpartition("|")
    sender = options["sender"]
    organisation = {
        "resourceType": "Organization",
        "identifier": [{"system": ODS_ORGANISATION, "value": sender["ods_code"]}],
        "name": sender["name"],
    }
    software = {"resourceType": "Device", "deviceName": [{"name": GATEWAY, "type": "manufacturer-name"}]}
    reason = "new" if update.previous is None else "update"
    return {
        "Content-Type": FHIR_JSON,
        "Accept": f"{FHIR_JSON}; version={options['versions']['api']}",
        "X-Request-Id": update.delivery_id,
        "X-Correlation-Id": update.correlation_id,
        "NHSD-Target-Identifier": _encoded({"system": system, "value": value}),
        "NHSD-End-User-Organisation": _encoded(organisation),
        "NHSD-Requesting-Software": _encoded(software),
        "use-context": f"{options['use_case']}|referral|servicerequest-response|{reason}",
    }


def _encoded(content: dict[str, Any]) -> str:
    return b64encode(orjson.dumps(content)).decode()
