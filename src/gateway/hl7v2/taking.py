"""One MLLP block: judged, carried out, acknowledged.

AA says that all of it is durable, or that nothing of it concerns anybody here. AE says that the content is at fault,
AR that the message is none for us. While the database is away nothing is answered at all, and the connection closes:
then every engine sends the same message again, first, and nothing is lost or out of order.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

import orjson
import structlog

from adapters.hl7v2.listener import Block
from gateway.arrival import Gateway
from gateway.audit import audit_row, findings_of
from gateway.errors import BadRequest, Contended, Forbidden, GatewayError, Issue, Rejected, ServerError, Unavailable
from gateway.hl7v2.incoming import Incoming, NothingHeld, accepted
from gateway.hl7v2.merging import merge_person, part_person
from gateway.hl7v2.referring import refer
from gateway.hl7v2.updating import update_person
from gateway.hl7v2.visiting import tell_of_visit
from gateway.ids import new_id
from gateway.messages import Answer
from gateway.security import Caller
from gateway.store.engine import is_contended, is_unreachable
from gateway.store.schema import audit
from gateway.telemetry import where
from mappings.hl7v2.acknowledgement import Fault, Verdict, acknowledge, place_of
from mappings.hl7v2.message import Header, Message, Unreadable, read, read_header
from mappings.hl7v2.patient import Mistaken

log = structlog.get_logger()

HANDLED: Mapping[str, Callable[[Incoming, bytes], Awaitable[Answer]]] = {
    "ADT^A01": tell_of_visit,
    "ADT^A03": tell_of_visit,
    "ADT^A08": update_person,
    "ADT^A11": tell_of_visit,
    "ADT^A13": tell_of_visit,
    "ADT^A28": update_person,
    "ADT^A31": update_person,
    "ADT^A37": part_person,
    "ADT^A40": merge_person,
    "REF^I12": refer,
}
MOST_FAULTS = 10
TRIES = 3


class _Refused(Exception):
    """The message is none for us: AR."""

    def __init__(self, text: str, field: int, code: str) -> None:
        super().__init__(text)
        self.fault = Fault(text, "MSH", field, code)


async def take(gateway: Gateway, block: Block) -> bytes | None:
    """The acknowledgement of a block; None when it must come again: then nothing of it was kept."""
    header = read_header(block.content)
    incoming: Incoming | None = None
    try:
        message = _read(block)
        incoming = await _identify(gateway, message, block.certificate_names)
        _refuse_unfit(incoming)
        answer = await _carry_out(incoming, block.content)
        verdict, status = Verdict("AA", text=orjson.loads(answer.body)["text"]), answer.status
    except Exception as trouble:
        if isinstance(trouble, Unavailable) or is_unreachable(trouble) or is_contended(trouble):
            _log_unanswered(header)
            return None
        verdict, status = _verdict(trouble)
        if incoming and not await _audited(incoming, status, findings_of(_issues(trouble))):
            _log_unanswered(header)
            return None
    log.info("hl7v2", type=_known(header), acknowledgement=verdict.code, status=status)
    return acknowledge(header, verdict, new_id()[:20], f"{datetime.now(UTC):%Y%m%d%H%M%S}+0000")


def _log_unanswered(header: Header) -> None:
    log.warning("hl7v2 unanswered", type=_known(header), reason="the database is away or busy")


def _known(header: Header) -> str:
    """The type for the log: nothing that a stranger wrote."""
    return header.name if header.name in HANDLED else "other"


def _read(block: Block) -> Message:
    if not block.whole:
        raise Unreadable(f"The message is longer than {len(block.content):,} bytes.", 0)
    return read(block.content)


async def _identify(gateway: Gateway, message: Message, certificate_names: frozenset[str]) -> Incoming:
    """Raises _Refused unless it is from a registered feed."""
    header = message.header
    await gateway.directory.refresh()
    found = gateway.directory.hl7v2_feed(header.sending_application, header.sending_facility)
    client = gateway.directory.client(found[1]["client"]) if found else None
    if found is None or client is None:
        raise _Refused("MSH-3 and MSH-4: no feed of this name is registered here.", 3, "103")
    organisation, feed = found
    wanted = feed.get("certificate_name")
    if wanted and wanted not in certificate_names:
        raise _Refused("MSH-3: the certificate of this connection is not that of the feed.", 3, "103")
    caller = Caller(client["id"], organisation["ods_code"], client["role"], frozenset(client["scopes"]))
    return Incoming(gateway, organisation, feed, caller, message)


def _refuse_unfit(incoming: Incoming) -> None:
    """Raises _Refused unless it is of this version, for this system, and of a type that is handled."""
    header, agreed = incoming.message.header, incoming.feed["processing_id"]
    if header.version != "2.4":
        raise _Refused("MSH-12: send HL7 version 2.4.", 12, "203")
    if header.processing_id != agreed:
        raise _Refused(f"MSH-11: this feed is registered for {agreed}.", 11, "202")
    if header.name not in HANDLED:
        types = {name.partition("^")[0] for name in HANDLED}
        text = f"MSH-9: this message is not taken. Send one of {', '.join(HANDLED)}."
        raise _Refused(text, 9, "201" if header.type in types else "200")


async def _carry_out(incoming: Incoming, block: bytes) -> Answer:
    """The answer, of the first time when the message came before. Others who change the same are waited for."""
    for left in reversed(range(TRIES)):
        try:
            return await HANDLED[incoming.message.header.name](incoming, block)
        except NothingHeld:
            await _audit(incoming, 200)
            return accepted()
        except Contended:
            if not left:
                raise
        except Exception as trouble:
            if not left or not is_contended(trouble):
                raise
    raise AssertionError("unreachable")


async def _audited(incoming: Incoming, status: int, findings: str | None) -> bool:
    try:
        await _audit(incoming, status, findings)
    except Exception as trouble:
        if is_unreachable(trouble):
            return False
        raise
    return True


def _issues(refused: Exception) -> GatewayError | None:
    """The refusal with its findings, as the audit keeps them."""
    if isinstance(refused, GatewayError):
        return refused
    if isinstance(refused, Mistaken):
        return Rejected(issues=[Issue("invalid", str(refused), refused.segment)])
    if isinstance(refused, _Refused):
        return BadRequest(str(refused))
    return None


async def _audit(incoming: Incoming, status: int, findings: str | None = None) -> None:
    action = f"HL7v2 {_known(incoming.message.header)}"
    row = audit_row(incoming.caller, incoming.context, action, None, status, findings=findings)
    await incoming.gateway.store.write([(audit, [row])])


def _verdict(refused: Exception) -> tuple[Verdict, int]:
    """The acknowledgement, and the status that the audit shows. What nobody foresaw is a fault of ours: the message
    would fail again, so it is not asked for again."""
    if isinstance(refused, _Refused):
        return Verdict("AR", (refused.fault,)), 400
    if isinstance(refused, Unreadable):
        return Verdict("AR", (Fault(str(refused), "MSH", refused.field, refused.code),)), 400
    if isinstance(refused, Mistaken):
        return Verdict("AE", (Fault(str(refused), refused.segment, refused.field, refused.code),)), 422
    if not isinstance(refused, GatewayError):
        log.error("crashed", error=type(refused).__name__, at=where(refused))
        refused = ServerError()
    if isinstance(refused, Forbidden):
        return Verdict("AR", (Fault(str(refused), "MSH", 9, "200"),)), 403
    code = "205" if refused.status == 409 else "207" if refused.status >= 500 else "102"
    errors = [one for one in refused.issues if one.severity == "error"] or refused.issues
    faults = tuple(Fault(one.text, *place_of(one.expression), code) for one in errors[:MOST_FAULTS])
    return Verdict("AE", faults), refused.status
