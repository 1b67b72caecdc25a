"""ConceptMap/$translate, by all maps or by one: what this gateway makes of a code (R4
conceptmap-operation-translate.html). Without a row in a map the answer is no, never a guess.
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway.errors import BadRequest, Issue, NotFound
from gateway.fhir.exchange import Exchange, open_exchange, read_body
from gateway.messages import Answer
from gateway.validation import dump
from mappings.terminology import NO_TRANSLATION, Match, published, translations

Json = dict[str, Any]

TEXTS = ("url", "conceptMapVersion", "code", "system", "version", "source", "target", "targetsystem")
TEXT_VALUES = ("valueUri", "valueCode", "valueString", "valueCanonical", "valueUrl")
VALUES = dict.fromkeys(TEXTS, TEXT_VALUES) | {
    "coding": ("valueCoding",),
    "codeableConcept": ("valueCodeableConcept",),
    "reverse": ("valueBoolean",),
}
UNMAPPED = "No map here has a row for this code that leads there. Nothing is guessed."
SAID_BY_MAP = "A map here has this code and says that nothing there means the same."


async def translate(request: Request) -> Response:
    """Answers 200 with Parameters: result, message, and a match for each row of a map that was found."""
    exchange = await open_exchange(request)
    exchange.require("system/ConceptMap.r")
    given = _query(exchange) if request.method == "GET" else await _parameters(exchange)
    maps = _maps(request.path_params.get("id"), given)
    source, target, system = (given.get(name) for name in ("source", "target", "targetsystem"))
    found = translations(maps, _codings(given), source, target, system, given.get("reverse") is True)
    return exchange.send(Answer(200, dump(_result(found))))


def _query(exchange: Exchange) -> Json:
    given: Json = {}
    for name, value in exchange.request.query_params.multi_items():
        if name in ("_format", "_pretty"):
            continue
        if name not in TEXTS and name != "reverse":
            raise _misfit(name, "is not a parameter that GET takes here. Send Parameters by POST, or one of")
        if name in given:
            raise _misfit(name, "may stand once. There is")
        given[name] = value
    if "reverse" in given:
        if given["reverse"] not in ("true", "false"):
            raise BadRequest("reverse must be true or false.")
        given["reverse"] = given["reverse"] == "true"
    return given


async def _parameters(exchange: Exchange) -> Json:
    _, body = await read_body(exchange, "POST /FHIR/R4/ConceptMap/$translate")
    if body["resourceType"] != "Parameters":
        raise BadRequest("$translate takes a Parameters resource.", expression="Parameters")
    given: Json = {}
    for index, parameter in enumerate(body.get("parameter", [])):
        name, at = parameter["name"], f"Parameters.parameter[{index}]"
        if name not in VALUES:
            raise _misfit(name, "is not a parameter of this $translate. It takes", at)
        kinds = VALUES[name]
        value = next((parameter[kind] for kind in kinds if kind in parameter), None)
        if value is None:
            raise BadRequest(f"{at}: {name} needs a {kinds[0]}.", expression=at)
        if name in given:
            raise _misfit(name, "may stand once. There is", at)
        given[name] = value
    return given


def _misfit(name: str, trouble: str, at: str | None = None) -> BadRequest:
    shown = name if name in VALUES else "A name sent"
    issue = Issue("not-supported", f"{shown} {trouble}: {', '.join(sorted(VALUES))}.", at)
    return BadRequest(issues=[issue])


def _maps(id_: str | None, given: Json) -> list[Json]:
    """The maps to look in: the one that the address or url names, else all."""
    known = published("ConceptMap")
    url, version = given.get("url"), given.get("conceptMapVersion")
    if id_ is not None and url is not None:
        raise BadRequest("Name the ConceptMap by its address or by url, not by both.")
    if id_ is None and url is None:
        return list(known.values())
    named = [one for name, one in known.items() if id_ in (None, name) and url in (None, one["url"])]
    maps = [one for one in named if version in (None, one["version"])]
    if not maps:
        raise NotFound("No ConceptMap of that name and version is here. Search ConceptMap to see those there are.")
    return maps


def _codings(given: Json) -> list[Json]:
    """What is to be translated, as codings with system and code. Raises BadRequest when it is not said just once."""
    ways = [name for name in ("code", "coding", "codeableConcept") if name in given]
    if len(ways) != 1:
        text = "Say what to translate in one way: code and system, or coding, or codeableConcept."
        raise BadRequest(issues=[Issue("required" if not ways else "invalid", text)])
    if ways == ["codeableConcept"]:
        codings = given["codeableConcept"].get("coding", [])
    else:
        codings = [given["coding"] if ways == ["coding"] else {"code": given["code"], "system": given.get("system")}]
    whole = [one for one in codings if one.get("system") and one.get("code")]
    if not whole:
        text = "A code is translated together with its system: send both. Words alone are never guessed at."
        raise BadRequest(issues=[Issue("required", text)])
    return whole


def _result(found: list[Match]) -> Json:
    translated = any(match.equivalence not in NO_TRANSLATION for match in found)
    parameters: list[Json] = [{"name": "result", "valueBoolean": translated}]
    if not translated:
        reasons = [match.comment for match in found if match.comment]
        message = " ".join([SAID_BY_MAP, *dict.fromkeys(reasons)]) if found else UNMAPPED
        parameters.append({"name": "message", "valueString": message})
    return {"resourceType": "Parameters", "parameter": parameters + [_match(match) for match in found]}


def _match(match: Match) -> Json:
    parts: list[Json] = [{"name": "equivalence", "valueCode": match.equivalence}]
    if match.concept:
        parts.append({"name": "concept", "valueCoding": match.concept})
    return {"name": "match", "part": [*parts, {"name": "source", "valueUri": match.map}]}
