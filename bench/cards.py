"""CDS Hooks patient-view, 20 times a second beside a filled database: how long does a clinician wait for a card?"""

import asyncio
import itertools
import json
import os
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
from joserfc import jwt
from joserfc.jwk import ECKey
from rich.console import Console

from bench.load import Load, exchange, get, post
from bench.processes import running
from gateway.demo.parties import demo_parties, prepare_demo, private_key
from gateway.demo.story import free_port
from gateway.parties import register
from gateway.parties.shapes import CdsClient, Epr, Team
from gateway.security import fetch_token
from gateway.store.engine import Store

REFERRALS = int(os.environ.get("BENCH_CARD_REFERRALS", "200000"))  # each of another person, a contact with each
SECONDS = float(os.environ.get("BENCH_SECONDS", "8"))
PER_SECOND = 20
CONNECTIONS = 40
DATABASE = "cards"
SERVICE = "social-prescribing-patient-view"
ISSUER, SIGNER = "https://rio.northdale.example/FHIR/R4", "https://rio.northdale.example"
SYSTEM = "https://northdale.example/rio/client-id"
SNOMED = "http://snomed.info/sct"
KEY = ECKey.generate_key("P-384", {"kid": "bench"})
console = Console(highlight=False)

FILL = f"""
CREATE TEMP TABLE copy AS
SELECT i, gen_random_uuid()::text AS person, gen_random_uuid()::text AS referral FROM generate_series(1, {REFERRALS}) i;
INSERT INTO person SELECT organisation, copy.person, birth_date, names, created_at, NULL
FROM copy, (SELECT * FROM person LIMIT 1) one;
INSERT INTO person_key SELECT 'XND01', '{SYSTEM}|' || 1000000 + i, person FROM copy;
INSERT INTO referral (organisation, id, reference, service_request_id, patient_id, person_id, message_id,
                      correlation_id, hub_id, urgency, team, referrer, status, task_status, version, submitted_at,
                      updated_at, standing, content, trace)
SELECT organisation, copy.referral, 'SP-' || i, service_request_id, patient_id, copy.person, message_id,
       correlation_id, hub_id, urgency, team, referrer, CASE WHEN i % 2 = 0 THEN 'contacting' ELSE 'closed-other' END,
       task_status, version, now() - interval '200 days', now(), standing, content, trace
FROM copy, (SELECT * FROM referral LIMIT 1) one;
INSERT INTO contact (organisation, id, referral_id, recorded_at, at, mechanism, outcome, by)
SELECT 'XND01', gen_random_uuid()::text, referral, now(), now(), 'telephone', 'no-answer', 'Priya Nadar' FROM copy;
"""


def measure_cards(host: str, folder: Path) -> list[dict[str, Any]]:
    """p95 of a call in ms, beside that of discovery, which reads nothing; and its median."""
    url = f"postgresql+asyncpg://postgres@/{DATABASE}?host={host}"
    asyncio.run(_prepare(host, url, folder))
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    environment = os.environ | {
        "GATEWAY_DATABASE_URL": url,
        "GATEWAY_BASE_URL": base,
        "GATEWAY_TOKEN_SECRET_FILE": str(folder / "token-secret"),
        "GATEWAY_WORKER": "false",
        "GATEWAY_LOG_LEVEL": "WARNING",
    }
    serve = [sys.executable, "-m", "gateway", "serve", "--port", str(port), "--workers", "1"]
    with running(environment, serve, port):
        asyncio.run(_fill(host, base, folder))
        calls = [_call(base, number) for number in range(int(PER_SECOND * SECONDS))]
        _refuse_empty(base)
        asyncio.run(_ask(port, itertools.repeat(get("/cds-services", {}), 2 * PER_SECOND)))
        bare = asyncio.run(_ask(port, itertools.repeat(get("/cds-services", {}), len(calls))))
        load = asyncio.run(_ask(port, iter(calls)))
    p50, p95, ceiling = load.percentile(0.5), load.percentile(0.95), bare.percentile(0.95)
    console.print(f"cds-patient-view: p50 {p50:.1f} ms, p95 {p95:.1f} ms; discovery p95 {ceiling:.1f} ms")
    return [
        _row("cds-patient-view", p95, ceiling, p95 / ceiling),
        _row("cds-patient-view-p50", p50),
    ]


def _row(name: str, value: float, ceiling: float | None = None, ratio: float | None = None) -> dict[str, Any]:
    rounded = [None if one is None else round(one, 3) for one in (value, ceiling, ratio)]
    return {"name": name, "value": rounded[0], "unit": "ms", "ceiling": rounded[1], "ratio": rounded[2]}


async def _prepare(host: str, url: str, folder: Path) -> None:
    connection = await asyncpg.connect(host=host, user="postgres", database="postgres")
    await connection.execute(f"CREATE DATABASE {DATABASE}")
    await connection.close()
    await prepare_demo(url, folder / "keys")
    parties = demo_parties(folder / "keys")
    cds = CdsClient(issuer=SIGNER, keys=[KEY.as_dict(private=False)])
    epr = Epr(id="rio", issuer=ISSUER, client_id="sp", client="demo-epr", cds=cds)
    team = Team(code="RTN", name="Recovery Team North", active=True)
    organisations = [
        one.model_copy(update={"eprs": [epr], "teams": [team]}) if one.ods_code == "XND01" else one
        for one in parties.organisations
    ]
    store = Store(url, connections=1)
    await register(store, parties.model_copy(update={"organisations": organisations}))
    await store.close()


async def _fill(host: str, base: str, folder: Path) -> None:
    """One referral by the door, and copies of it on the server."""
    token = fetch_token(base, "demo-epr", private_key("demo-epr", folder / "keys"))["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
    reader, writer = await asyncio.open_connection("127.0.0.1", int(base.rpartition(":")[2]))
    bundle = (Path(__file__).parents[1] / "src/gateway/demo/referral.json").read_bytes()
    if await exchange(reader, writer, post("/FHIR/R4", bundle, headers)) != 200:
        raise SystemExit("The first referral was refused.")
    writer.close()
    started = time.monotonic()
    connection = await asyncpg.connect(host=host, user="postgres", database=DATABASE, command_timeout=3600)
    await connection.execute(FILL)
    await connection.execute("ANALYZE")
    await connection.close()
    console.print(f"cards: {REFERRALS:,} referrals after {time.monotonic() - started:.0f} s")


def _call(base: str, number: int) -> bytes:
    return post(f"/cds-services/{SERVICE}", _body(number), _headers(base))


def _headers(base: str) -> dict[str, str]:
    moment = int(time.time())
    claims = {"iss": SIGNER, "aud": f"{base}/cds-services/{SERVICE}", "iat": moment, "exp": moment + 290}
    token = jwt.encode({"alg": "ES384", "kid": "bench"}, claims | {"jti": str(uuid4())}, KEY, algorithms=["ES384"])
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}


def _body(number: int) -> bytes:
    """Somebody among all; every other one has open support. Twenty Conditions, one of them a social need."""
    local = 1_000_001 + number * 7919 % REFERRALS
    patient = {
        "resourceType": "Patient",
        "id": f"p{local}",
        "identifier": [{"system": SYSTEM, "value": str(local)}],
        "name": [{"use": "official", "family": "Harrow", "given": ["Margaret", "Anne"]}],
        "birthDate": "1971-06-14",
    }
    codes = ["73211009"] * 19 + ["105531004"]
    conditions = [
        {
            "resourceType": "Condition",
            "code": {"coding": [{"system": SNOMED, "code": code}]},
            "subject": {"reference": f"Patient/p{local}"},
        }
        for code in codes
    ]
    role = {
        "resourceType": "PractitionerRole",
        "practitioner": {"reference": "Practitioner/AOSEI"},
        "healthcareService": [{"display": "Recovery Team North"}],
    }
    call = {
        "hook": "patient-view",
        "hookInstance": str(uuid4()),
        "context": {"userId": "Practitioner/AOSEI", "patientId": f"p{local}"},
        "prefetch": {"patient": patient, "roles": _found([role]), "conditions": _found(conditions)},
    }
    return json.dumps(call).encode()


def _found(resources: list[dict[str, Any]]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources]}


def _refuse_empty(base: str) -> None:
    """Ends the run when what is measured is not what is meant: open support for one person, an offer for the next."""
    topics = []
    for number in range(2):
        request = urllib.request.Request(f"{base}/cds-services/{SERVICE}", _body(number), _headers(base))
        with urllib.request.urlopen(request, timeout=10) as answer:
            topics += [card["source"]["topic"]["code"] for card in json.load(answer)["cards"]]
    if sorted(topics) != ["offer", "support"]:
        raise SystemExit(f"The cards are not those that should be measured: {topics}")


async def _ask(port: int, requests: Iterator[bytes]) -> Load:
    """Sends each at its own time, whatever became of those before; each is timed from when it was due."""
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    load, started = Load(), time.perf_counter() + 0.1

    async def one(number: int, request: bytes) -> None:
        due = started + number / PER_SECOND
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        connection = await free.get()
        load.statuses[await exchange(*connection, request)] += 1
        load.latencies.append(time.perf_counter() - due)
        free.put_nowait(connection)

    await asyncio.gather(*(one(number, request) for number, request in enumerate(requests)))
    load.seconds = time.perf_counter() - started
    while not free.empty():
        free.get_nowait()[1].close()
    if set(load.statuses) - {200}:
        raise SystemExit(f"Not all were answered: {load.statuses}")
    return load
