"""A sandbox that runs in this process, and an engineer who uses it over HTTP as anybody would."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import socket
from typing import Any

import httpx

from gateway.sandbox.app import build_sandbox
from gateway.sandbox.client import Joined
from gateway.sandbox.serving import Server
from gateway.sandbox.tenants import Tenants
from gateway.security import fetch_token

Json = dict[str, Any]

ACCEPTED, QUESTION, NOTHING, DEAD = "9990100004", "9990100012", "9990100187", "9990100063"


@dataclass
class Sandbox:
    """`tenants` is the server's own: to look at, from the outside."""

    url: str
    tenants: Tenants
    http: httpx.Client

    def join(self, name: str = "Ann", **more: Any) -> "Engineer":
        answer = self.http.post("/sandbox/tenants", json={"name": name, **more})
        assert answer.status_code == 201, answer.text
        return Engineer(self, answer.json(), answer.json().get("private_keys", {}))


@dataclass
class Engineer:
    sandbox: Sandbox
    told: Json
    keys: Json
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def tenant(self) -> str:
        return str(self.told["tenant"])

    @property
    def joined(self) -> Joined:
        return Joined(self.sandbox.url, self.tenant, self.told["control_token"], self.told)

    def at(self, sandbox: Sandbox) -> None:
        """From now on: it was started again, on another port."""
        self.sandbox, self.told["base_url"] = sandbox, f"{sandbox.url}/t/{self.tenant}"
        self.tokens.clear()

    def token(self, client: str) -> str:
        if client not in self.tokens:
            answer = fetch_token(self.told["base_url"], client, self.keys[client])
            self.tokens[client] = str(answer["access_token"])
        return self.tokens[client]

    def control(self, method: str, path: str = "", body: Any = None, token: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token or self.told['control_token']}"}
        place = f"/sandbox/tenants/{self.tenant}" + (f"/{path}" if path else "")
        return self.sandbox.http.request(method, place, json=body, headers=headers)

    def call(self, client: str, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """At the tenant's gateway, e.g. call("sandbox-epr", "GET", "/FHIR/R4/Task/1")."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent.setdefault("Content-Type", "application/fhir+json" if path.startswith("/FHIR") else "application/json")
        sent["Authorization"] = f"Bearer {self.token(client)}"
        return self.sandbox.http.request(method, self.told["base_url"] + path, json=body, headers=sent)

    def bundle(self, number: str) -> Json:
        bundle: Json = self.sandbox.http.get(f"/sandbox/scenarios/{number}/referral").json()
        return bundle

    def refer(self, number: str) -> Json:
        """The Task of the referral of this person."""
        answer = self.call("sandbox-epr", "POST", "/FHIR/R4", self.bundle(number))
        assert answer.status_code == 200, answer.text
        return task_in(answer.json())

    def status_of(self, task: Json) -> str:
        return str(self.referral(task)["status"])

    def referral(self, task: Json) -> Json:
        answer = self.call("sandbox-platform", "GET", f"/platform/v1/referrals/{task['id']}")
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def pushes(self) -> list[Json]:
        found: list[Json] = self.control("GET", "pushes").json()["pushes"]
        return found

    def next_push(self, listener: object, wait: int = 20) -> httpx.Response:
        """As `gateway listen` asks for it."""
        return self.control("GET", f"pushes/next?listener={listener}&wait={wait}")

    def advance(self, span: str) -> None:
        answer = self.control("POST", "clock", {"advance": span})
        assert answer.status_code == 200, answer.text

    def trigger(self, wanted: str, reference: str) -> Json:
        answer = self.control("POST", "trigger", {"status": wanted, "referral": reference})
        assert answer.status_code == 200, answer.text
        told: Json = answer.json()
        return told

    def deliveries(self, task: Json) -> list[Json]:
        answer = self.call("sandbox-platform", "GET", f"/platform/v1/referrals/{task['id']}/deliveries")
        found: list[Json] = answer.json()["deliveries"]
        return found


def task_in(bundle: Json) -> Json:
    found: Json = next(
        one["resource"] for one in bundle["entry"] if one.get("resource", {}).get("resourceType") == "Task"
    )
    return found


def reference_of(task: Json) -> str:
    return next(str(one["value"]) for one in task["identifier"] if one["value"].startswith("SP-"))


@contextmanager
def running(folder: Path, most: int = 200, *, local: bool = True) -> Iterator[Sandbox]:
    """Served on a free port by a thread, until the end of the block; as one that others can join unless it is local."""
    with socket() as listening:
        listening.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        app = build_sandbox(folder, url, url, most, local=local)
        server = Server(app, log_level="error", timeout_graceful_shutdown=1)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        until = time.monotonic() + 20
        while not server.started and time.monotonic() < until:
            time.sleep(0.01)
        try:
            with httpx.Client(base_url=url, timeout=40) as http:
                yield Sandbox(url, app.state.tenants, http)
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


def wait_for(what: Any, seconds: float = 60) -> Any:
    """The first true answer of `what`."""
    until = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.05)
    return answer
