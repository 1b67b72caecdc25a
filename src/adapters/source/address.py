"""Where a reference leads, when it leads to a server that is registered for fetching from; and nowhere else.

Addresses come from senders, so nothing of them is sent on: what is fetched is the registered base, and after it a type
and an id that look like those of FHIR. Spellings that two parsers might read in two ways (user names, escapes, dots
for folders, other alphabets) are not read at all.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.http import DestinationError, check_destination

URL = re.compile(
    r"(https?)://([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?((?:/[a-z0-9._~-]+)*)",
    re.IGNORECASE | re.ASCII,  # else K is also the sign of Kelvin
)
PORTS = {"http": "80", "https": "443"}
NAME = re.compile(r"([A-Z][A-Za-z]{1,63}/[A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]{1,64})?")

Parts = tuple[str, str, str, tuple[str, ...]]
"""Scheme, host, port and the steps of the path."""


@dataclass(frozen=True, slots=True)
class Server:
    """A registered FHIR server: its base without a slash at the end, the Authorization header that it wants, and
    whether it may be at a private address."""

    base_url: str
    authorization: str | None = field(default=None, repr=False)
    private: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """One resource on a server; `name` is its Type/id. Its current version, whichever one the reference named."""

    server: Server
    name: str

    @property
    def type(self) -> str:
        return self.name.partition("/")[0]

    @property
    def url(self) -> str:
        return f"{self.server.base_url}/{self.name}"


def check_base(url: str) -> str:
    """The base of a server as registered. Raises DestinationError for one that nothing should be fetched from."""
    url = url.rstrip("/")
    check_destination(url)
    if parts_of(url) is None:
        raise DestinationError("The address must be a plain one: letters, digits, dots, dashes, underscores, slashes.")
    return url


def locate(reference: str, servers: Sequence[Server], holder: Server | None = None) -> Place | None:
    """The place that Reference.reference means: on one of the servers, or, relative (Type/id), on that of its holder.

    None when it is somewhere else, and so nowhere that may be called.
    """
    if holder and (named := NAME.fullmatch(reference)):
        return _place(holder, named[1])
    parts = parts_of(reference)
    for server in servers if parts else ():
        base = parts_of(server.base_url)
        steps = len(base[3]) if base else 0
        if parts and base and (*parts[:3], parts[3][:steps]) == base:
            named = NAME.fullmatch("/".join(parts[3][steps:]))
            if named:
                return _place(server, named[1])
    return None


def _place(server: Server, name: str) -> Place | None:
    return None if name.endswith(("/.", "/..")) else Place(server, name)


def parts_of(url: str) -> Parts | None:
    """The parts of a plain address; None for one that two parsers might read in two ways."""
    found = URL.fullmatch(url)
    if not found:
        return None
    scheme, host, port, path = found.groups()
    steps = tuple(path.split("/")[1:])
    if "." in steps or ".." in steps:
        return None
    return scheme.lower(), host.lower(), str(int(port or PORTS[scheme.lower()])), steps
