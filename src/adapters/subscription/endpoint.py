"""Where a client may have notifications sent to: under an address that its organisation has registered, nowhere else.

Endpoints come from clients. One that could be anything would let a client have patients' data sent anywhere, and the
gateway call addresses inside a trust's network (server-side request forgery).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from adapters.source.address import parts_of


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A registered address; `private` when it may be of a private network or of this machine."""

    url: str
    private: bool = False


def registered(endpoint: str, allowed: Sequence[Endpoint]) -> Endpoint | None:
    """The one that covers the endpoint: its address, or one under it. None: not to be called."""
    given = parts_of(endpoint)
    return next((one for one in allowed if given and _covers(one, given)), None)


def _covers(one: Endpoint, given: tuple[str, str, str, tuple[str, ...]]) -> bool:
    scheme, host, port, steps = given
    base = parts_of(one.url)
    if base is None or (scheme, host) != base[:2] or steps[: len(base[3])] != base[3]:
        return False
    any_port = scheme == "http" and urlsplit(one.url).port is None  # http leads nowhere but to this machine
    return any_port or port == base[2]
