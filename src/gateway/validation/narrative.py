"""Whether a narrative is the safe XHTML of FHIR R4 (narrative.html#xhtml, rule txt-1)."""

import re
from xml.parsers import expat

_XHTML = """
a abbr acronym address area b big blockquote br caption cite code col colgroup dd del dfn div dl dt em h1 h2 h3 h4 h5
h6 hr i img ins kbd li map ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt u ul var
"""
_ELEMENTS = frozenset(_XHTML.split())
_LINKS = frozenset({"href", "src", "cite", "longdesc", "background", "action"})
_SAFE_LINK = re.compile(r"(?:https?|mailto|tel|ftp|urn):|data:image/(?!svg)|[^:]*$|[^:]*[/?#]", re.IGNORECASE)
_ELSEWHERE = re.compile(r"(?!data:)[a-z]+:|//", re.IGNORECASE)
_ACTIVE_STYLE = re.compile(
    r"url\s*\(['\"\s]*(?!data:image/)(?:[a-z]+:|//)|expression|@import|javascript|behavior|-moz-binding|\\",
    re.IGNORECASE,
)


def unsafe(div: str) -> str | None:
    """What is wrong with a narrative's div, in words; None when it is safe."""
    try:
        return _scan(div)
    except expat.ExpatError as error:
        return f"is not well-formed XHTML (line {error.lineno}, column {error.offset + 1})"


def _scan(div: str) -> str | None:
    faults: list[str] = []

    def declared(*_: object) -> None:
        faults.append("holds a DOCTYPE or a processing instruction")

    def opened(name: str, attributes: dict[str, str]) -> None:
        if not depth:
            if name != "div":
                faults.append("must be one div element")
            depth.append(True)
        if name not in _ELEMENTS:
            faults.append("holds an element that a narrative may not have (such as script, form or iframe)")
        for attribute, value in attributes.items():
            if attribute.lower().startswith("on"):
                faults.append("holds an event attribute (on...)")
            elif attribute == "src" and _ELSEWHERE.match(value.strip()):
                faults.append("loads an image from elsewhere")
            elif attribute in _LINKS and not _SAFE_LINK.match(value.strip()):
                faults.append("holds a link that could run code")
            elif attribute == "style" and _ACTIVE_STYLE.search(value):
                faults.append("holds a style that loads or runs something")

    depth: list[bool] = []
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = parser.ProcessingInstructionHandler = parser.EntityDeclHandler = declared
    parser.StartElementHandler = opened
    parser.Parse(div, True)
    return faults[0] if faults else None
