"""Whether a narrative is the safe XHTML of FHIR R4 (narrative.html#xhtml, rules txt-1 and txt-2)."""

import re
from collections.abc import Iterator
from xml.parsers import expat

_XHTML = """
a abbr acronym address area b big blockquote br caption cite code col colgroup dd del dfn div dl dt em h1 h2 h3 h4 h5
h6 hr i img ins kbd li map ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt u ul var
"""
_ELEMENTS = frozenset(_XHTML.split())
# What HTML 4.0 chapters 7-11 and 15 give these elements; what any attribute may not say is below.
_NAMES = """
abbr accesskey align alt axis bgcolor border cellpadding cellspacing char charoff charset cite class clear color colspan
compact coords datetime dir face frame headers height href hreflang hspace id ismap lang longdesc name nohref noshade
nowrap rel rev rowspan rules scope shape size span src start style summary tabindex target title type usemap valign
value vspace width xml:lang xml:space xmlns
"""
_ATTRIBUTES = frozenset(_NAMES.split())
_NAMESPACE = "http://www.w3.org/1999/xhtml"
_LINKS = frozenset({"href", "src", "cite", "longdesc"})
_SAFE_LINK = re.compile(r"(?:https?|mailto|tel|ftp|urn):|data:image/(?!svg)|[^:]*$|[^:]*[/?#]", re.IGNORECASE)
_ELSEWHERE = re.compile(r"(?!data:)[a-z]+:|//", re.IGNORECASE)
_ACTIVE_STYLE = re.compile(
    r"url\s*\(['\"\s]*(?!data:image/)(?:[a-z]+:|//)|expression|@import|javascript|behavior|-moz-binding|\\",
    re.IGNORECASE,
)


def faults(div: str) -> list[str]:
    """What is wrong with a narrative's div, in words with the rule; none when it is safe and says something."""
    try:
        return _scan(div)
    except expat.ExpatError as error:
        return [f"is not well-formed XHTML (txt-1; line {error.lineno}, column {error.offset + 1})"]


def _scan(div: str) -> list[str]:
    found: dict[str, None] = {}  # in order, each once
    said: list[bool] = []
    depth: list[bool] = []

    def declared(*_: object) -> None:
        found["holds a DOCTYPE or a processing instruction (txt-1)"] = None

    def opened(name: str, attributes: dict[str, str]) -> None:
        if not depth:
            depth.append(True)
            if name != "div":
                found["must be one div element (txt-1)"] = None
        else:
            said.append(True)
        if name not in _ELEMENTS:
            found["holds an element that a narrative may not have, such as script, form or iframe (txt-1)"] = None
        found.update((f"{fault} (txt-1)", None) for fault in _attribute_faults(attributes))

    def read(text: str) -> None:
        if not text.isspace():
            said.append(True)

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = parser.ProcessingInstructionHandler = parser.EntityDeclHandler = declared
    parser.StartElementHandler = opened
    parser.CharacterDataHandler = read
    parser.Parse(div, True)
    if not said:
        found["says nothing: a narrative has some content (txt-2)"] = None
    return list(found)


def _attribute_faults(attributes: dict[str, str]) -> Iterator[str]:
    for attribute, value in attributes.items():
        if attribute.startswith("on"):
            yield "holds an event attribute (on...)"
        elif attribute not in _ATTRIBUTES and not attribute.startswith("xmlns:"):
            yield "holds an attribute that XHTML does not give a narrative's elements"
        elif attribute == "xmlns" and value != _NAMESPACE:
            yield f"is not in the namespace {_NAMESPACE}"
        elif attribute == "src" and _ELSEWHERE.match(value.strip()):
            yield "loads an image from elsewhere"
        elif attribute in _LINKS and not _SAFE_LINK.match(value.strip()):
            yield "holds a link that could run code"
        elif attribute == "style" and _ACTIVE_STYLE.search(value):
            yield "holds a style that loads or runs something"
