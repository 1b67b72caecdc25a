"""What the examples of the contract tell: a referral by each way in, one worked on to its end, and each refusal."""

import tempfile
from datetime import timedelta
from pathlib import Path

import time_machine
from fastapi import FastAPI
from tests.app import start
from tools.contract import story_fhir as epr
from tools.contract import story_platform as platform
from tools.contract.telling import CORRELATION_ID, MONDAY, Exchange, Request, Teller, made_stable

from gateway.demo.parties import private_key
from gateway.errors import FHIR_JSON, ServerError, Unavailable, outcome
from gateway.security import Caller
from gateway.settings import Settings
from gateway.store.migrate import migrate

MONTH = timedelta(days=30)  # how long the tokens of the story's clients last


async def tell() -> tuple[FastAPI, list[Exchange]]:
    """All of it, in a gateway and a database of its own; takes two seconds."""
    with tempfile.TemporaryDirectory() as name, time_machine.travel(MONDAY, tick=False) as clock:
        folder = Path(name)
        url = f"sqlite+aiosqlite:///{folder}/gateway.db"
        await migrate(url)
        running = await start(url, folder, token_seconds=int(MONTH.total_seconds()))
        gatekeeper = running.app.state.gatekeeper
        running.tokens[epr.READER] = gatekeeper.issue(Caller(epr.READER, "XND01", "epr", frozenset({"system/*.rs"})))
        gatekeeper.token_seconds = Settings.model_fields["token_seconds"].default  # as the contract shows it
        teller = Teller(running, clock)
        try:
            await epr.discover(teller, private_key(epr.EPR, folder / "keys"))
            task = await epr.refer(teller)
            second = await epr.send_message(teller)
            await epr.be_refused(teller, task)
            await platform.work_on(teller, task["id"])
            await platform.not_accept(teller, second)
            await platform.be_refused(teller, second)
            await epr.follow(teller, task)
            await teller.call("status: The database answers, but updates have waited for long", epr.EPR, "GET /_status")
        finally:
            await running.http.aclose()
            await running.store.close()
    return running.app, made_stable(teller.told) + _never_on_purpose()


def _never_on_purpose() -> list[Exchange]:
    """What no request brings about: as the error table has it."""
    return [
        Exchange(name, summary, Request(None, "ANY", door), error.status, outcome(error, CORRELATION_ID), FHIR_JSON)
        for name, summary, door, error in (
            ("broken", "The log knows more by this id", "/FHIR", ServerError()),
            ("broken", "The log knows more by this id", "/platform", ServerError()),
            ("unavailable", "It passes by itself", "/FHIR", Unavailable()),
        )
    ]
