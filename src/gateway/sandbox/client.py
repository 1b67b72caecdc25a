"""The engineer's side of a sandbox, for the command line: what was told when joining, kept in a folder, and calls."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from adapters.http import DestinationError, check_destination
from gateway.security import read_or_make

Json = dict[str, Any]

FILE = "sandbox.json"
CONTRACT = "contract.yaml"
FOLDER = Path("var/my-sandbox")
SECONDS = 40.0  # a clock that is put forward takes up to half a minute


class Trouble(Exception):
    """It could not be done; the text says why, and what to do."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """A token goes to the address it is meant for, and nowhere else."""


_opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Joined:
    """A tenant of a sandbox, and its control token."""

    url: str
    tenant: str
    control_token: str
    told: Json

    def call(self, method: str, path: str, body: Json | None = None) -> Json:
        """One request about the tenant, e.g. call("POST", "clock", {...}). Raises Trouble."""
        place = f"/sandbox/tenants/{self.tenant}" + (f"/{path}" if path else "")
        return call(self.url, method, place, body, self.control_token)


def call(url: str, method: str, path: str, body: Json | None = None, token: str | None = None) -> Json:
    """Raises Trouble with the sandbox's own words, or when it cannot be reached."""
    try:
        check_destination(url)
    except DestinationError as refusal:
        raise Trouble(f"{url}: {refusal}") from None
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url.rstrip("/") + path, data, headers, method=method)  # noqa: S310 - checked above
    try:
        with _opener.open(request, timeout=SECONDS) as response:
            answer = json.loads(response.read() or b"{}")
    except urllib.error.HTTPError as refusal:
        with refusal:
            raise Trouble(_words(refusal)) from None
    except (OSError, HTTPException) as trouble:
        reason = getattr(trouble, "reason", None) or trouble
        raise Trouble(f"{url} cannot be reached: {reason}. Is `gateway sandbox` running there?") from None
    except ValueError:
        raise Trouble(f"{url} does not answer as a sandbox does.") from None
    if not isinstance(answer, dict):
        raise Trouble(f"{url} does not answer as a sandbox does.")
    return answer


def _words(refusal: urllib.error.HTTPError) -> str:
    try:
        issues = json.loads(refusal.read(100_000))["issue"]
        return "\n".join(str(one["diagnostics"]) for one in issues)
    except (ValueError, KeyError, TypeError, OSError):
        return f"{urlsplit(refusal.url).netloc} answered {refusal.code}."


def keep(folder: Path, told: Json, keys: dict[str, Json]) -> None:
    """Writes what joining has told, the private keys as `gateway token` reads them, and what `gateway contract run`
    must know (JSON is YAML), for the owner's eyes only."""
    for client, key in keys.items():
        read_or_make(folder / "keys" / f"{client}.json", lambda key=key: json.dumps(key))  # type: ignore[misc]
    accounts = {
        client.removeprefix("sandbox-"): {"client_id": client, "key_file": f"keys/{client}.json"} for client in keys
    }
    known = {"clients": accounts, "secret": told["webhook_secret"]}
    read_or_make(folder / CONTRACT, lambda: json.dumps(known, indent=2))
    read_or_make(folder / FILE, lambda: json.dumps(told, indent=2))


def read_joined(folder: Path) -> Joined:
    """Raises Trouble when nobody has joined from here."""
    try:
        told = json.loads((folder / FILE).read_text("utf-8"))
        return Joined(told["url"], told["tenant"], told["control_token"], told)
    except FileNotFoundError:
        raise Trouble(
            f"There is no {folder / FILE}. Join a sandbox first: gateway sandbox join --url http://127.0.0.1:8000"
        ) from None
    except (OSError, ValueError, KeyError, TypeError):
        raise Trouble(f"{folder / FILE} cannot be read. Remove it and join again.") from None
