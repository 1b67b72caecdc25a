"""The EPR's side of the story, first part: finding out, and a referral by each way in."""

import copy
from dataclasses import dataclass
from urllib.parse import urlencode

from tests.app import BASE, example, resource_of, task_in
from tests.fhir.messages.said import bars_headers, cancelling, later
from tools.contract.stage import EPR, SERVER
from tools.contract.telling import FORM, Json, Teller

from gateway.security import token_request

NUMBERS = "https://northdale.example/rio/referral"
BARS = ("Accept", "NHSD_Target_Identifier", "NHSD_End_User_Organisation", "NHSD_Requesting_Software",
        "NHSD_Requesting_Practitioner")  # fmt: skip
TRANSACTION, CREATE, MESSAGE = "POST /FHIR/R4", "POST /FHIR/R4/{type}", "POST /FHIR/R4/$process-message"


@dataclass(frozen=True)
class Referred:
    """A referral as it was answered."""

    task: Json
    request: Json
    patient: str  # Patient/id

    @property
    def id(self) -> str:
        return str(self.task["id"])


async def discover(teller: Teller, key: Json) -> None:
    await teller.call("ping: It answers", None, "GET /_ping")
    smart = "smart-configuration: Where to get a token, and how"
    await teller.call(smart, None, "GET /FHIR/R4/.well-known/smart-configuration")
    metadata = "metadata: Cut short, each resource type has the like"
    statement = await teller.call(metadata, None, "GET /FHIR/R4/metadata")
    of_each_type = statement["rest"][0]["resource"]
    of_each_type[:] = [one for one in of_each_type if one["type"] in {"Task", "ConceptMap"}]

    request = "POST /oauth2/token"
    asked = token_request(EPR, key, f"{BASE}/oauth2/token", "system/ServiceRequest.crus system/Task.crus")
    await teller.call("token: For five minutes", None, request, asked, given=FORM)
    await teller.call("used: The same signed assertion again", None, request, asked, given=FORM)
    await teller.call("grant-type: Another grant", None, request, {"grant_type": "password"}, given=FORM)
    long = {"grant_type": "client_credentials", "client_assertion": "0" * 20_000}
    await teller.call("too-long: Over 16 kB", None, request, urlencode(long).encode(), given=FORM)


def referral(number: str) -> Json:
    """The demo's transaction, under another number of the sender's."""
    bundle = example("referral.json")
    resource_of(bundle, "ServiceRequest")["identifier"][0]["value"] = number
    return bundle


async def refer(teller: Teller) -> Referred:
    """By a transaction."""
    bundle = referral("REF-2026-000117")
    name = "referral: A person, who refers, consent, the request and the Task that sends it"
    answer = await teller.call(name, EPR, TRANSACTION, bundle)
    again = "referral-again: The sender's own identifier names a referral that is here already"
    await teller.call(again, EPR, TRANSACTION, bundle)
    task = task_in(answer)
    return Referred(task, resource_of(answer, "ServiceRequest"), task["for"]["reference"])


async def refer_quietly(teller: Teller, number: str, **changed: object) -> str:
    """As `refer`, of a person with what is changed, and not shown; the referral's id."""
    bundle = referral(number)
    resource_of(bundle, "Patient").update(changed)
    return str(task_in(await teller.call("", EPR, TRANSACTION, bundle))["id"])


async def refer_step_by_step(teller: Teller) -> Referred:
    bundle = referral("REF-2026-000118")
    parts = {type_: copy.deepcopy(resource_of(bundle, type_)) for type_ in ("Patient", "ServiceRequest", "Task")}
    patient, request, task = parts.values()
    kept = await create(teller, "patient: The person", patient)
    del request["contained"], request["supportingInfo"]
    request["subject"] = task["for"] = {"reference": f"Patient/{kept['id']}"}
    request["requester"] = task["requester"] = {
        "type": "Organization",
        "identifier": {"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "XND01"},
        "display": "Northdale Mental Health NHS Foundation Trust",
    }
    sent = await create(teller, "service-request: What is asked for", request)
    task["focus"] = {"reference": f"ServiceRequest/{sent['id']}"}
    shown = await create(teller, "task: Its focus sends the request on", task)
    known = {"If-None-Exist": f"identifier={NUMBERS}|REF-2026-000118"}
    name = "service-request-known: With an If-None-Exist that matches; nothing is stored"
    await teller.call(name, EPR, CREATE, request, given=known, at={"type": "ServiceRequest"})
    return Referred(shown, sent, task["for"]["reference"])


async def create(teller: Teller, name: str, resource: Json, client: str = EPR, **given: str) -> Json:
    kept: Json = await teller.call(name, client, CREATE, resource, given=given, at={"type": resource["resourceType"]})
    return kept


def task_elsewhere(server: str = SERVER) -> Json:
    """A Task that names what is asked for on the sender's own server."""
    task: Json = resource_of(example("referral.json"), "Task")
    task["focus"] = {"reference": f"{server}/ServiceRequest/4711"}
    task["for"] = {"reference": f"{server}/Patient/0012345"}
    task["requester"] = {"reference": f"{server}/PractitionerRole/88"}
    return task


async def refer_by_address(teller: Teller) -> None:
    await create(teller, "task-alone: Its focus is on the sender's own server", task_elsewhere())


async def send_messages(teller: Teller) -> Json:
    """A BaRS-shaped message that refers, one that amends, one that cancels. Returns the one that amends."""
    headers = {name.replace("_", "-"): value for name, value in bars_headers().items() if name in BARS}
    message = example("message.json")
    await teller.call("message: A new referral, BaRS-shaped", EPR, MESSAGE, message, given=headers)
    await teller.call("message-again: The same message again", EPR, MESSAGE, message)
    change = later(message)
    resource_of(change, "ServiceRequest")["reasonCode"].append({"text": "Arrears on the rent"})
    await teller.call("message-update: One reason more", EPR, MESSAGE, change, given=headers)
    await teller.call("message-older: Sent before what is stored", EPR, MESSAGE, later(message, hours=0))
    cancellation = cancelling(message, hours=2)
    await teller.call("message-cancel: The referral is taken back", EPR, MESSAGE, cancellation, given=headers)
    return change
