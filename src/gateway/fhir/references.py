"""References between the resources of one request: temporary names become addresses here, and none may dangle.

R4 bundle.html#references and http.html#trules.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import Issue

RESTFUL = re.compile(r"^(https?://.+/)[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}$")  # a fullUrl; group 1 is its base
LOCAL = re.compile(r"^([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(/_history/[A-Za-z0-9\-.]{1,64})?$")

# The elements of type uri, url or uuid that may name an entry (http.html#trules). A canonical never does, and an oid
# could not hold the address.
_LINKS = """
address authority endpoint eventUri instantiatesUri issuer policy source uri url valueUri valueUrl valueUuid
"""
LINKS = frozenset(_LINKS.split())
HREF = re.compile(r"""(\shref\s*=\s*["'])([^"'<>]+)(["'])""")

Json = dict[str, Any]
Names = dict[str, str]


@dataclass
class Found:
    """What the walk over the references of some resources came upon."""

    local: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # Type/id here -> places
    conditional: list[tuple[dict[str, Any], str]] = field(default_factory=list)  # the Reference, and where it stands
    issues: list[Issue] = field(default_factory=list)


def name_of(url: str) -> str:
    """A name as it is compared: urn:uuid and urn:oid in lower case (RFC 8141, 3.1; RFC 4122, 3)."""
    return url.lower() if url[:4].lower() == "urn:" else url


def servers_of(names: Names) -> dict[str, str]:
    """Type/id here -> the base of the entry's RESTful fullUrl, with / at its end."""
    return {address: found[1] for name, address in names.items() if (found := RESTFUL.match(name))}


def names_by_entry(names: Names) -> dict[str, Names]:
    """Type/id here -> the names as that entry uses them; under "" as all others do.

    What an entry calls Type/id is relative to the server of its own fullUrl (bundle.html#references): where entries
    are of several servers, it never means what another server calls so.
    """
    servers = servers_of(names)
    if len(set(servers.values())) < 2:
        return {"": names}
    used = {server: _names_of(server, names, servers) for server in {"", *servers.values()}}
    return {"": used[""]} | {address: used[server] for address, server in servers.items()}


def _names_of(server: str, names: Names, servers: dict[str, str]) -> Names:
    own = {name: address for name, address in names.items() if servers.get(address, server) == server}
    whole = {name: address for name, address in names.items() if ":" in name}
    return own | whole | {name.removeprefix(server): address for name, address in own.items()}


def rewrite(content: Json, names: Names, base_url: str, at: str, found: Found) -> None:
    """Replaces, in place, each reference to an entry's fullUrl by the address the entry gets; and each link to it.

    `names` maps fullUrl (or Type/id of the sender) to Type/id here; `at` is the FHIRPath of `content`.
    """
    for key, value in content.items():
        kind = type(value)
        if kind is dict:
            rewrite(value, names, base_url, f"{at}.{key}", found)
        elif kind is list:
            for index, item in enumerate(value):
                if type(item) is dict:  # JSON of FHIR has no list in a list
                    rewrite(item, names, base_url, f"{at}.{key}[{index}]", found)
                elif key in LINKS:
                    value[index] = _linked(key, item, names)
        elif kind is str:
            if key == "reference":
                _rewrite_one(content, value, names, base_url, at, found)
            elif key in LINKS:
                content[key] = _linked(key, value, names)
            elif key == "div" and names:
                content[key] = HREF.sub(lambda link: f"{link[1]}{_linked('div', link[2], names)}{link[3]}", value)


def _rewrite_one(reference: Json, value: str, names: Names, base_url: str, at: str, found: Found) -> None:
    name = name_of(value).partition("/_history/")[0]  # a version of the sender's is none of ours
    known = names.get(name) or names.get(value)
    if known and not value.removeprefix(f"{base_url}/").startswith(f"{known}/_history/"):
        reference["reference"] = known
        found.local[known].append(at)
    elif value.startswith("#"):
        pass  # contained: checked by validation (ref-1)
    elif name.startswith("urn:") and not known:  # one that stands for itself stays in the message
        found.issues.append(
            Issue(
                "not-found",
                f"{at}.reference names an entry that is not in this Bundle. Add an entry with that fullUrl, "
                "or refer to a resource by Type/id.",
                f"{at}.reference",
            )
        )
    elif "?" in value and not value.startswith("http"):
        found.conditional.append((reference, at))
    else:
        local = LOCAL.match(value.removeprefix(f"{base_url}/"))
        if local:
            found.local[f"{local[1]}/{local[2]}"].append(at)
            reference["reference"] = value.removeprefix(f"{base_url}/")


def _linked(element: str, link: Any, names: Names) -> Any:
    """The address of the entry whose fullUrl this is; else the link as it is."""
    address = names.get(name_of(link)) if type(link) is str and ":" in link else None
    if address is None:
        return link
    return f"urn:uuid:{address.split('/')[1]}" if element == "valueUuid" else address


def unknown_reference(at: str) -> Issue:
    """The same words whether it does not exist or is somebody else's: nobody may find out which."""
    return Issue(
        "not-found",
        f"{at}.reference names a resource that your organisation has not sent to this gateway. "
        "Send it first, or in the same Bundle.",
        f"{at}.reference",
    )
