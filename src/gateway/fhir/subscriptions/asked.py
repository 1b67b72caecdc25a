"""What a client asks for with a Subscription: read from it, and refused with every finding (backport
workflow.html#workflow-fhir-r4, channels.html#rest-hook)."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from adapters.subscription.endpoint import Endpoint, registered
from gateway.errors import BadRequest, Issue, Rejected
from gateway.filters import MOST, Filter, read_filter
from mappings.subscription import CHANNEL, CONTENT, FILTER, HEARTBEAT, LEVELS, MAX_COUNT, TIMEOUT, TOPICS

Json = dict[str, Any]

# R4's own extensions for elements of later versions: this guide has others for them (components.html#subscriptions).
LATER = re.compile(r"http://hl7\.org/fhir/[456]\.\d/StructureDefinition/extension-Subscription\b.*")
PAYLOADS = {"application/fhir+json", "application/json"}
HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,60}):[ \t]*([\x21-\x7e](?:[\x20-\x7e]{0,4000}[\x21-\x7e])?)")
MOST_HEADERS = 20
# What frames a request or says where it goes is the gateway's to say.
_OURS = """
accept-encoding connection content-encoding content-length content-type expect host keep-alive proxy-authorization
proxy-connection te trailer transfer-encoding upgrade x-request-id
"""
OURS = frozenset(_OURS.split())
BOUNDS = {HEARTBEAT: (5, 86_400), TIMEOUT: (1, 3600), MAX_COUNT: (1, 1_000_000)}
WHAT = {HEARTBEAT: "heartbeat-period", TIMEOUT: "timeout", MAX_COUNT: "max-count"}


def read_subscription(content: Json, endpoints: Sequence[Endpoint], base_url: str, at: datetime) -> tuple[str, Json]:
    """The endpoint, and the JSON that its destination keeps: id, topic, type, filters, level, payload, headers,
    heartbeat, timeout and max_count where they are given, end, private. Raises Rejected with every finding."""
    issues = list(_later(content, "Subscription"))
    options: Json = {"id": content["id"], "end": content.get("end")}
    options |= _topic(content, base_url, issues)
    options |= _channel(content["channel"], issues)
    endpoint, private = _endpoint(content["channel"], endpoints, issues)
    if "end" in content and datetime.fromisoformat(content["end"]) <= at:
        issues.append(
            Issue("business-rule", "Subscription.end is over. Give a later one, or none.", "Subscription.end")
        )
    if issues:
        raise Rejected(issues=issues)
    return endpoint, options | {"private": private}


def _later(value: Any, at: str) -> Iterator[Issue]:
    """A finding for each extension that stands for an element of R5."""
    if isinstance(value, list):
        for index, one in enumerate(value):
            yield from _later(one, f"{at}[{index}]")
    elif isinstance(value, dict):
        if LATER.fullmatch(str(value.get("url", ""))):
            yield Issue("not-supported", f"{at}: an extension for R5's element. Use those of the R4 backport.", at)
        for name, one in value.items():
            yield from _later(one, f"{at}.{name.removeprefix('_')}")


def _extensions(element: Json, name: str, url: str) -> list[tuple[int, Any]]:
    """(index, value) of each extension with this url; of a primitive where `name` is one's."""
    held = element.get(f"_{name}", {}) if name else element
    found = [(index, one) for index, one in enumerate(held.get("extension", [])) if one.get("url") == url]
    return [
        (index, next((value for key, value in one.items() if key.startswith("value")), None)) for index, one in found
    ]


def _topic(content: Json, base_url: str, issues: list[Issue]) -> Json:
    place = "Subscription.criteria"
    topic = content.get("criteria", "")
    type_ = TOPICS.get(topic)
    if type_ is None:
        text = f"{place} names the topic, by its canonical. Here are: {', '.join(TOPICS)}. A search is a filter of it."
        issues.append(Issue("not-supported", text, place))
        return {}
    filters: list[Filter] = []
    for index, text in _extensions(content, "criteria", FILTER):
        at = f"{place}.extension[{index}]"
        try:
            filters += read_filter(text if isinstance(text, str) else "", type_, base_url)
        except BadRequest as refusal:
            issues.append(Issue("not-supported", f"{at}: {refusal}", f"{at}.value"))
    if len(filters) > MOST:
        issues.append(Issue("too-costly", f"{place}: the filters have {MOST} conditions at most.", place))
    return {"topic": topic, "type": type_, "filters": filters}


def _channel(channel: Json, issues: list[Issue]) -> Json:
    at = "Subscription.channel"
    custom = [value for _, value in _extensions(channel, "type", CHANNEL)]
    others = [one for one in custom if not isinstance(one, dict) or one.get("code") != "rest-hook"]
    if channel.get("type") != "rest-hook" or others:
        text = f"{at}.type: notifications are sent by rest-hook; no other channel is supported."
        issues.append(Issue("not-supported", text, f"{at}.type"))
    options: Json = {"payload": channel.get("payload"), "headers": _headers(channel, issues)}
    if not _is_payload(channel.get("payload", "")):
        text = f"{at}.payload must be application/fhir+json, of FHIR R4."
        issues.append(Issue("not-supported", text, f"{at}.payload"))
    levels = [value for _, value in _extensions(channel, "payload", CONTENT)]
    if len(levels) != 1 or levels[0] not in LEVELS:
        text = f"{at}.payload needs one extension {CONTENT} with valueCode {', '.join(LEVELS[:-1])} or {LEVELS[-1]}."
        issues.append(Issue("not-supported" if levels else "required", text, f"{at}.payload.extension"))
    options["level"] = levels[0] if levels else None
    for url, name in ((HEARTBEAT, "heartbeat"), (TIMEOUT, "timeout"), (MAX_COUNT, "max_count")):
        least, most = BOUNDS[url]
        for index, value in _extensions(channel, "", url):
            if type(value) is int and least <= value <= most and name not in options:
                options[name] = value
            else:
                place = f"{at}.extension[{index}]"
                text = f"{place}: {WHAT[url]} stands once, a whole number from {least} to {most}."
                issues.append(Issue("value", text, place))
    return options


def _is_payload(payload: str) -> bool:
    media_type, *parameters = (part.strip().lower() for part in payload.split(";"))
    known = ("fhirversion=4.0", "fhirversion=4.0.1", "charset=utf-8")
    return media_type in PAYLOADS and all(one.replace('"', "") in known for one in parameters)


def _headers(channel: Json, issues: list[Issue]) -> Json:
    """name -> value. A line break in one would begin another header, or another request."""
    at, headers, names = "Subscription.channel.header", {}, set()
    for index, line in enumerate(channel.get("header", [])):
        found = HEADER.fullmatch(line or "")
        name = found[1].lower() if found else ""
        if found is None or name in OURS or name in names or index >= MOST_HEADERS:
            text = f"{at}[{index}] must be one line, Name: value, in ASCII; each name once, {MOST_HEADERS} at most; and"
            text += " none that frames the request (Host, Content-Type, Content-Length, Connection and the like)."
            issues.append(Issue("value", text, f"{at}[{index}]"))
        else:
            headers[found[1]] = found[2]
            names.add(name)
    return headers


def _endpoint(channel: Json, endpoints: Sequence[Endpoint], issues: list[Issue]) -> tuple[str, bool]:
    given = channel.get("endpoint", "")
    allowed = registered(given, endpoints)
    if allowed is None:
        place = "Subscription.channel.endpoint"
        text = f"{place} must be an https address that is registered for your organisation, or one under it: plain, "
        text += "without a user name, a query or a slash at its end. Ask the gateway's operators to register it."
        issues.append(Issue("required" if not given else "forbidden", text, place))
        return "", False
    return given, allowed.private
