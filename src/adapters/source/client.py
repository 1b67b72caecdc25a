"""Reads FHIR resources from a sender's own server, and trusts it with nothing. Contract: README.md."""

import asyncio
import ssl
from collections.abc import Mapping

from adapters.http import DestinationError, Neighbour, Reply, addresses_of
from adapters.source.address import Place, Server

MOST_READ = 1_000_000  # bytes of one resource
JSON_TYPES = {"application/fhir+json", "application/json", "text/json"}
GONE = {401, 403, 404, 410}


class NotFetched(Exception):
    """Why a resource could not be had: words for the sender's engineers, without addresses or anybody's data.

    `refused` says that the server answers, but has this resource not, or not for us.
    """

    def __init__(self, reason: str, *, refused: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.refused = refused


class Source:
    """The servers that one referral is fetched from, each called at the address that it had at first.

    `seconds` limits the reading of one resource, `headers` go with each request.
    """

    def __init__(self, seconds: float, headers: Mapping[str, str], tls: ssl.SSLContext) -> None:
        self._seconds = seconds
        self._headers = {"Accept": "application/fhir+json", **headers}
        self._tls = tls
        self._neighbours: dict[Server, Neighbour] = {}

    async def read(self, place: Place) -> bytes:
        """The resource as JSON, not looked into yet. Raises NotFetched."""
        neighbour = await self._neighbour(place.server)
        secret = {"Authorization": place.server.authorization} if place.server.authorization else {}
        reply = await neighbour.get(place.name, {**self._headers, **secret}, MOST_READ + 1)
        return _body(reply, place.type)

    async def close(self) -> None:
        for neighbour in self._neighbours.values():
            await neighbour.close()

    async def _neighbour(self, server: Server) -> Neighbour:
        if server not in self._neighbours:
            try:
                async with asyncio.timeout(self._seconds):
                    [address, *_] = await addresses_of(server.base_url, private=server.private)
            except DestinationError:
                text = "its address is in a private network, for which it is not registered"
                raise NotFetched(text) from None
            except (OSError, UnicodeError):  # TimeoutError is an OSError
                raise NotFetched("its name leads to no address") from None
            self._neighbours[server] = Neighbour(server.base_url, self._seconds, 1, self._tls, address)
        return self._neighbours[server]


def _body(reply: Reply, type_: str) -> bytes:
    if reply.phase in {"connect", "tls"}:
        raise NotFetched("it cannot be connected to")
    if reply.phase != "done" or reply.status is None:
        raise NotFetched(f"it did not answer in time for the {type_}")
    if 300 <= reply.status < 400:
        raise NotFetched(f"it sends elsewhere for the {type_} ({reply.status}); redirects are not followed")
    if reply.status != 200:
        raise NotFetched(f"it answered {reply.status} for the {type_}", refused=reply.status in GONE)
    if len(reply.body) > MOST_READ:
        raise NotFetched(f"its {type_} is larger than {MOST_READ:,} bytes")
    if reply.headers.get("content-type", "").split(";")[0].strip().lower() not in JSON_TYPES:
        raise NotFetched(f"its {type_} did not come as application/fhir+json")
    return reply.body
