"""The demo: two referrals from the EPR's post to what the clinician sees, each step real and timed."""

import asyncio
import atexit
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import uuid4

from rich.console import Console
from rich.table import Table

from gateway.demo.parties import prepare_demo, private_key
from gateway.security import fetch_token

Json = dict[str, Any]

FOLDER = Path("var/demo")
PERSON = "0012345"  # the ClientID of the person in referral.json
PATIENCE = 20.0  # seconds that anything may take before the story ends badly
console = Console(highlight=False)


class StoryEnded(Exception):
    """Something did not happen as it must; the text says what."""


@dataclass
class Stage:
    """The running processes, and the two sides that call them."""

    gateway: str
    rio: str
    tokens: dict[str, str] = field(default_factory=dict)

    def call(self, client: str, method: str, path: str, body: Any = None, **headers: str) -> Json:
        """One HTTP request as that client, e.g. call("demo-epr", "POST", "/FHIR/R4", bundle)."""
        sent = {
            "Content-Type": "application/fhir+json" if path.startswith("/FHIR") else "application/json",
            "X-Request-Id": str(uuid4()),
            "Authorization": f"Bearer {self.tokens[client]}",
        }
        return send(method, self.gateway + path, body, sent | headers)

    def record(self) -> Json:
        return send("GET", f"{self.rio}/record")


def send(method: str, url: str, body: Any = None, headers: dict[str, str] | None = None) -> Json:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers or {}, method=method)  # noqa: S310 - this machine's own
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:  # noqa: S310
            answer: Json = json.loads(response.read() or b"{}")
            return answer
    except urllib.error.HTTPError as refusal:
        with refusal:
            raise StoryEnded(f"{method} {url} was refused with {refusal.code}: {refusal.read().decode()}") from None


def tell() -> int:
    """Plays it all; returns the exit status."""
    started = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    try:
        with running() as stage:
            expected = act(stage)
            check(stage, expected)
            show_record(stage)
            show_notes(stage)
    except (StoryEnded, OSError) as trouble:
        console.print(f"\n[bold red]The demo failed:[/] {trouble}")
        return 1
    total = sum(expected.values())
    console.print(
        f"[bold green]All {total} updates of {len(expected)} referrals arrived at the EPR once and in order[/] "
        f"({time.monotonic() - started:.0f} s in all). `make serve` keeps it running."
    )
    return 0


@contextlib.contextmanager
def running() -> Iterator[Stage]:
    """The mock RiO and the gateway with its worker, as processes of their own on free ports."""
    ports = [free_port(), free_port()]
    stage = Stage(f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}")
    environment = os.environ | {
        "GATEWAY_DATABASE_URL": f"sqlite+aiosqlite:///{FOLDER}/gateway.db",
        "GATEWAY_TOKEN_SECRET_FILE": str(FOLDER / "token-secret"),
        "GATEWAY_BASE_URL": stage.gateway,
        "GATEWAY_LOG_LEVEL": "WARNING",
    }
    with console.status("Making the database, the demo's parties and their keys ..."):
        rio = f"{stage.rio}/FHIR/R4", f"{stage.rio}/API/4.0"
        asyncio.run(prepare_demo(environment["GATEWAY_DATABASE_URL"], FOLDER / "keys", *rio))
    console.print(f"[green]✓[/] SQLite database with two trusts, three hubs and their clients in {FOLDER}")
    with contextlib.ExitStack() as stack:
        for name, port in zip(("mock-rio", "serve"), reversed(ports), strict=True):
            process = subprocess.Popen([sys.executable, "-m", "gateway", name, "--port", str(port)], env=environment)  # noqa: S603
            stack.callback(process.wait)
            stack.callback(process.terminate)
        with console.status("Starting the gateway, its worker and the mock RiO ..."):
            _wait_for(f"{stage.gateway}/_ping")
            _wait_for(f"{stage.rio}/record")
        console.print(f"[green]✓[/] Gateway and worker at {stage.gateway}")
        console.print(f"[green]✓[/] Mock RiO at {stage.rio}")
        for client in ("demo-epr", "demo-platform"):
            stage.tokens[client] = fetch_token(stage.gateway, client, private_key(client, FOLDER / "keys"))[
                "access_token"
            ]
        console.print("[green]✓[/] The EPR and the platform each have a token (signed assertion, ES384)\n")
        yield stage


def free_port() -> int:
    """A port for a process of ours to listen at, which nobody else is given meanwhile."""
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # ours may listen where this is bound
    probe.bind(("127.0.0.1", 0))
    atexit.register(probe.close)  # it stays bound for as long as this process lives
    port: int = probe.getsockname()[1]
    return port


def _wait_for(url: str) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310
                return
        except OSError:
            if time.monotonic() > until:
                raise StoryEnded(f"{url} did not come up within {PATIENCE:.0f} s.") from None
            time.sleep(0.05)


def act(stage: Stage) -> dict[str, int]:
    """Both referrals from start to end. Returns how many updates of each the EPR must have had."""
    console.print("[bold]1. The EPR refers[/]")
    answer = stage.call("demo-epr", "POST", "/FHIR/R4", _example("referral.json"))
    first = Told(stage, *_task_of(entry["resource"] for entry in answer["entry"] if "resource" in entry))
    first.show(f"transaction of {len(answer['entry'])} -> {first.reference}")
    answer = stage.call("demo-epr", "POST", "/FHIR/R4/$process-message", _example("message.json"))
    second = Told(stage, *_task_of(entry["resource"] for entry in answer["entry"]))
    second.show(f"BaRS-shaped message -> {second.reference}")

    console.print(f"\n[bold]2. The platform works on {first.reference}[/]")
    work_on(first)
    console.print(f"\n[bold]3. {second.reference} is not accepted[/]")
    second.move("received by the hub", to="received", by="Grace Okoro")
    second.move(
        "not accepted, with what to do instead",
        to="not-accepted",
        reason="clinical-or-crisis-service",
        text="The notice ends within days: this needs the council's homelessness team now.",
        alternative="Telephone Eastmere Council's homelessness duty line, 01632 960299, today.",
        by="Grace Okoro",
    )
    return {first.reference: first.version, second.reference: second.version}


def work_on(told: "Told") -> None:
    priya = {"by": "Priya Nadar"}
    told.move("received by the hub", to="received", by="Hub desk")
    told.move("accepted", to="accepted", by="Hub desk")
    advisor = {"name": "Priya Nadar", "phone": "01632 960101"}
    told.move("allocated to a Pathways Advisor", to="allocated", advisor=advisor, by="Hub desk")
    told.tell("contact attempt: no answer", "contacts", mechanism="telephone", outcome="no-answer", **priya)
    told.tell("contact attempt: left message", "contacts", mechanism="telephone", outcome="left-message", **priya)
    told.tell("first contact: spoke", "contacts", mechanism="telephone", outcome="spoke", **priya)
    start, end = [2, 2, 2, 3, 2, 2, 3], [4, 3, 3, 4, 3, 4, 4]
    told.tell("SWEMWBS at the start", "measures", tool="swemwbs", stage="baseline", items=start, **priya)
    told.tell(
        "social prescription: debt advice",
        "prescriptions",
        kind="referral",
        categories=["debt-advice", "benefits-and-money-advice"],
        provider="Northdale Money Advice",
        service="Debt advice appointment",
        goal="A repayment plan I can keep to",
        planned_sessions=2,
        **priya,
    )
    told.tell(
        "social prescription: a Life Rooms course",
        "prescriptions",
        kind="internal-course",
        categories=["mental-wellbeing", "education-and-training"],
        provider="Northdale Life Rooms",
        service="Understanding low mood (six-week course)",
        goal="Meet people and feel more like myself",
        planned_sessions=3,
        **priya,
    )
    debt, course = (f"prescriptions/{one['id']}" for one in told.view["prescriptions"])
    for prescription, name in ((debt, "debt adviser"), (course, "course")):
        told.tell(f"{name}: accepted by the provider", f"{prescription}/transitions", to="accepted", **priya)
    told.tell("debt advice: session attended", f"{debt}/sessions", attendance="attended")
    told.tell("course: session attended", f"{course}/sessions", attendance="attended")
    told.tell("course: session missed", f"{course}/sessions", attendance="did-not-attend")
    told.tell("course: session attended", f"{course}/sessions", attendance="attended")
    told.tell("debt advice: session attended", f"{debt}/sessions", attendance="attended")
    for prescription, name in ((debt, "debt advice"), (course, "course")):
        told.tell(f"{name}: completed", f"{prescription}/transitions", to="completed", **priya)
    told.tell("SWEMWBS at the end", "measures", tool="swemwbs", stage="closure", items=end, **priya)
    told.move(
        "closed with goals met",
        to="closed-completed",
        closure={
            "reason": "goals-met",
            "summary": "A repayment plan is in place and the rent arrears are being cleared. She finished the course, "
            "missing one session, and goes on with the walking group.",
            "actions_for_referrer": "Review her medication as planned in March. Nothing else is needed.",
        },
        **priya,
    )


@dataclass
class Told:
    """One referral as the platform changes it; each change is awaited at the mock RiO and printed with its lag."""

    stage: Stage
    id: str
    reference: str
    version: int = 1
    view: Json = field(default_factory=dict)

    def move(self, what: str, **change: Any) -> None:
        self.tell(what, "transitions", **change)

    def tell(self, what: str, part: str, **change: Any) -> None:
        self.view = self.stage.call("demo-platform", "POST", f"/platform/v1/referrals/{self.id}/{part}", change)
        self.version = self.view["version"]
        self.show(what)

    def show(self, what: str) -> None:
        update = self._arrival()
        console.print(
            f"  v{self.version:<3}{what:<42}[dim]RiO[/] [cyan]{update['lag_ms']:>4} ms[/]"
            f"  [dim]{update['business_status']}[/]"
        )

    def _arrival(self) -> Json:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            updates: list[Json] = self.stage.record()["referrals"].get(self.reference, [])
            for update in updates:
                if update["version"] == self.version:
                    return update
            time.sleep(0.01)
        raise StoryEnded(f"Version {self.version} of {self.reference} did not reach the mock RiO in {PATIENCE:.0f} s.")


def _example(name: str) -> Json:
    example: Json = json.loads(files("gateway.demo").joinpath(name).read_text("utf-8"))
    return example


def _task_of(resources: Iterator[Json]) -> tuple[str, str]:
    task = next(resource for resource in resources if resource["resourceType"] == "Task")
    reference = next(one["value"] for one in task["identifier"] if one["value"].startswith("SP-"))
    return task["id"], reference


def check(stage: Stage, expected: dict[str, int]) -> None:
    """Each version of each referral once and in order, and nothing else. Raises StoryEnded with what is wrong."""
    record = stage.record()
    for reference, versions in expected.items():
        arrived = [update["version"] for update in record["referrals"].get(reference, [])]
        if arrived != list(range(1, versions + 1)):
            raise StoryEnded(f"{reference}: expected versions 1 to {versions}, once and in order; RiO has {arrived}.")
    wrong = {name: record[name] for name in ("repeats", "out_of_order", "bad_signature") if record[name]}
    if wrong or len(record["referrals"]) != len(expected):
        raise StoryEnded(f"RiO counted what should not be: {wrong}, {len(record['referrals'])} referrals.")


def show_record(stage: Stage) -> None:
    """What the clinician sees now, and how long each step took to get there."""
    table = Table(title="\nWhat the clinician sees in the EPR", title_justify="left", show_lines=True)
    for heading in ("Referral", "Status", "In words", "Each step was there after (ms)"):
        table.add_column(heading)
    for reference, updates in stage.record()["referrals"].items():
        last = updates[-1]
        lags = " ".join(str(update["lag_ms"]) for update in updates)
        table.add_row(reference, f"{last['status']}\n{last['business_status']}", last["line"], lags)
    console.print(table)


def show_notes(stage: Stage) -> None:
    """What stands in RiO's own record of the first person, once the closing summary is there."""
    until = time.monotonic() + PATIENCE
    while True:
        chart = send("GET", f"{stage.rio}/record/clients/{PERSON}")
        if chart["documents"]:
            break
        if time.monotonic() > until:
            raise StoryEnded(f"No closing summary came to stand in RiO's record in {PATIENCE:.0f} s.")
        time.sleep(0.1)
    console.print(
        f"\n[bold]In RiO's record of ClientID {PERSON}[/], written over its SOAP API and read back: a referral entry, "
        f"{len(chart['notes'])} progress notes for a person to validate, and the closing summary."
    )
