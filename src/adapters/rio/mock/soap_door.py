"""POST /API/4.0/ApiService: SOAP 1.1, document/literal, as the WSDL says. Faults come inside a 200, as RiO's do."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring
from fastapi import APIRouter, Request, Response
from lxml import etree

from adapters.rio.mock.contract import NAMESPACE, WSDL, Contract, ContractBroken, Values
from adapters.rio.mock.faults import Rule
from adapters.rio.mock.kinds import SOAP_WRITES
from adapters.rio.mock.meddling import meddle
from adapters.rio.mock.operations import OPERATIONS, Call, Refused
from adapters.rio.mock.operations.call import Cut
from adapters.rio.mock.spoiling import shift_day, spoil_values
from adapters.rio.mock.state import Mock
from adapters.rio.mock.store import WriteLost
from adapters.rio.mock.trouble import carry_out

PATH = "/API/4.0/ApiService"
MOST_BYTES = 10_000_000
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
UNAUTHENTICATED = {"NOT_AUTHENTICATED", "SESSION_EXPIRED", "SESSION_REVOKED", "DEVICE_NOT_REGISTERED"}

contract = Contract()


class Unreadable(Exception):
    """No call can be made out; the text says why."""


@dataclass(frozen=True, slots=True)
class Asked:
    operation: str
    values: Values
    header: Values
    digest: str  # of what was asked for, header apart
    key: str  # the caller's idempotency key, if it sent one


def soap_door(mock: Mock) -> APIRouter:
    door = APIRouter()

    @door.get(PATH)
    async def describe(request: Request) -> Response:
        here = f'location="{str(request.url).partition("?")[0]}"'.encode()
        return Response(
            WSDL.replace(b'location="http://127.0.0.1:8001' + PATH.encode() + b'"', here), media_type="text/xml"
        )

    @door.post(PATH)
    async def call(request: Request) -> Response:
        if refusal := mock.check_certificate(request):
            return refusal
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != "text/xml":
            return fault(415, "INVALID_REQUEST", "Send SOAP 1.1 as text/xml.")
        body = await request.body()
        if len(body) > MOST_BYTES:
            return fault(413, "DOCUMENT_TOO_LARGE", f"A request holds at most {MOST_BYTES} bytes.")
        try:
            asked = read_call(body, request)
        except Unreadable as why:
            return fault(400, "INVALID_REQUEST", str(why))
        except ContractBroken as why:
            return fault(200, "INVALID_REQUEST", str(why))
        target = str(asked.values.get("ClientID", ""))
        rule = mock.faults.next(asked.operation, target)
        return await carry_out(request, rule, lambda rule: answer(mock, asked, rule), fault)

    return door


def read_call(body: bytes, request: Request) -> Asked:
    """Raises Unreadable, or ContractBroken when the schema does not allow what was asked."""
    try:
        fromstring(body, forbid_dtd=True)  # entity bombs and external entities end here
        envelope = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    except (DefusedXmlException, ParseError, etree.XMLSyntaxError, ValueError, LookupError):
        raise Unreadable("The body must be well-formed XML without DTD and entities.") from None
    element = envelope.find(f"{{{SOAP}}}Body/*")
    if envelope.tag != f"{{{SOAP}}}Envelope" or not isinstance(element, etree._Element):
        raise Unreadable("The body must be a SOAP 1.1 Envelope with a Body.")
    name = etree.QName(element)
    if name.namespace != NAMESPACE or name.localname not in contract.operations:
        raise Unreadable(f"The Body must hold an operation of the namespace {NAMESPACE}.")
    if request.headers.get("soapaction", "").strip('"') != f"{NAMESPACE}/ApiService/{name.localname}":
        raise ContractBroken("SOAPAction must be that of the operation in the Body.")
    header = envelope.find(f"{{{SOAP}}}Header/{{{NAMESPACE}}}Authentication")
    if header is None:
        raise ContractBroken("The header Authentication is missing.")
    values = contract.read(element)
    key = request.headers.get("x-request-id") or values.get("ExternalReferralId", "")
    digest = hashlib.sha256(etree.tostring(element, method="c14n")).hexdigest()
    return Asked(name.localname, values, contract.read(header), digest, key)


def answer(mock: Mock, asked: Asked, rule: Rule | None) -> Response:
    """Does what was asked, and keeps it unless a rule says otherwise."""
    ahead = timedelta(seconds=rule.skew_seconds if rule and rule.fault == "clock-skew" else 0)
    now = datetime.now(UTC) + ahead
    call = _call(mock, asked, now, rule)
    token = asked.header.get("Token")
    try:
        if asked.operation == "Authenticate":
            return written("AuthenticateResponse", mock.sessions.begin(asked.values, now))
        if rule and rule.fault == "token-expired":
            mock.sessions.expire(token)
        if rule and rule.fault == "token-revoked":
            mock.sessions.revoke(token)
        mock.sessions.check(token, now)
        if rule:
            meddle(rule, call)
        values = _do(mock, asked, call, lost=rule is not None and rule.fault == "write-lost")
    except Refused as why:
        status = 401 if why.code in UNAUTHENTICATED else 200
        return fault(status, why.code, str(why), why.reference)
    return written(f"{asked.operation}Response", spoil_values(rule.fault, values) if rule else values)


def _call(mock: Mock, asked: Asked, now: datetime, rule: Rule | None) -> Call:
    values, system = asked.values, asked.header["SystemName"]
    if rule and rule.fault == "text-truncated":
        return Call(mock.store, values, system, now, cut=Cut(rule.text, rule.id))
    if rule and rule.fault == "document-too-large":
        return Call(mock.store, values, system, now, most_in_document=rule.bytes)
    if rule and rule.fault == "day-shift" and "DocumentDate" in values:
        values = values | {"DocumentDate": shift_day(values["DocumentDate"])}
    return Call(mock.store, values, system, now)


def _do(mock: Mock, asked: Asked, call: Call, *, lost: bool) -> Values:
    values: Values = {}
    try:
        with mock.store.transaction():
            values = OPERATIONS[asked.operation](call)
            if asked.operation in SOAP_WRITES and values.get("Added", True):
                mock.store.note_effect(call.at, asked.operation, _target(asked, values), asked.key, asked.digest)
            if lost:
                raise WriteLost
    except WriteLost:
        pass
    return values


def _target(asked: Asked, values: Values) -> str:
    """What was written, as Table/number."""
    if "NoteNum" in values:
        return f"ProgressNote/{values['NoteNum']}/{values['SubNum']}"
    if "SerialNumber" in values:
        return f"Document/{values['SerialNumber']}/{values['RevisionID']}"
    if "TimeStamps" in values:
        number = values.get("ReferralNumber", asked.values.get("ReferralNumber"))
        return f"Referral/{number}/{values['TimeStamps']}"
    return f"AlternativeId/{asked.values['ClientID']}"


def written(name: str, values: Values) -> Response:
    return _envelope(contract.write(name, values), 200)


def fault(status: int, code: str, text: str, reference: str | None = None) -> Response:
    """A SOAP Fault with the WSDL's ApiFault in its detail."""
    element = etree.Element(f"{{{SOAP}}}Fault")
    kind = "Server" if code in {"INTERNAL_ERROR", "READ_ONLY"} else "Client"
    etree.SubElement(element, "faultcode").text = f"soap:{kind}"
    etree.SubElement(element, "faultstring").text = text
    detail = etree.SubElement(element, "detail")
    detail.append(contract.write("ApiFault", {"Code": code, "Message": text, "Reference": reference}))
    return _envelope(element, status)


def _envelope(content: etree._Element, status: int) -> Response:
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"soap": SOAP})
    etree.SubElement(envelope, f"{{{SOAP}}}Body").append(content)
    body = etree.tostring(envelope, xml_declaration=True, encoding="utf-8")
    return Response(body, status, media_type="text/xml; charset=utf-8")
