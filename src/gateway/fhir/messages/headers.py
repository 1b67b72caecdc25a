"""The headers of a BaRS message: for which service it is, and who sends it (BaRS Core 1.5, HTTP headers)."""

from base64 import b64decode
from dataclasses import replace

from gateway.errors import BadRequest, Issue, NotAcceptable, NotFound, Unreadable
from gateway.fhir.exchange import Exchange, Json
from gateway.validation import check, parse
from mappings.systems import is_ods_system

TARGET = "NHSD-Target-Identifier"
PRACTITIONER = "NHSD-Requesting-Practitioner"
TYPES = {
    "NHSD-End-User-Organisation": "Organization",
    "NHSD-Requesting-Software": "Device",
    PRACTITIONER: "PractitionerRole",
}
NEEDED = {
    "X-Correlation-Id": "a UUID that all messages about the referral share",
    TARGET: "the Base64 of a JSON object with the system and value of the service that is addressed",
    "NHSD-End-User-Organisation": "the Base64 of a FHIR Organization as JSON",
    "NHSD-Requesting-Software": "the Base64 of a FHIR Device as JSON",
}


def is_strict(exchange: Exchange) -> bool:
    """Whether the sender's agreement asks for all that BaRS asks for."""
    sender = exchange.gateway.directory.organisation(exchange.caller.organisation) or {}
    return sender.get("bars") == "strict"


def read_headers(exchange: Exchange) -> tuple[Exchange, tuple[str, str] | None]:
    """The exchange, with the practitioner as the person who sends; and the service addressed, as (system, value).

    What is sent is checked; what may be missing depends on the sender's agreement. `use-context` is for the BaRS
    proxy's statistics, and receivers must ignore it. Raises BadRequest with all findings, NotAcceptable for another
    version of BaRS, NotFound for a service that is not here.
    """
    given = exchange.request.headers
    needed = {"X-Request-Id": "a UUID; a retry of the message keeps it"} | (NEEDED if is_strict(exchange) else {})
    issues = [
        Issue("required", f"Send the header {name} with {what}.", f"http.{name}")
        for name, what in needed.items()
        if name not in given
    ]
    issues += _version_issues(exchange)
    contents = {}
    for name in [TARGET, *TYPES]:
        try:
            contents[name] = _content(name, given[name]) if name in given else {}
        except BadRequest as wrong:
            issues += wrong.issues
    if issues:
        raise BadRequest(issues=issues)
    target = contents[TARGET]
    addressed = (target["system"], target["value"]) if target else None
    if addressed and not _is_here(exchange, addressed):
        text = f"The header {TARGET} names no service that is registered here. Ask for the identifier of the hub."
        raise NotFound(text, expression=f"http.{TARGET}")
    return _sent_by(exchange, contents[PRACTITIONER]), addressed


def _version_issues(exchange: Exchange) -> list[Issue]:
    """Accept names the version of BaRS Core. Raises NotAcceptable when it is none that is spoken here."""
    parameters = exchange.request.headers.get("accept", "").lower().replace(" ", "").replace(",", ";").split(";")
    versions = [part.removeprefix("version=").strip('"') for part in parameters if part.startswith("version=")]
    if versions and not any(version.startswith("1.") for version in versions):
        raise NotAcceptable("Accept asks for another version of BaRS Core. This gateway speaks 1.x: version=1.4.0.")
    if versions or not is_strict(exchange):
        return []
    text = "Name the version of BaRS Core in Accept: application/fhir+json; version=1.4.0."
    return [Issue("required", text, "http.Accept")]


def _content(name: str, sent: str) -> Json:
    """What the header holds. Raises BadRequest, whose issues name the header."""
    try:
        content = parse(b64decode(sent, validate=True))
    except (ValueError, Unreadable) as trouble:
        what = "a JSON object in UTF-8" if isinstance(trouble, Unreadable) else "Base64 (RFC 4648, with padding)"
        raise _wrong(name, f"does not hold {what}.") from None
    if name == TARGET:
        if not all(isinstance(content.get(part), str) and content[part] for part in ("system", "value")):
            raise _wrong(name, 'must hold {"system": "...", "value": "..."}, both with text.')
        return content
    if content.get("resourceType") != TYPES[name]:
        raise _wrong(name, f"must hold a FHIR {TYPES[name]}: resourceType says something else.")
    for element in ("deviceName", "version"):  # BaRS' own example of a Device writes each as a single object
        if TYPES[name] == "Device" and isinstance(content.get(element), dict):
            content[element] = [content[element]]
    if faults := check(content):
        raise _wrong(name, *(f"is no valid FHIR R4: {fault.text}" for fault in faults))
    return content


def _wrong(name: str, *whats: str) -> BadRequest:
    return BadRequest(issues=[Issue("invalid", f"The header {name} {what}", f"http.{name}") for what in whats])


def _is_here(exchange: Exchange, addressed: tuple[str, str]) -> bool:
    """Whether it is a hub, or the organisation that works for hubs here."""
    directory = exchange.gateway.directory
    system, value = addressed
    return directory.named_hub([addressed]) is not None or (is_ods_system(system) and directory.runs_platform(value))


def _sent_by(exchange: Exchange, role: Json) -> Exchange:
    """The journal and the audit tell the person as displayed, with the identifier of role or practitioner."""
    practitioner = role.get("practitioner", {})
    identifiers = [*role.get("identifier", []), practitioner.get("identifier", {})]
    value = next((one["value"] for one in identifiers if "value" in one), None)
    person = " ".join(filter(None, [practitioner.get("display"), value]))
    if not person:
        return exchange
    caller = replace(exchange.caller, person=person[:200])
    exchange.request.state.caller = caller
    return replace(exchange, caller=caller)
