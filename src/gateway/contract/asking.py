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
from gateway.contract.suite import Sign
from gateway.ids import new_id

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

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, trouble: BaseException | None, where: TracebackType | None
    ) -> None:
        await self._neighbours.close()

    async def ask(self, method: str, at: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Exchange:
        """Raises CouldNotRun when the address is not to be called, or cannot be understood."""
        base = self._bases.get(at)
        if base is None:
            raise CouldNotRun(f"There is no address for {at}: give `platform_url` in the configuration.")
        sent = {name.lower(): value for name, value in headers.items()}
        for word in (path, *sent.values()):
            if not word.isascii() or not word.isprintable():
                raise CouldNotRun(f"{method} {at}: a path or header has signs that HTTP does not allow.")
        options = self._config.options if at not in {"gateway-fhir", "gateway-platform"} else {"private": True}
        try:
            reply = await self._neighbours.exchange(base, options, method, path.lstrip("/"), sent, body, MOST_READ)
        except DestinationError as refusal:
            raise CouldNotRun(f"{base}: {refusal}") from None
        url = f"{base}/{path.lstrip('/')}" if path else base
        return Exchange(
            method, url, sent, body, reply.phase, reply.status, dict(reply.headers), reply.body, reply.milliseconds
        )

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
        raise CouldNotRun(f"No token for {name} ({account.client_id}) from {token_url}: {why or answered.outcome}")

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
    return json.dumps(document, ensure_ascii=False).encode()
