"""SOAP messages of the API as api-v40.wsdl describes it: zeep builds and reads them, and never touches the network.

RiO tells of errors inside a 200, so an answer is only believed for what stands in it.
"""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import zeep.exceptions
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring
from lxml import etree
from zeep import Client, Plugin, Settings

from adapters.http import Reply
from adapters.rio.reasons import REASONS

WSDL = Path(__file__).parent / "api-v40.wsdl"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
NAMESPACE = "urn:social-prescribing-gateway:rio-like:API:4.0"
MOST_READ = 4_000_000  # bytes of an answer


class Fault(Exception):
    """RiO refuses: nothing of this call was done. `code` is one of the WSDL's FaultCode, or UNKNOWN."""

    def __init__(self, code: str, reply: Reply) -> None:
        super().__init__(code)
        self.code = code
        self.reply = reply


class NoAnswer(Exception):
    """What came back says nothing about the effect of the call: `reply` as far as it came, and `why` in fixed words."""

    def __init__(self, reply: Reply, why: str) -> None:
        super().__init__(why)
        self.reply = reply
        self.why = why


@dataclass(frozen=True, slots=True)
class _Response:
    """What zeep reads of a response."""

    status_code: int
    content: bytes
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "text/xml"})
    encoding: str = "utf-8"


class _AsTheWsdlSays(Plugin):
    """zeep reads nothing out of an element that it does not know: "no notes", say, when the namespace has changed. So
    an answer must fit the schema before it is read."""

    def __init__(self) -> None:
        [schema] = etree.parse(WSDL).iterfind(".//{http://www.w3.org/2001/XMLSchema}schema")
        self._schema = etree.XMLSchema(schema)

    def ingress(self, envelope: Any, http_headers: Any, operation: Any) -> tuple[Any, Any]:
        """Raises ValueError."""
        [answer] = envelope.iterfind(f"{{{SOAP}}}Body/*")
        named = answer.tag == f"{{{NAMESPACE}}}{operation.name}Response"
        if answer.tag != f"{{{SOAP}}}Fault" and not (named and self._schema.validate(answer)):
            raise ValueError
        return envelope, http_headers


class Messages:
    """Made once, in a thread, because reading the WSDL holds everything else up (`messages`); used by many threads."""

    def __init__(self) -> None:
        settings = Settings(strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=True)
        self._client = Client(str(WSDL), settings=settings, plugins=[_AsTheWsdlSays()])  # type: ignore[no-untyped-call]  # zeep's types are partial
        [service] = self._client.wsdl.services.values()
        [port] = service.ports.values()
        self._binding = port.binding

    def build(self, operation: str, header: dict[str, str], parts: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
        """The envelope and its HTTP headers. Parts that are None are left out."""
        given = {name: value for name, value in parts.items() if value is not None}
        signed = self._client.get_element(f"{{{NAMESPACE}}}Authentication")(**header)  # type: ignore[no-untyped-call]  # as above
        envelope = self._client.create_message(  # type: ignore[no-untyped-call]  # as above
            self._client.service, operation, _soapheaders=[signed], **given
        )
        headers = {
            "Content-Type": "text/xml; charset=utf-8",
            "SOAPAction": f'"{self._binding.get(operation).soapaction}"',
        }
        return etree.tostring(envelope, xml_declaration=True, encoding="utf-8"), headers

    def read(self, operation: str, reply: Reply) -> Any:
        """The parts of the answer. Raises Fault and NoAnswer."""
        if reply.phase != "done" or reply.status is None:
            cannot = reply.phase in {"connect", "tls"}
            raise NoAnswer(reply, "RiO cannot be connected to" if cannot else "none came in time, or not all of it")
        if len(reply.body) >= MOST_READ:
            raise NoAnswer(reply, f"the answer is larger than {MOST_READ:,} bytes")
        try:
            fromstring(reply.body, forbid_dtd=True)  # before lxml, which begins with the entities of a DTD
            return self._binding.process_reply(
                self._client, self._binding.get(operation), _Response(reply.status, reply.body)
            )
        except zeep.exceptions.Fault as fault:
            if fault.code is None:  # no fault stands in it: zeep means the HTTP status
                raise NoAnswer(reply, "the answer is no SOAP") from None
            raise Fault(_code_in(fault.detail), reply) from None
        except DefusedXmlException:
            raise NoAnswer(reply, "the answer is no SOAP (it has a DTD, and was not read)") from None
        except Exception:  # whatever zeep stumbles over in a stranger's XML
            raise NoAnswer(reply, "the answer cannot be read as the WSDL says") from None


def _code_in(detail: Any) -> str:
    """Only a code that the WSDL names is passed on: anything else might be somebody's name."""
    found = detail.findtext(f".//{{{NAMESPACE}}}Code") if detail is not None else None
    return found if found in REASONS else "UNKNOWN"


@cache
def messages() -> Messages:
    return Messages()
