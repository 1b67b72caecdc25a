"""References between the resources of one request: temporary names become addresses here, and none may dangle.

R4 bundle.html#references and http.html#trules.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import Issue

LOCAL = re.compile(r"^([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(/_history/[A-Za-z0-9\-.]{1,64})?$")


Json = dict[str, Any]


@dataclass
class Found:
    """What the walk over the references of some resources came upon."""

    local: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # Type/id here -> places
    conditional: list[tuple[dict[str, Any], str]] = field(default_factory=list)  # the Reference, and where it stands
    issues: list[Issue] = field(default_factory=list)


def rewrite(content: Json, names: dict[str, str], base_url: str, at: str, found: Found) -> None:
    """Replaces, in place, each reference to an entry's fullUrl by the address the entry gets.

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
        elif key == "reference" and kind is str:
            _rewrite_one(content, value, names, base_url, at, found)


def _rewrite_one(
    reference: dict[str, Any], value: str, names: dict[str, str], base_url: str, at: str, found: Found
) -> None:
    known = names.get(value)
    if known:
        reference["reference"] = known
        found.local[known].append(at)
    elif value.startswith("#"):
        pass  # contained: checked by validation (ref-1)
    elif value.startswith("urn:"):
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


def unknown_reference(at: str) -> Issue:
    """The same words whether it does not exist or is somebody else's: nobody may find out which."""
    return Issue(
        "not-found",
        f"{at}.reference names a resource that your organisation has not sent to this gateway. "
        "Send it first, or in the same Bundle.",
        f"{at}.reference",
    )
