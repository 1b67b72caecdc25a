"""The WSDL as the one description of the SOAP API: it checks what comes, reads it and writes what goes."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.resources import files
from typing import Any

from lxml import etree

NAMESPACE = "urn:social-prescribing-gateway:rio-like:API:4.0"
WSDL = files("adapters.rio").joinpath("api-v40.wsdl").read_bytes()

Values = dict[str, Any]  # element name -> str, bool, int, bytes, Values or a list of Values

_XS = "{http://www.w3.org/2001/XMLSchema}"
_WSDL = "{http://schemas.xmlsoap.org/wsdl/}"


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    type: str  # a type of XML Schema, e.g. boolean, or one of the WSDL's
    many: bool


class ContractBroken(Exception):
    """The text says where and how."""


class Contract:
    """`operations` are the names of what can be called."""

    def __init__(self, wsdl: bytes = WSDL) -> None:
        definitions = etree.fromstring(wsdl, etree.XMLParser(resolve_entities=False, remove_comments=True))
        schema = definitions.find(f".//{_XS}schema")
        assert schema is not None
        self._schema = etree.XMLSchema(schema)
        self._types = {one.get("name", ""): _fields(one) for one in schema.findall(f"{_XS}complexType")}
        self._elements = {one.get("name", ""): _fields(one) for one in schema.findall(f"{_XS}element")}
        self.operations = [one.get("name", "") for one in definitions.findall(f"{_WSDL}portType/{_WSDL}operation")]

    def read(self, element: etree._Element) -> Values:
        """Raises ContractBroken, whose text names the element and the rule but no value."""
        if not self._schema.validate(element):
            errors: Any = self._schema.error_log  # its stubs do not say what it holds
            raise ContractBroken(_without_values(errors[0]))
        try:
            return self._read(element, self._elements[etree.QName(element).localname])
        except (ValueError, OverflowError):  # what XML Schema allows and no calendar has, or no base64 is
            raise ContractBroken("A date, time or base64 content cannot be read.") from None

    def _read(self, element: etree._Element, fields: list[Field]) -> Values:
        types = {field.name: field.type for field in fields}
        values: Values = {}
        for child in element:
            name = etree.QName(child).localname
            kind = types[name]
            values[name] = self._read(child, self._types[kind]) if kind in self._types else _value(child.text, kind)
        return values

    def write(self, name: str, values: Mapping[str, Any]) -> etree._Element:
        """The element with its children in the order of the schema; a None and what it does not know are left out."""
        element = etree.Element(f"{{{NAMESPACE}}}{name}", nsmap={"t": NAMESPACE})
        self._fill(element, self._elements[name], values)
        return element

    def _fill(self, element: etree._Element, fields: list[Field], values: Mapping[str, Any]) -> None:
        for field in fields:
            given = values.get(field.name)
            for one in given if field.many and given is not None else [given]:
                if one is None:
                    continue
                child = etree.SubElement(element, f"{{{NAMESPACE}}}{field.name}")
                if field.type in self._types:
                    self._fill(child, self._types[field.type], one)
                else:
                    child.text = _text(one, field.type)


def in_utc(moment: datetime) -> str:
    """ISO 8601 with milliseconds and Z, so that moments sort as texts."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fields(described: etree._Element) -> list[Field]:
    return [
        Field(one.get("name", ""), one.get("type", "").partition(":")[2], one.get("maxOccurs") == "unbounded")
        for one in described.iter(f"{_XS}element")
        if one is not described
    ]


def _value(text: str | None, kind: str) -> Any:
    text = text or ""
    if kind == "boolean":
        return text.strip() in {"true", "1"}
    if kind == "dateTime":
        moment = datetime.fromisoformat(text.strip())
        return in_utc(moment.replace(tzinfo=moment.tzinfo or UTC))
    if kind == "date":
        return date.fromisoformat(text.strip()[:10]).isoformat()  # without the zone that xs:date may have
    if kind == "int":
        return int(text)
    if kind == "base64Binary":
        return base64.b64decode(text)
    return text


def _text(value: Any, kind: str) -> str:
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "base64Binary":
        return base64.b64encode(value).decode()
    return str(value)


def _without_values(error: etree._LogEntry) -> str:
    """libxml2 quotes the value it does not like ("Element 'x': [facet 'pattern'] The value '...' is not ...")."""
    element = error.message.partition("': ")[0].rpartition("}")[2]
    return f"{element}: {error.type_name.removeprefix('SCHEMAV_').lower().replace('_', ' ')} (line {error.line})"
