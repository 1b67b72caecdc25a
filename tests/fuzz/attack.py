"""Sends spoilt requests, and looks after each: no 5xx, no hang, nothing half-stored, nobody's secrets told."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from time import process_time
from typing import Any
from urllib.parse import quote

import httpx
from hypothesis import strategies as st
from sqlalchemy import func, select
from structlog.testing import capture_logs
from tests.app import BASE, Running
from tests.fuzz.rubbish import Change, as_bytes, changes, rubbish_text, spoilt, spoilt_bytes
from tests.fuzz.seeds import SECRET, Seed, Story, seeds, tell

from gateway.fhir.metadata import capability_statement
from gateway.store.schema import delivery, event, found_by, referral, resource

HANG = 2.0  # seconds of this process; how busy the machine is with others does not count
LONGEST = 20.0  # seconds by the clock: whatever it waits for does not come
CHAPTER = 100  # requests
CLIENTS = ["own"] * 25 + ["demo-epr-2", "demo-epr-2", "demo-platform-2", "demo-platform", "nobody"]
METHODS = ["own"] * 50 + ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
HEADERS = [
    "If-Match", "If-None-Match", "If-None-Exist", "If-Modified-Since", "Prefer", "Accept", "Content-Type",
    "X-Request-Id", "X-Correlation-Id", "X-Provenance", "Authorization", "NHSD-Target-Identifier",
    "NHSD-End-User-Organisation", "NHSD-Requesting-Software", "NHSD-Requesting-Practitioner",
]  # fmt: skip
VALUES = [
    'W/"1"', 'W/"x"', "*", "handling=strict", "return=minimal", "return=OperationOutcome", "application/fhir+xml",
    "application/fhir+json; fhirVersion=3.0", "application/json-patch+json", "Sun, 31 Dec 9999 23:59:59 +9999", "e30=",
    "identifier=a|b", "identifier=", "Bearer x.y.z", "Basic YTpi", '{"resourceType":"Provenance"}', "====",
]  # fmt: skip
STATED = json.loads(capability_statement(""))["rest"][0]["resource"]
NAMES = [
    *sorted({one["name"] for each in STATED for one in each.get("searchParam", [])}),
    "_count", "_sort", "_include", "_revinclude", "_summary", "_elements", "_total", "_has:Task:focus:status", "_since",
    "_at", "_page", "_after", "_cursor", "_format", "mode", "profile", "code", "system", "limit", "cursor", "status",
]  # fmt: skip
MODIFIERS = ["", "", "", ":missing", ":not", ":exact", ":contains", ":identifier", ":Patient", ":text", ".name", ":x"]


@dataclass(frozen=True)
class Spoiling:
    """What is done to a valid request."""

    seed: int
    changes: list[Change]
    body: str
    client: str
    method: str
    headers: dict[str, str]
    query: list[tuple[str, str, str]]
    path: tuple[int, str] | None

    @property
    def size(self) -> int:
        return len(self.changes) + len(self.headers) + len(self.query) + bool(self.path) + bool(self.body)


header_values = st.sampled_from(VALUES) | st.text("!#$%&'*+-.^_`|~=;,/\" aZ09", max_size=20)
spoilings = st.builds(
    Spoiling,
    st.integers(0, 1_000),
    st.lists(changes, max_size=3),
    spoilt_bytes,
    st.sampled_from(CLIENTS),
    st.sampled_from(METHODS),
    st.just({}) | st.dictionaries(st.sampled_from(HEADERS), header_values, max_size=2),
    st.just([]) | st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(MODIFIERS), rubbish_text), max_size=3),
    st.none() | st.none() | st.none() | st.tuples(st.integers(0, 9), rubbish_text),
)


@dataclass
class Attack:
    """A run against one gateway: its figures, and for each kind of trouble the smallest request that makes it."""

    gateway: Running
    story: Story
    statuses: Counter[int] = field(default_factory=Counter)
    slowest: tuple[float, str] = (0.0, "")
    troubles: dict[str, tuple[int, str]] = field(default_factory=dict)

    async def strike(self, spoiling: Spoiling) -> None:
        if self.statuses.total() % CHAPTER == CHAPTER - 1:
            self.story = await tell(self.gateway)  # of the old one, what could be done is done
        possible = seeds(self.story)
        seed = possible[spoiling.seed % len(possible)]
        request, client = self._request(seed, spoiling)
        before, foreign = await self._stored(), await self._stored("XND01")
        with capture_logs() as logs:
            answer, seconds = await self._send(request)
        after = await self._stored()
        self.slowest = max(self.slowest, (seconds, f"{seed.method} {seed.path}"))
        self.statuses[answer.status_code] += 1
        own = client in {"demo-epr", "demo-platform"}
        wrong = [f"{one['error']} at {one['at'][-1]}" for one in logs if one["event"] == "crashed"]
        wrong += [f"status {answer.status_code}"] if answer.status_code >= 500 and not wrong else []
        wrong += ["took more than 2 s"] if seconds > HANG else []
        wrong += _misanswered(answer)
        wrong += ["told a patient's name"] if SECRET in answer.text and (not own or answer.status_code >= 400) else []
        if answer.status_code >= 400 or request.method in {"GET", "HEAD"} or "$validate" in seed.path:
            wrong += ["a refused request stored something"] if after != before else []
        elif after != before:
            wrong += await self._half_stored(before, answer)
        if not own and await self._stored("XND01") != foreign:
            wrong.append("another organisation's data changed")
        for trouble in wrong:
            self._note(f"{seed.method} {seed.path.partition('?')[0]}: {trouble}", spoiling, request, client)

    def _request(self, seed: Seed, spoiling: Spoiling) -> tuple[httpx.Request, str]:
        client = seed.client if spoiling.client == "own" else spoiling.client
        method = seed.method if spoiling.method == "own" else spoiling.method
        path, _, query = seed.path.partition("?")
        if spoiling.path:
            steps = path.split("/")
            steps[-1 - spoiling.path[0] % (len(steps) - 1)] = quote(
                spoiling.path[1].encode("utf-8", "replace"), safe=""
            )
            path = "/".join(steps)
        added = [
            f"{name}{modifier}={quote(value.encode('utf-8', 'replace'), safe='')}"
            for name, modifier, value in spoiling.query
        ]
        query = "&".join([*([query] if query else []), *added])
        body = seed.body if isinstance(seed.body, bytes) else b""
        if seed.body is not None and not isinstance(seed.body, bytes):
            body = as_bytes(spoilt(seed.body, spoiling.changes), spoiling.body)
        if client not in {"demo-epr", "demo-platform"}:
            body = body.replace(SECRET.encode(), b"Plain")
        kind = "application/fhir+json" if path.startswith("/FHIR") else "application/json"
        headers = {"Content-Type": kind} | seed.headers
        if client != "nobody":
            headers["Authorization"] = f"Bearer {self.gateway.tokens[client]}"
        address = httpx.URL(f"{BASE}{path}", query=query.encode()) if query else httpx.URL(f"{BASE}{path}")
        return httpx.Request(method, address, headers=headers | spoiling.headers, content=body), client

    async def _send(self, request: httpx.Request) -> tuple[httpx.Response, float]:
        started = process_time()
        try:
            answer = await asyncio.wait_for(self.gateway.http.send(request), LONGEST)
        except TimeoutError:
            return httpx.Response(504, request=request), LONGEST
        return answer, process_time() - started

    async def _stored(self, organisation: str | None = None) -> tuple[int, ...]:
        """How many rows of referral, resource, event and delivery there are."""
        counts = [
            select(func.count())
            .select_from(table)
            .where(*([table.c.organisation == organisation] if organisation else []))
            for table in (referral, resource, event, delivery)
        ]
        async with self.gateway.store.reading() as connection:
            row = (await connection.execute(select(*(count.scalar_subquery() for count in counts)))).one()
        return tuple(row)

    async def _half_stored(self, before: tuple[int, ...], answer: httpx.Response) -> list[str]:
        """What does not fit together of what an accepted request left: each thing named in the answer, each referral
        with its request, its events, and a version of its Task and a delivery for each event."""
        told = answer.text + str(answer.headers)
        wrong = []
        async with self.gateway.store.reading() as connection:
            new = (
                await connection.execute(
                    select(resource.c.type, resource.c.id, resource.c.version, resource.c.organisation)
                    .order_by(resource.c.updated_at.desc())
                    .limit((await self._stored())[1] - before[1])
                )
            ).all()
            unnamed = [row.type for row in new if row.id not in told and row.type != "Task" and answer.content]
            wrong += [f"stored a {type_} that the answer does not name" for type_ in unnamed]
            of_task = (resource.c.organisation == referral.c.organisation) & (resource.c.id == referral.c.id)
            of_event = (event.c.organisation == referral.c.organisation) & (event.c.referral_id == referral.c.id)
            of_request = (resource.c.organisation == referral.c.organisation) & (
                resource.c.id == referral.c.service_request_id
            )
            of_delivery = (delivery.c.organisation == referral.c.organisation) & (
                delivery.c.referral_id == referral.c.id
            )
            of_key = (found_by.c.organisation == referral.c.organisation) & (found_by.c.id == referral.c.id)
            parts = (
                await connection.execute(
                    select(
                        referral.c.organisation,
                        referral.c.version,
                        _counted(event, of_event),
                        _counted(resource, of_task & (resource.c.type == "Task")),
                        _counted(resource, of_request & (resource.c.type == "ServiceRequest")),
                        _counted(delivery, of_delivery),
                        _counted(found_by, of_key & (found_by.c.parameter == "identifier")),
                    )
                    .order_by(referral.c.updated_at.desc())
                    .limit(5)
                )
            ).all()
        for organisation, version, events, tasks, requests, deliveries, keys in parts:
            heard = events if organisation == "XND01" else 0
            if not (version == events == tasks and requests and deliveries == heard and keys):
                wrong.append(f"a referral in parts: {version, events, tasks, requests, deliveries, keys}")
        return wrong

    def _note(self, trouble: str, spoiling: Spoiling, request: httpx.Request, client: str) -> None:
        if trouble not in self.troubles or spoiling.size < self.troubles[trouble][0]:
            url = str(request.url).removeprefix(BASE)[:400]
            shown = {name: value for name, value in spoiling.headers.items() if name != "Authorization"}
            sent = [client, request.method, url, shown, spoiling.changes, spoiling.body, request.content[:20_000]]
            text = " ".join(str(part) for part in sent)
            self.troubles[trouble] = (spoiling.size, text)


async def begin(gateway: Running) -> Attack:
    return Attack(gateway, await tell(gateway))


def _counted(table: Any, condition: Any) -> Any:
    return select(func.count()).select_from(table).where(condition).scalar_subquery()


def _misanswered(answer: httpx.Response) -> list[str]:
    """A refusal says why, in FHIR; or in OAuth's own words at the token endpoint."""
    if answer.status_code < 400 or answer.request.method == "HEAD":
        return []
    try:
        body = answer.json()
    except ValueError:
        return [f"{answer.status_code} without JSON"]
    if "error" in body and answer.request.url.path == "/oauth2/token":
        return []
    issues = body.get("issue", [])
    taught = issues and all(issue.get("diagnostics") and issue.get("code") for issue in issues)
    return (
        [] if body.get("resourceType") == "OperationOutcome" and taught else [f"{answer.status_code} teaches nothing"]
    )
