"""What must hold between the entries of a Bundle (R4 bundle.html#invs), and of a transaction (http.html#trules)."""

from collections.abc import Iterator

from gateway.errors import Issue
from gateway.validation.references import entries
from gateway.validation.schema import Json


def same_urls(bundle: Json) -> Iterator[str]:
    """bdl-7: the same fullUrl twice, both without a version or with the same one."""
    if bundle.get("type") == "history":
        return
    seen = set()
    for entry in entries(bundle):
        url = entry.get("fullUrl")
        if isinstance(url, str):
            resource = entry.get("resource")
            meta = resource.get("meta") if isinstance(resource, dict) else None
            named = (url, str(meta.get("versionId")) if isinstance(meta, dict) else "None")
            if named in seen:
                yield "Bundle"
                return
            seen.add(named)


def without_ids(bundle: Json) -> Iterator[str]:
    """What a search found without an id, which only a resource that is being created lacks (resource.html#id)."""
    if bundle.get("type") == "searchset":
        for index, entry in enumerate(entries(bundle)):
            resource = entry.get("resource")
            if (
                isinstance(resource, dict)
                and "id" not in resource
                and resource.get("resourceType") != "OperationOutcome"
            ):
                yield f"Bundle.entry[{index}].resource.id"


def misplaced_outcomes(bundle: Json) -> Iterator[str]:
    """Entries of mode outcome that hold something else (http://hl7.org/fhir/search-entry-mode)."""
    for index, entry in enumerate(entries(bundle)):
        search, resource = entry.get("search"), entry.get("resource")
        if (
            isinstance(search, dict)
            and search.get("mode") == "outcome"
            and isinstance(resource, dict)
            and resource.get("resourceType") != "OperationOutcome"
        ):
            yield f"Bundle.entry[{index}].resource"


def overlapping(bundle: Json) -> list[Issue]:
    """The entries of a transaction that change what another one changes, for which it SHALL fail (http.html#trules).

    A rule of processing: a Bundle that breaks it is valid, and has no finding from `check`.
    """
    if bundle.get("type") != "transaction":
        return []
    found = []
    seen = set()
    for index, entry in enumerate(entries(bundle)):
        if identity := _changed(entry):
            if identity in seen:
                place = f"Bundle.entry[{index}].request"
                text = f"{place}: another entry changes the same resource. A transaction may change each once."
                found.append(Issue("duplicate", text, place))
            seen.add(identity)
    return found


def _changed(entry: Json) -> str | None:
    """What an entry creates, changes or deletes: Type/id, a search, or the name that a new one has in the Bundle."""
    request = entry.get("request")
    if not isinstance(request, dict):
        return None
    method, url = request.get("method"), request.get("url")
    if method == "POST":
        query = request.get("ifNoneExist")
        url = f"{url}?{query}" if query else entry.get("fullUrl")
    elif method not in ("PUT", "PATCH", "DELETE"):
        return None
    return url if isinstance(url, str) else None
