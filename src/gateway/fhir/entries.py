"""What the entries of a transaction ask for, before anything is looked up (R4 bundle.html, http.html#trules)."""

from dataclasses import dataclass
from typing import Any

from gateway.errors import NO_DELETE, Issue, Rejected
from gateway.fhir.arrivals import KEPT
from gateway.fhir.conditions import condition_of
from gateway.store.resources import identifiers
from gateway.validation import overlapping

Json = dict[str, Any]

MOST_ENTRIES = 200
MOST_ALONE = 50  # entries of which each is a request of its own: reads, and those of a batch
INSTEAD = {
    "DELETE": NO_DELETE,
    "PATCH": "A transaction has no place for a JSON Patch. PATCH the resource by itself, or PUT it here.",
    "HEAD": "HEAD asks for no more than headers, which a Bundle does not have. Send a GET.",
}


@dataclass(frozen=True, slots=True)
class Write:
    """An entry of method POST or PUT. `id` of PUT [type]/[id]; `named` the system|value of ifNoneExist, or of PUT
    [type]?identifier=...; the entry's place in the Bundle."""

    index: int
    method: str
    content: Json
    id: str | None
    named: str | None
    if_match: str | None

    @property
    def type(self) -> str:
        return str(self.content["resourceType"])

    @property
    def at(self) -> str:
        return f"Bundle.entry[{self.index}].resource"

    @property
    def asked_at(self) -> str:
        return f"Bundle.entry[{self.index}].request"


def read_entries(bundle: Json) -> tuple[list[Write], list[int]]:
    """What is to be written, and the indexes of the entries that read (GET).

    Raises Rejected with all findings: methods that are not offered, addresses and resources that do not fit each
    other, conditions that cannot be matched, and two entries that change the same (http.html#trules).
    """
    entries = bounded_entries(bundle, MOST_ENTRIES)
    issues = [issue for index, entry in enumerate(entries) for issue in _issues(entry, f"Bundle.entry[{index}]")]
    issues += overlapping(bundle)
    if issues:
        raise Rejected(issues=issues)
    reads = [index for index, entry in enumerate(entries) if entry["request"]["method"] == "GET"]
    if len(reads) > MOST_ALONE:
        text = f"Bundle.entry: {MOST_ALONE} entries may be a GET. Send several Bundles."
        raise Rejected(issues=[Issue("too-costly", text, "Bundle.entry")])
    writes = [_write(index, entry) for index, entry in enumerate(entries) if entry["request"]["method"] != "GET"]
    _refuse_same(writes)
    return writes, reads


def bounded_entries(bundle: Json, most: int) -> list[Json]:
    """Raises Rejected when there is none, or more than can be done in one go."""
    entries: list[Json] = bundle.get("entry", [])
    if not entries:
        text = "Bundle.entry is missing: there is nothing to do."
        raise Rejected(issues=[Issue("required", text, "Bundle.entry")])
    if len(entries) > most:
        text = f"Bundle.entry: a {bundle['type']} may have {most} entries at most. Send several."
        raise Rejected(issues=[Issue("too-costly", text, "Bundle.entry")])
    return entries


def _issues(entry: Json, at: str) -> list[Issue]:
    method = entry["request"].get("method")
    if method in INSTEAD:
        return [Issue("not-supported", f"{at}.request.method: {INSTEAD[method]}", f"{at}.request.method")]
    if method not in {"GET", "POST", "PUT"}:  # only an extension says why there is none
        return [Issue("required", f"{at}.request.method must be GET, POST or PUT.", f"{at}.request.method")]
    if method == "GET":
        return []
    if "resource" not in entry:
        return [Issue("required", f"{at}.resource is missing: {method} needs one.", f"{at}.resource")]
    resource, url = entry["resource"], entry["request"].get("url", "").strip("/")
    type_ = resource["resourceType"]
    if type_ == "Subscription":
        text = f"{at}.resource: a Subscription is sent by itself, or in a batch."
        return [Issue("not-supported", text, f"{at}.resource")]
    if type_ not in KEPT:
        return [Issue("not-supported", f"{at}.resource: {type_} cannot be stored here.", f"{at}.resource")]
    if method == "POST" and url != type_:
        text = f"{at}.request.url must be {type_}, the type of the entry's resource."
    elif method == "PUT" and not url.startswith(f"{type_}?") and url != f"{type_}/{resource.get('id')}":
        text = f"{at}.request.url must be {type_}/[id] with the id of the entry's resource, or {type_}?identifier=..."
    else:
        return []
    return [Issue("invariant", text, f"{at}.request.url")]


def _write(index: int, entry: Json) -> Write:
    request, content = entry["request"], entry["resource"]
    at = f"Bundle.entry[{index}].request"
    type_, _, query = request["url"].strip("/").partition("?")
    named = None
    if request["method"] == "PUT" and query:
        named = condition_of(content, query, f"{at}.url")
    elif request["method"] == "POST" and "ifNoneExist" in request:
        named = condition_of(content, request["ifNoneExist"], f"{at}.ifNoneExist")
    id_ = type_.partition("/")[2] or None
    return Write(index, request["method"], content, id_, named, request.get("ifMatch"))


def _refuse_same(writes: list[Write]) -> None:
    """Raises Rejected when what the condition of one entry looks for is brought by another."""
    carried = [(write.type, identifiers(write.content)) for write in writes]
    for write in writes:
        if write.named and sum(write.type == type_ and write.named in named for type_, named in carried) > 1:
            raise same_resource(write.asked_at)


def same_resource(at: str) -> Rejected:
    text = f"{at}: another entry changes the same resource. A transaction may change each once."
    return Rejected(issues=[Issue("duplicate", text, at)])
