"""What the examples of the contract tell: a referral by each way in, one worked on to its end, and each refusal."""

import tempfile
from datetime import timedelta
from pathlib import Path

import time_machine
from fastapi import FastAPI
from tests.app import start
from tools.contract import story_cards as cards
from tools.contract import story_change as change
from tools.contract import story_form as forms
from tools.contract import story_operate as operating
from tools.contract import story_platform as platform
from tools.contract import story_read as reading
from tools.contract import story_refer as refer
from tools.contract import story_refused as refused
from tools.contract import story_subscription as subscription
from tools.contract.stage import EPR, set_stage
from tools.contract.telling import CORRELATION_ID, MONDAY, Exchange, Json, Request, Teller, made_stable

from gateway.demo.parties import private_key
from gateway.errors import FHIR_JSON, Contended, ServerError, Unavailable, outcome
from gateway.settings import Settings
from gateway.store.migrate import migrate

MONTH = timedelta(days=30)  # how long the tokens of the story's clients last
NAMESAKE = {
    "birthDate": "1990-01-01",
    "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9992047186"}],
}


async def tell() -> tuple[FastAPI, list[Exchange]]:
    """All of it, in a gateway and a database of its own; takes three seconds."""
    with tempfile.TemporaryDirectory() as name, time_machine.travel(MONDAY, tick=False) as clock:
        folder = Path(name)
        url = f"sqlite+aiosqlite:///{folder}/gateway.db"
        await migrate(url)
        running = await start(url, folder, token_seconds=int(MONTH.total_seconds()))
        await set_stage(running, folder / "keys")
        running.app.state.gatekeeper.token_seconds = Settings.model_fields["token_seconds"].default  # as shown
        teller = Teller(running, clock)
        try:
            await _play(teller, private_key(EPR, folder / "keys"))
        finally:
            await running.http.aclose()
            await running.store.close()
    return running.app, made_stable(teller.told) + _never_on_purpose()


async def _play(teller: Teller, key: Json) -> None:
    await refer.discover(teller, key)
    first = await refer.refer(teller)
    second = await refer.refer_step_by_step(teller)
    third = await refer.refer_quietly(teller, "REF-2026-000120")
    message = await refer.send_messages(teller)
    await refused.refuse_messages(teller, message)
    await refused.be_refused(teller, first)
    await change.amend(teller, first)
    await change.judge(teller, first)
    await change.send_bundles(teller, first)
    await refer.refer_by_address(teller)
    await platform.work_on(teller, first.id)
    await platform.not_accept(teller, third)
    await platform.ask(teller, second.id)
    await change.answer_question(teller, second)
    await platform.take_in(teller, second.id)
    await change.cancel_too_late(teller, second)
    await change.ask_to_cancel(teller, second, "abort: Asks to cancel after work began")
    await platform.decline(teller, second.id)
    await change.ask_to_cancel(teller, second, "abort-again: And once more")
    await platform.agree(teller, second.id)
    await refer.refer_quietly(teller, "REF-2026-000122", **NAMESAKE)
    await platform.say_who_is_who(teller)
    await platform.be_refused(teller, third)
    await reading.read(teller, first)
    await reading.search(teller, first)
    await reading.read_words(teller)
    await subscription.subscribe(teller)
    await operating.operate(teller, first.id)
    await forms.fill_in_form(teller)
    await cards.show_cards(teller)
    await teller.call("status: The database answers, but updates have waited for long", EPR, "GET /_status")
    await operating.trace(teller)


def _never_on_purpose() -> list[Exchange]:
    """What no request brings about: as the error table has it."""
    return [
        Exchange(
            name,
            summary,
            Request(None, "ANY", door),
            error.status,
            outcome(error, CORRELATION_ID),
            FHIR_JSON,
            frozenset(name.lower() for name in error.headers),
        )
        for door in ("/FHIR", "/platform")
        for name, summary, error in (
            ("broken", "The log knows more by this id", ServerError()),
            ("unavailable", "It passes by itself", Unavailable()),
            ("contended", "Several changed the same at this moment", Contended()),
        )
    ]
