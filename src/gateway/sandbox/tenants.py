"""All tenants of a sandbox: a folder each, with a limit to how many, and sleep for those that nobody uses."""

import asyncio
import hashlib
import hmac
import re
import secrets
import shutil
import time
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from gateway.errors import GatewayError, NotFound, Unauthorised
from gateway.sandbox import database
from gateway.sandbox.database import NotOurs
from gateway.sandbox.kept import FILE, Kept, read_kept, write_kept
from gateway.sandbox.parties import CLIENTS, new_key, public_half
from gateway.sandbox.tenant import Tenant

Json = dict[str, Any]

MARK = "SANDBOX"
ID = re.compile(r"[a-z2-7]{12}")
MOST = 50
SLEEPS_AFTER = 3600.0  # seconds without a request; it wakes with the next one
FORGOTTEN_AFTER = 30 * 86_400.0  # seconds without a change: then it gives way to a new one, when there is no room
TIDY = 60.0  # seconds

log = structlog.get_logger()


class Full(GatewayError):
    status, code, nhs_code = 429, "throttled", "REC_TOO_MANY_REQUESTS"
    text = "This sandbox has all the tenants that it may have."


@dataclass(frozen=True, slots=True)
class Made:
    """A new tenant, and what is said of it once and never again."""

    tenant: Tenant
    control_token: str
    private_keys: dict[str, Json]  # of each client, where the sandbox has made them


class Tenants:
    """Those of one folder. `base_url` is where others reach the sandbox; `own_url` where it reaches itself; `local`
    whether nobody but this machine can."""

    def __init__(self, folder: Path, base_url: str, own_url: str, most: int = MOST, *, local: bool = False) -> None:
        """Raises NotOurs when the folder is not empty, and no sandbox's."""
        self.folder = folder
        self.base_url = base_url.rstrip("/")
        self.own_url = own_url.rstrip("/")
        self.local = local
        self._most = most
        self._tenants: dict[str, Tenant] = {}
        self._making = asyncio.Lock()
        _claim_folder(folder)
        for file in sorted(folder.glob(f"*/{FILE}")):
            self._open(file.parent)

    def _open(self, folder: Path) -> None:
        """One that is not as a sandbox has left it is nobody's, and stays as it is: the others are none the worse."""
        try:
            kept = read_kept(folder)
            if kept.id != folder.name or not ID.fullmatch(kept.id):
                raise NotOurs(f"{folder / FILE} is of another tenant.")
            database.is_made(folder)
        except (OSError, ValueError, NotOurs) as trouble:
            why = str(trouble) if isinstance(trouble, NotOurs) else f"{folder / FILE} cannot be read."
            log.error("sandbox tenant left out", folder=str(folder), why=why, remedy="mend or remove the folder")
        else:
            self._tenants[kept.id] = Tenant(folder, kept, self.base_url, self.own_url, local=self.local)

    def find(self, id_: str) -> Tenant:
        """Raises NotFound."""
        tenant = self._tenants.get(id_)
        if tenant is None:
            raise NotFound("This sandbox has no tenant of this name. Make one: POST /sandbox/tenants.")
        return tenant

    def admit(self, id_: str, authorization: str | None) -> Tenant:
        """The tenant, for whoever holds its control token. Raises NotFound, Unauthorised."""
        tenant = self.find(id_)
        scheme, _, token = (authorization or "").partition(" ")
        given = _digest(token.strip()) if scheme.casefold() == "bearer" else ""
        if not hmac.compare_digest(given, tenant.kept.control_digest):
            raise Unauthorised("Send the control token that came with the tenant: Authorization: Bearer ...")
        return tenant

    async def make(self, name: str, jwks: Json | None) -> Made:
        """A new tenant that runs. With `jwks`, already checked, all its clients have these keys; else each gets one
        of its own. Raises Full."""
        private = {} if jwks else {client: new_key() for client in CLIENTS}
        public: dict[str, Any] = {client: jwks or {"keys": [public_half(private[client])]} for client in CLIENTS}
        control_token = secrets.token_urlsafe(32)
        kept = Kept(
            id="".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(12)),
            name=name,
            jwks=public,
            control_digest=_digest(control_token),
            webhook_secret=f"whsec_{b64encode(secrets.token_bytes(32)).decode()}",
            receiver_key=secrets.token_urlsafe(24),
        )
        async with self._making:
            if len(self._tenants) >= self._most:
                await self._remove_forgotten()
            if len(self._tenants) >= self._most:
                raise Full(
                    f"This sandbox has its {self._most} tenants. Delete one that you no longer need (DELETE "
                    "/sandbox/tenants/{id} with its control token), or run a sandbox of your own: gateway sandbox."
                )
            folder = self.folder / kept.id
            folder.mkdir(mode=0o700)
            write_kept(folder, kept)
            tenant = Tenant(folder, kept, self.base_url, self.own_url, local=self.local)
            self._tenants[kept.id] = tenant
        try:
            await tenant.awake()
        except BaseException:
            await self.remove(tenant)
            raise
        log.info("sandbox tenant made", tenant=kept.id, tenants=len(self._tenants))
        return Made(tenant, control_token, private)

    async def remove(self, tenant: Tenant) -> None:
        if self._tenants.pop(tenant.kept.id, None) is None:
            return  # somebody else does
        async with tenant.changing:
            await tenant.stop()
            shutil.rmtree(tenant.folder)

    async def _remove_forgotten(self) -> None:
        """Makes room: nothing was written for so long that nobody will come back."""
        for tenant in list(self._tenants.values()):
            files = list(tenant.folder.glob(f"{database.FILE}*"))
            written_at = max((file.stat().st_mtime for file in files), default=0.0)
            if time.time() - written_at > FORGOTTEN_AFTER and not tenant.pushes.is_listened_to:
                log.info("sandbox tenant forgotten", tenant=tenant.kept.id)
                await self.remove(tenant)

    async def tidy_until(self, stop: asyncio.Event) -> None:
        """Puts to sleep whom nobody uses: their folders stay."""
        while not stop.is_set():
            for tenant in list(self._tenants.values()):
                async with tenant.changing:
                    idle = time.monotonic() - tenant.used_at
                    if idle > SLEEPS_AFTER and not (tenant.is_visited or tenant.pushes.is_listened_to):
                        await tenant.stop()
            try:
                async with asyncio.timeout(TIDY):
                    await stop.wait()
            except TimeoutError:
                continue

    async def hush(self) -> None:
        """Before the port closes that they send to: nothing is sent any more."""
        await asyncio.gather(*(tenant.hush() for tenant in self._tenants.values()), return_exceptions=True)

    async def close(self) -> None:
        await asyncio.gather(*(self._put_to_sleep(one) for one in self._tenants.values()), return_exceptions=True)

    async def _put_to_sleep(self, tenant: Tenant) -> None:
        async with tenant.changing:
            await tenant.stop()


def _claim_folder(folder: Path) -> None:
    """Marks an empty folder as a sandbox's. Raises NotOurs for one that holds something else."""
    mark = folder / MARK
    if not mark.exists():
        if folder.exists() and any(folder.iterdir()):
            raise NotOurs(f"{folder} is not empty, and no sandbox has made it. Choose another --folder.")
        folder.mkdir(parents=True, exist_ok=True)
        mark.write_text("A sandbox keeps its tenants here: synthetic people only. Safe to remove when it is stopped.\n")


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
