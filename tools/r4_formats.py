"""The primitive types of FHIR R4 as schemas (https://hl7.org/fhir/R4/datatypes.html#primitive).

The published expressions let 31 February pass; these know the length of each month and the leap years.
"""

from typing import Any

Schema = dict[str, Any]

_YEAR = "(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
_LEAP_YEAR = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_LONG, _SHORT = "(?:0[13578]|1[02])", "(?:0[469]|11)"
_DAY = (
    f"(?:{_YEAR}-(?:{_LONG}-(?:0[1-9]|[12][0-9]|3[01])|{_SHORT}-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    f"|{_LEAP_YEAR}-02-29)"
)
_MONTH = f"{_YEAR}(?:-(?:0[1-9]|1[0-2]))?"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]{1,9})?"
_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_OID = r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+"
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
ID = r"[A-Za-z0-9.-]{1,64}"


def text(pattern: str, words: str) -> Schema:
    return {"type": "string", "pattern": f"^(?:{pattern})$", "x-format": words}


def uri(words: str) -> Schema:
    """No spaces; a urn:uuid: or urn:oid: has to be a real one (datatypes.html#uri)."""
    real = text(f"urn:uuid:{_UUID}|{_OID}", "urn:uuid: and a lower-case UUID, or urn:oid: and an OID")
    return {**text(r"\S+", words), "if": {"pattern": "^urn:(?:uuid|oid):"}, "then": real}


def whole(minimum: int) -> Schema:
    return {"type": "integer", "minimum": minimum, "maximum": 2147483647}


PRIMITIVES: dict[str, Schema] = {
    "base64Binary": text(
        r"\s*(?:[A-Za-z0-9+/]{4}\s*)*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})\s*", "base64"
    ),
    "boolean": {"type": "boolean"},
    "Element.id": text(r"\S+", "an id without spaces"),
    "canonical": uri("a canonical URL without spaces"),
    "code": text(r"\S+(?:\s\S+)*", "a code: no spaces at its ends, none double"),
    "date": text(f"{_MONTH}|{_DAY}", "a real date as YYYY, YYYY-MM or YYYY-MM-DD"),
    "dateTime": text(
        f"{_MONTH}|{_DAY}(?:T{_TIME}{_ZONE})?",
        "a real date as YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss with a time zone (Z or +hh:mm)",
    ),
    "decimal": {"type": "number"},
    "id": text(ID, "an id: 1 to 64 of A-Z, a-z, 0-9, - and ."),
    "instant": text(f"{_DAY}T{_TIME}{_ZONE}", "an instant: YYYY-MM-DDThh:mm:ss with a time zone (Z or +hh:mm)"),
    "integer": whole(-2147483648),
    "markdown": {"type": "string", "minLength": 1},
    "oid": text(_OID, "urn:oid: and an OID"),
    "positiveInt": whole(1),
    "string": {"type": "string", "minLength": 1},
    "time": text(_TIME, "a time as hh:mm:ss"),
    "unsignedInt": whole(0),
    "uri": uri("a URI without spaces"),
    "url": text(r"\S+", "a URL without spaces"),
    "uuid": text(f"urn:uuid:{_UUID}", "urn:uuid: and a lower-case UUID"),
    "xhtml": {"type": "string", "minLength": 1},
}
