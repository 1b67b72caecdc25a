"""The one way out over HTTP; nothing else imports httpx.

It speaks through httpx's transports, one connection each, and not through its client: a shared pool collapses when
many requests use it (measured: 8 connections in one pool 800 sends/s, in 8 pools 1,200), and a transport follows no
redirect, keeps no cookie and reads no proxy from the environment.
"""

import asyncio
import socket
import ssl
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import Any

import httpx

from adapters.ports import Phase

NAT64 = IPv6Network("64:ff9b::/96")  # an IPv4 address inside an IPv6 one (RFC 6052)
MOST_READ = 16_384  # bytes of an answer; the rest is left unread and the connection closed
IDLE_SECONDS = 1  # after which a connection is not used again: its server may be closing it (gunicorn after 2, Node 5)
KEEP_ALIVE_SECONDS = 75  # how long our own servers keep one: longer than who calls does (nginx, load balancers 60)


class DestinationError(ValueError):
    """The gateway does not send to such an address; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: `headers` have lower-case names, `body` holds the first bytes as sent, up to what was asked."""

    phase: Phase
    milliseconds: int
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    late: bool = False  # whether the time was up, where it did not come whole

    @property
    def in_doubt(self) -> bool:
        """Whether it may have been done, though nobody says so."""
        return self.phase in {"send", "answer"} if self.status is None else self.status >= 500


def tls_context(
    certificate: Path | str | None = None, key: Path | str | None = None, authority: Path | str | None = None
) -> ssl.SSLContext:
    """How neighbours are known, and, with a certificate and its key, how they know us (mutual TLS; PEM files).

    Without an authority the machine's own list counts, which is where a trust's IT adds its root.
    """
    context = ssl.create_default_context(cafile=authority)
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


def check_destination(url: str) -> None:
    """Raises DestinationError unless this is https, or http to this machine, with nothing but a host and a path."""
    try:
        parsed = httpx.URL(url)
        host = parsed.host  # reading it may find that it is no name of the DNS
    except (httpx.InvalidURL, ValueError):
        raise DestinationError("The address cannot be read as a URL.") from None
    if parsed.port is not None and not 0 < parsed.port < 65_536:
        raise DestinationError("The address has a port that there is not.")
    if parsed.userinfo:
        raise DestinationError("The address must not carry a user name or password.")
    if parsed.query or parsed.fragment:
        raise DestinationError("The address must end with its path, without ? or #.")
    if not host:
        raise DestinationError("The address names no host.")
    if parsed.scheme != "https" and not (parsed.scheme == "http" and _is_loopback(host)):
        raise DestinationError("The address must start with https:// (http:// only to 127.0.0.1, ::1 or localhost).")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


async def addresses_of(url: str, *, private: bool) -> list[str]:
    """The IP addresses that the host of `url` has now, the likeliest to answer first.

    Raises DestinationError when one of them is not to be called: addresses of this machine and of private networks
    are only with `private`, those of links (where clouds keep their secrets), groups and nobody never. Raises OSError
    when the host has none. Who then connects by name may get another one (DNS rebinding): connect to these.
    """
    parsed = httpx.URL(url)
    port = parsed.port or {"http": 80, "https": 443}[parsed.scheme]
    found = await asyncio.get_running_loop().getaddrinfo(parsed.host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
    if not all(_may_be_called(ip_address(one), private) for one in addresses):
        raise DestinationError("The host has an address that the gateway does not call.")
    return addresses


def _may_be_called(address: IPv4Address | IPv6Address, private: bool) -> bool:
    if isinstance(address, IPv6Address) and address in NAT64:
        address = IPv4Address(address.packed[-4:])
    elif isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    return address.is_global or (private and (address.is_loopback or not address.is_reserved))


class Neighbour:
    """The connections to one neighbour. `seconds` limits a whole exchange, however slowly its bytes drip.

    With an `address` of the host they go to that one, whatever the host's name leads to meanwhile; the neighbour is
    known by its name all the same (Host header, TLS certificate).
    """

    def __init__(
        self, url: str, seconds: float, connections: int, tls: ssl.SSLContext, address: str | None = None
    ) -> None:
        check_destination(url)
        self.url = url.rstrip("/")
        self._called = httpx.URL(self.url)
        self._headers = {"Accept-Encoding": "identity"}  # a small answer must not unfold into a large one
        self._extensions: dict[str, object] = {}
        if address:
            self._headers["Host"] = self._called.netloc.decode("ascii")
            self._extensions["sni_hostname"] = self._called.raw_host.decode("ascii")
            self._called = self._called.copy_with(host=address)
        self._seconds = seconds
        self._timeout = httpx.Timeout(seconds, connect=min(seconds, 5)).as_dict()
        one = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=IDLE_SECONDS)
        self._lines = [httpx.AsyncHTTPTransport(verify=tls, trust_env=False, limits=one) for _ in range(connections)]
        self._free: asyncio.LifoQueue[httpx.AsyncHTTPTransport] = asyncio.LifoQueue()
        for line in self._lines:
            self._free.put_nowait(line)

    async def put(self, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """PUT {url}/{path}. Waits for a free connection; from then on nothing that happens raises."""
        return await self.send("PUT", path, headers, body, MOST_READ)

    async def post(self, path: str, body: bytes, headers: Mapping[str, str], most: int = MOST_READ) -> Reply:
        """POST {url}/{path}, or {url} itself when the path is empty; as `put` otherwise."""
        return await self.send("POST", path, headers, body, most)

    async def get(self, path: str, headers: Mapping[str, str], most: int) -> Reply:
        """GET {url}/{path}, of whose answer `most` bytes are read; as `put` otherwise."""
        return await self.send("GET", path, headers, None, most)

    async def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, most: int) -> Reply:
        """As `put`, with any method."""
        request = httpx.Request(
            method,
            f"{self._called}/{path}" if path else self._called,
            headers={**self._headers, **headers},
            content=body,
            extensions={"timeout": self._timeout, **self._extensions},
        )
        line = await self._free.get()
        try:
            return await self._exchange(line, request, most)
        finally:
            self._free.put_nowait(line)

    async def _exchange(self, line: httpx.AsyncHTTPTransport, request: httpx.Request, most: int) -> Reply:
        started = time.perf_counter()
        phase: Phase = "answer"  # when the time is up during a send, nobody knows what the neighbour did
        status, headers, body, late = None, httpx.Headers(), bytearray(), False
        try:
            async with asyncio.timeout(self._seconds):
                response = await line.handle_async_request(request)
                status, headers = response.status_code, response.headers
                try:
                    async for chunk in response.aiter_raw():
                        body += chunk
                        if len(body) >= most:
                            break
                finally:
                    await response.aclose()
                if _is_more_there(line):
                    await line.aclose()
            phase = "done"
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.LocalProtocolError) as trouble:
            phase = "tls" if _is_about_tls(trouble) else "connect"
        except (httpx.WriteError, httpx.WriteTimeout):
            phase = "send"
        except (httpx.TransportError, TimeoutError) as trouble:
            late = isinstance(trouble, httpx.TimeoutException | TimeoutError)
        milliseconds = round((time.perf_counter() - started) * 1000)
        return Reply(phase, milliseconds, status, headers, bytes(body[:most]), late)

    @property
    def is_idle(self) -> bool:
        return self._free.qsize() == len(self._lines)

    async def close(self) -> None:
        for line in self._lines:
            await line.aclose()


class Neighbours:
    """The connections to any number of neighbours of one kind, each with its own few, made when first needed.

    A neighbour that cannot be reached is forgotten: its name may lead elsewhere by the next time, and another of its
    addresses has its turn.
    """

    def __init__(self, seconds: float, connections: int) -> None:
        self._seconds = seconds
        self._connections = connections
        self._known: dict[str, Neighbour] = {}
        self._turns: Counter[str] = Counter()
        self._plain_tls: ssl.SSLContext | None = None  # one for all: 20 ms and half a megabyte each
        self._forgotten: list[Neighbour] = []  # others may still be in the middle of an exchange over them

    async def at(self, url: str, options: Mapping[str, Any]) -> Neighbour:
        """The neighbour at this address, as its registered options say: `private`, and `tls` with PEM files.

        Raises DestinationError when it is not to be called, or its name or its certificate files cannot be used.
        """
        key = repr((url, options.get("private"), options.get("tls")))
        if key not in self._known:
            context = self._tls(options.get("tls") or {})
            check_destination(url)
            try:
                async with asyncio.timeout(self._seconds):
                    addresses = await addresses_of(url, private=bool(options.get("private")))
            except (OSError, UnicodeError):  # TimeoutError is an OSError; no name of the DNS has such labels
                raise DestinationError("The host has no address.") from None
            if key not in self._known:  # nobody else has made it meanwhile
                address = addresses[self._turns[key] % len(addresses)]
                self._known[key] = Neighbour(url, self._seconds, self._connections, context, address)
        return self._known[key]

    async def exchange(
        self,
        url: str,
        options: Mapping[str, Any],
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        most: int = MOST_READ,
    ) -> Reply:
        """One request to {url}/{path} (to {url} itself when the path is empty), of whose answer `most` bytes are read.

        Raises DestinationError as `at` does, and then nothing was sent; what happens after that is in the Reply.
        """
        neighbour = await self.at(url, options)
        reply = await neighbour.send(method, path, headers, body, most)
        if reply.phase in {"connect", "tls"}:
            await self.forget(neighbour)
        return reply

    def _tls(self, files: Mapping[str, Any]) -> ssl.SSLContext:
        if not files:
            self._plain_tls = self._plain_tls or tls_context()
            return self._plain_tls
        try:
            return tls_context(files.get("certificate"), files.get("key"), files.get("authority"))
        except OSError:  # ssl.SSLError is one too
            raise DestinationError("The certificate files registered for it cannot be used.") from None

    async def forget(self, neighbour: Neighbour) -> None:
        for key in [key for key, one in self._known.items() if one is neighbour]:
            self._forgotten.append(self._known.pop(key))
            self._turns[key] += 1
        for one in [one for one in self._forgotten if one.is_idle]:
            self._forgotten.remove(one)
            await one.close()

    async def close(self) -> None:
        for neighbour in [*self._known.values(), *self._forgotten]:
            await neighbour.close()


def _is_more_there(line: httpx.AsyncHTTPTransport) -> bool:
    """Whether more has come than the answer: an answer twice, say, which would pass for that of the next request.

    httpx does not tell, so this looks into what it is made of; a test notices when that changes.
    """
    connections: Any = line._pool.connections
    return any(one._connection._h11_state.trailing_data[0] for one in connections if one.is_idle())


def _is_about_tls(trouble: BaseException | None) -> bool:
    """Whether an SSL error is the cause: connected, but the certificate or the protocol does not do."""
    while trouble is not None:
        if isinstance(trouble, ssl.SSLError):
            return True
        trouble = trouble.__cause__ or trouble.__context__
    return False
