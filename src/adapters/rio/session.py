"""Signed in to one RiO: every call carries a token, which is shared, renewed in time, and replaced when refused."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.http import DestinationError, Neighbour, addresses_of, tls_context
from adapters.rio.options import RioOptions
from adapters.rio.reasons import NO_CERTIFICATE, UNREADABLE_FILE
from adapters.rio.soap import MOST_READ, Fault, NoAnswer, messages
from adapters.tls import Tls

PATH = "ApiService"
FIRST_SECONDS = 15.0  # more than others: RiO's first sign-in has taken up to 12 s
RENEWED_BEFORE = 30.0  # seconds before its end, or a tenth of its life when that is shorter
READ_AT_ONCE = 20_000  # bytes, 6 ms; what takes longer is read beside the other deliveries
TOKEN_FAULTS = frozenset({"NOT_AUTHENTICATED", "SESSION_EXPIRED", "SESSION_REVOKED"})


class Session:
    """`url` is that of the API, without ApiService. `seconds` limits each call, `connections` how many run at a time.

    Calls raise Fault, NoAnswer, and DestinationError for an address that is not to be called or none, or when the
    password or the certificate cannot be read.
    """

    def __init__(self, url: str, options: RioOptions, seconds: float, connections: int) -> None:
        self._url = url
        self._options = options
        self._seconds = seconds
        self._connections = connections
        self._neighbours: tuple[Neighbour, Neighbour] | None = None
        self._former: list[Neighbour] = []
        self._token: str | None = None
        self._renew_at = 0.0
        self._signing_in = asyncio.Lock()

    async def call(self, operation: str, headers: Mapping[str, str], **parts: Any) -> Any:
        """The parts of the answer. A token that is refused is replaced, once."""
        token = await self._valid_token()
        try:
            return await self._ask(operation, token, parts, headers)
        except Fault as fault:
            if fault.code not in TOKEN_FAULTS:
                raise
        return await self._ask(operation, await self._valid_token(refused=token), parts, headers)

    async def close(self) -> None:
        for neighbour in [*(self._neighbours or ()), *self._former]:
            await neighbour.close()

    async def _valid_token(self, refused: str | None = None) -> str:
        """The token; those who need a new one at the same time wait for one sign-in."""
        async with self._signing_in:
            if self._token is None or self._token == refused or time.monotonic() >= self._renew_at:
                self._token = None
                asked_at = time.monotonic()  # the clocks of RiO and of this machine may differ: only its span counts
                given = await self._ask("Authenticate", None, await self._credentials(), {})
                life = float(given.LifetimeSeconds)
                self._renew_at = asked_at + life - min(RENEWED_BEFORE, life / 10)
                self._token = str(given.Token)
            return self._token

    async def _credentials(self) -> dict[str, str]:
        try:
            password = await asyncio.to_thread(self._options.password_file.read_text, "utf-8")
        except (OSError, UnicodeError):
            raise DestinationError(UNREADABLE_FILE) from None
        return {
            "authenticationType": "PLAIN",
            "userName": self._options.user_name,
            "password": password.strip(),
        }

    async def _ask(self, operation: str, token: str | None, parts: dict[str, Any], more: Mapping[str, str]) -> Any:
        soap = await asyncio.to_thread(messages)
        header = {"PlatformType": self._options.platform_type, "SystemName": self._options.system_name}
        body, headers = soap.build(operation, header | ({"Token": token} if token else {}), parts)
        usual, patient = await self._connected()
        reply = await (patient if token is None else usual).post(PATH, body, {**more, **headers}, MOST_READ)
        if reply.phase == "connect":
            self._forget_address(usual, patient)
        if reply.status == 403:
            raise NoAnswer(reply, "RiO refuses the client certificate: check that the trust knows it, and its dates")
        if len(reply.body) < READ_AT_ONCE:
            return soap.read(operation, reply)
        return await asyncio.to_thread(soap.read, operation, reply)

    async def _connected(self) -> tuple[Neighbour, Neighbour]:
        if self._neighbours is None:
            files = self._options.tls or Tls()
            try:
                tls = await asyncio.to_thread(tls_context, files.certificate, files.key, files.authority)
            except OSError:  # ssl.SSLError is one
                raise DestinationError(NO_CERTIFICATE) from None
            try:
                async with asyncio.timeout(self._seconds):
                    [address, *_] = await addresses_of(self._url, private=self._options.private)
            except (OSError, UnicodeError):  # TimeoutError is an OSError
                raise DestinationError("The name of the host leads to no address.") from None
            self._neighbours = (
                Neighbour(self._url, self._seconds, self._connections, tls, address),
                Neighbour(self._url, self._seconds + FIRST_SECONDS, 1, tls, address),
            )
        return self._neighbours

    def _forget_address(self, *neighbours: Neighbour) -> None:
        """The host may have moved: the next call looks it up. Calls under way keep their connections."""
        if self._neighbours == neighbours:
            self._neighbours = None
            self._former += neighbours


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls of one delivery. `headers` go with each, so that it can be followed through the trust's systems."""

    session: Session
    headers: Mapping[str, str]

    async def call(self, operation: str, **parts: Any) -> Any:
        return await self.session.call(operation, self.headers, **parts)
