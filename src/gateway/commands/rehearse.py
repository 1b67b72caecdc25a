"""`gateway rehearse`: a synthetic referral goes the real way round, and is taken back.

It is sent through the door with a client's key, as an EPR sends one, and is there when each of that organisation's
destinations has taken it. Then it is marked as entered in error, which must arrive too. Whoever meets it meanwhile
reads that it is a rehearsal: in the name, the reason and the notes, and machines by the label HTEST.
"""

import asyncio
import json
import signal
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer

from gateway.commands.operator import on_store
from gateway.demo.parties import private_key
from gateway.ids import instant, now
from gateway.security import fetch_token
from gateway.store.engine import Store
from gateway.store.rehearsals import arrivals, keep_rehearsal, organisation_of, record_systems

Json = dict[str, Any]

LOOK = 0.1  # seconds between two looks whether it has arrived
CALL = 20.0  # seconds for one request


class Failed(Exception):
    """The rehearsal has not gone round; the text says where it stopped."""


def rehearse(
    client: Annotated[str, typer.Option(help="The EPR's client that refers, e.g. demo-epr.")],
    url: Annotated[str, typer.Option(help="The gateway's address.")] = "http://127.0.0.1:8000",
    keys: Annotated[Path, typer.Option(help="The folder of private keys.")] = Path("var/keys"),
    patience: Annotated[float, typer.Option(help="Seconds that each way may take.")] = 60,
) -> None:
    """Sends a synthetic referral through the real path and back; exits 0 when it went all the way round."""

    async def go_round(store: Store) -> str | None:
        interrupted = asyncio.Event()  # looked at between two looks: SQLite's driver must not be cancelled amid a call
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, interrupted.set)
        return await Rehearsal(store, client, url.rstrip("/"), keys, patience, interrupted).play()

    try:
        failure = on_store(go_round)
    except (KeyboardInterrupt, asyncio.CancelledError):
        typer.echo("Interrupted; what was sent has been marked as entered in error.", err=True)
        raise typer.Exit(130) from None
    if failure:
        typer.echo(f"The rehearsal failed: {failure}", err=True)
        raise typer.Exit(1)
    typer.echo("The rehearsal went all the way round.")


@dataclass
class Rehearsal:
    store: Store
    client: str
    url: str
    keys: Path
    patience: float
    interrupted: asyncio.Event
    token: str = ""
    task: Json | None = None
    sent: bool = False  # whether the referral may have been taken, answered or not
    request_id: str = field(default_factory=lambda: str(uuid4()))
    bundle: Json = field(default_factory=dict)

    async def play(self) -> str | None:
        """Goes round; keeps what came of it. Returns what failed, if anything did."""
        at, started = now(), time.monotonic()
        try:
            failures = await self._there_and_back()
        except (Failed, LookupError, OSError) as trouble:
            failures = {"": str(trouble)}
        finally:
            if self.sent:  # a reader may have it: it must not stay
                with suppress(Failed, OSError):
                    self._take_back()
        milliseconds = round((time.monotonic() - started) * 1000)
        await keep_rehearsal(self.store, at, milliseconds, failures)
        return "; ".join(f"{to}: {failure}" if to else failure for to, failure in failures.items() if failure) or None

    async def _there_and_back(self) -> dict[str, str | None]:
        async with self.store.reading() as connection:
            organisation = await organisation_of(connection, self.client)
            destinations = await record_systems(connection, organisation) if organisation else []
        if organisation is None:
            raise Failed(f"no client {self.client} is registered")
        if not destinations:
            raise Failed(f"{organisation} has no destination that would hear of it")
        self.token = (await asyncio.to_thread(fetch_token, self.url, self.client, private_key(self.client, self.keys)))[
            "access_token"
        ]
        self.bundle = _bundle(organisation, now())
        self.sent = True
        task = self._refer()
        there = await self._arrived(destinations, int(task["meta"]["versionId"]))
        back = await self._arrived(destinations, self._take_back())
        return {to: there[to] or back[to] for to in destinations}

    def _refer(self) -> Json:
        """The Task; the same one when it is asked for again."""
        if self.task is None:
            answer = self._call("POST", "", self.bundle, {"X-Request-Id": self.request_id})
            self.task = next(
                entry["resource"]
                for entry in answer["entry"]
                if entry.get("resource", {}).get("resourceType") == "Task"
            )
        return self.task

    def _take_back(self) -> int:
        """Marks the referral as entered in error; returns the version that says so."""
        path = f"/Task/{self._refer()['id']}"
        task = self._call("GET", path)
        if task["status"] != "entered-in-error":
            said = task | {"status": "entered-in-error", "statusReason": {"text": "A rehearsal, not a person"}}
            task = self._call("PUT", path, said, {"Prefer": "return=representation"})
        return int(task["meta"]["versionId"])

    async def _arrived(self, destinations: list[str], version: int) -> dict[str, str | None]:
        """Waits until each has taken this version; for each that has not, why."""
        until = time.monotonic() + self.patience
        while True:
            if self.interrupted.is_set():
                raise asyncio.CancelledError
            async with self.store.reading() as connection:
                found = await arrivals(connection, self._refer()["id"], version)
            waiting = [to for to in destinations if to not in found or found[to].state != "delivered"]
            gave_up = all(to in found and found[to].state == "dead" for to in waiting)
            if not waiting or gave_up or time.monotonic() > until:
                break
            await asyncio.sleep(LOOK)
        why = {to: found[to].failure if to in found else None for to in waiting}
        return {to: _late(version, self.patience, why[to]) if to in waiting else None for to in destinations}

    def _call(self, method: str, path: str, body: Json | None = None, more: dict[str, str] | None = None) -> Json:
        headers = {"Content-Type": "application/fhir+json", "Authorization": f"Bearer {self.token}"} | (more or {})
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.url}/FHIR/R4{path}", data, headers, method=method)  # noqa: S310 - ours
        try:
            with urllib.request.urlopen(request, timeout=CALL) as response:  # noqa: S310
                answer: Json = json.load(response)
                return answer
        except urllib.error.HTTPError as refusal:
            with refusal:
                issues = json.loads(refusal.read() or b"{}").get("issue", [])
            told = "; ".join(str(issue.get("diagnostics")) for issue in issues)
            raise Failed(f"the gateway refused it with {refusal.code}: {told}") from None


def _late(version: int, patience: float, why: str | None) -> str:
    return f"version {version} was not delivered within {patience:g} s ({why or 'it was not tried'})"


def _bundle(organisation: str, at: datetime) -> Json:
    bundle: Json = json.loads(files("gateway.commands").joinpath("rehearsal.json").read_text("utf-8"))
    _, request, task = (entry["resource"] for entry in bundle["entry"])
    request["identifier"][0]["value"] = str(uuid4())
    request["requester"]["identifier"]["value"] = organisation
    request["authoredOn"] = task["authoredOn"] = instant(at)
    return bundle
