"""The runner's own requests: to whom, as whom, signed or wrongly signed."""

import asyncio
import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

from standardwebhooks import Webhook

from adapters.http import DestinationError, Neighbours
from adapters.oauth import token_request
from gateway.contract.config import Account, Config, ConfigError, read_key
from gateway.contract.exchange import MOST_READ, Exchange
from gateway.contract.filling import CannotFill
from gateway.contract.headers import VALUE
from gateway.contract.masking import Mask
from gateway.contract.suite import Sign
from gateway.ids import new_id

LONGEST = 8_000  # signs of an address (RFC 9110, 4.1: what each recipient should take)
AN_ID = "An id is 1 to 64 of A-Z, a-z, 0-9, - and . (FHIR R4, datatypes.html#id)"
ANOTHER_SECRET = "whsec_" + base64.b64encode(b"a secret that nobody agreed upon").decode()  # it must be wrong
OFF = {"ten-minutes-ago": -timedelta(minutes=10), "in-ten-minutes": timedelta(minutes=10)}


class CouldNotRun(Exception):
    """Nothing was found out about the counterpart; the text says why, and what to do."""


class Asker:
    """Sends requests to the target, and to what else a suite names. `bases` are the addresses by name."""

    def __init__(self, bases: Mapping[str, str], config: Config, tokens: Mapping[str, str]) -> None:
        self._bases = dict(bases)
        self._config = config
        self._tokens = dict(tokens)
        self._neighbours = Neighbours(config.seconds, connections=16)
        self._fetching = asyncio.Lock()
        self.mask = Mask(config)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, trouble: BaseException | None, where: TracebackType | None
    ) -> None:
        await self._neighbours.close()

    async def ask(self, method: str, at: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Exchange:
        """Raises CouldNotRun when the address is not to be called, or cannot be understood; CannotFill when it has
        become none by what the counterpart answered before."""
        base = self._bases.get(at)
        if base is None:
            raise CouldNotRun(f"There is no address for {at}.")
        sent = {name.lower(): value for name, value in headers.items()}
        url = f"{base}/{path.lstrip('/')}" if path else base
        if not path.isascii() or not path.isprintable():
            raise CannotFill(f"an address has no such signs: {ascii(url)[1:200]}. {AN_ID}")
        if len(url) > LONGEST:
            raise CannotFill(f"an address of {len(url):,} signs: {url[:80]}... {AN_ID}")
        if wrong := [name for name, value in sent.items() if not VALUE.fullmatch(value)]:
            raise CannotFill(f"what was kept for the header {wrong[0]} has signs that no header may have")
        options = self._config.options if at not in {"gateway-fhir", "gateway-platform"} else {"private": True}
        try:
            reply = await self._neighbours.exchange(base, options, method, path.lstrip("/"), sent, body, MOST_READ)
        except DestinationError as refusal:
            raise CouldNotRun(f"{base[:200]}: {refusal}") from None
        phase = "cut" if reply.phase == "answer" and not reply.late else reply.phase
        exchange = Exchange(
            method, url, sent, body, phase, reply.status, dict(reply.headers), reply.body, reply.milliseconds
        )
        self.mask.learn(exchange)
        return exchange

    async def token(self, name: str | None, at: str) -> str | None:
        """The access token of a client of the configuration; None where there is none to be sent.

        Raises CouldNotRun when it is not to be had.
        """
        if name == "nobody":
            return None
        name = name or ("default" if at == "target" else None)
        if name is None or (name == "default" and "default" not in self._config.clients):
            return None
        async with self._fetching:
            if name not in self._tokens:
                self._tokens[name] = await self._fetched(name)
        return self._tokens[name]

    async def _fetched(self, name: str) -> str:
        account = self._config.clients.get(name)
        if account is None:
            raise CouldNotRun(f"The configuration has no client named {name}.")
        if account.token:
            return account.token
        assert account.client_id
        assert account.key_file
        token_url = account.token_url or await self._token_url()
        try:
            form = token_request(account.client_id, read_key(account.key_file), token_url, account.scope)
        except ConfigError as mistake:
            raise CouldNotRun(str(mistake)) from None
        return await self._post(token_url, form, name, account)

    async def _post(self, token_url: str, form: Mapping[str, str], name: str, account: Account) -> str:
        self._bases["token"] = token_url
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        answered = await self.ask("POST", "token", "", headers, urlencode(form).encode())
        granted = answered.json
        if answered.status == 200 and isinstance(granted, dict) and isinstance(granted.get("access_token"), str):
            return str(granted["access_token"])
        why = granted.get("error_description") or granted.get("error") if isinstance(granted, dict) else None
        raise CouldNotRun(
            f"No token for {name} ({account.client_id}) from {token_url}: {str(why or answered.outcome)[:500]}"
        )

    async def _token_url(self) -> str:
        found = await self.ask("GET", "target", ".well-known/smart-configuration", {"accept": "application/json"})
        address = found.json.get("token_endpoint") if isinstance(found.json, dict) else None
        if not isinstance(address, str):
            raise CouldNotRun(
                f"{found.url} names no token_endpoint ({found.outcome}): give `token_url` in the configuration."
            )
        return address

    def signature(self, how: Sign, delivery: str, body: bytes) -> dict[str, str]:
        """Headers of Standard Webhooks 1.0.0: as the gateway signs, or wrong in one thing."""
        if how == "not" or self._config.secret is None:
            return {}
        moment = datetime.now(UTC) + OFF.get(how, timedelta())
        secret = ANOTHER_SECRET if how == "with-another-key" else self._config.secret
        signed = b"{}" if how == "another-body" else body
        return {
            "x-request-id": delivery,
            "x-correlation-id": delivery,
            "webhook-id": delivery,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": Webhook(secret).sign(delivery, moment, signed.decode()),
        }

    def fresh_request_id(self) -> dict[str, str]:
        return {"x-request-id": new_id()}


def dump(document: object) -> bytes:
    """JSON in UTF-8. Half a pair of UTF-16, which the counterpart may have sent, stays the escape that it was."""
    return json.dumps(document, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace")
