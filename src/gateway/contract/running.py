"""Carries out a suite, test by test, and says what came of each."""

import asyncio
import time
import traceback
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.contract.asking import Asker, CouldNotRun, dump
from gateway.contract.config import Config
from gateway.contract.exchange import Exchange
from gateway.contract.filling import CannotFill, Filling
from gateway.contract.judging import judge
from gateway.contract.listening import Listener, listening
from gateway.contract.meaning import find, is_write, meant_by
from gateway.contract.results import Report, Result, Teller
from gateway.contract.suite import UNDER_TEST, Await, Send, Step, Suite, Test
from gateway.ids import instant, new_id, now

LOOK = 0.1  # seconds between two looks whether it has become so


class LeftOut(Exception):
    """The counterpart is free to answer so, and then nobody sees whether the rest holds; the text says what it did."""


class Runner:
    def __init__(self, suite: Suite, config: Config, asker: Asker, listener: Listener | None, teller: Teller) -> None:
        self.suite = suite
        self.config = config
        self.asker = asker
        self.listener = listener
        self.teller = teller
        self.seen = 0  # exchanges of the listener that earlier tests and awaits have had
        self.cues: str | None = None
        self.target = ""

    async def run(self, test: Test) -> Result:
        missing = [entry for entry in test.needs if not self.config.has(entry)]
        if missing:
            return Result(test, "skip", [f"The configuration has no {one}." for one in missing])
        result, filling = Result(test), Filling(self._given())
        started = time.perf_counter()
        if self.listener:
            self.seen = len(self.listener.recorder.exchanges)
        for number, step in enumerate(test.steps, 1):
            result.step = number
            try:
                result.failures = await self._do(test, step, filling, result.exchanges)
            except CannotFill as trouble:
                result.failures = [f"This step could not be made: {trouble}."]
            except LeftOut as freedom:
                result.verdict, result.failures = "skip", [str(freedom)]
                break
            if result.failures:
                result.verdict = "fail"
                break
        if self.listener:
            self.listener.recorder.answers.clear()
            for exchange in result.exchanges:
                self.asker.mask.learn(exchange)
        result.failures = [self.asker.mask.sentence(one) for one in result.failures]
        result.milliseconds = round((time.perf_counter() - started) * 1000)
        return result

    def _given(self) -> dict[str, Any]:
        subscription = self.config.subscription or f"https://gateway.example/FHIR/R4/Subscription/{new_id()}"
        given = {"subscription": subscription, "topic": self.config.topic, "target": self.target}
        return given | ({"gateway": self.listener.url} if self.listener else {})

    async def _do(self, test: Test, step: Step, filling: Filling, exchanges: list[Exchange]) -> list[str]:
        if step.afresh and self.listener:
            self.seen = len(self.listener.recorder.exchanges)
        if step.cue is not None:
            return await self._cue(test, step, filling)
        if step.answer:
            if self.listener:
                meant = meant_by(step.answer_to, filling) if step.answer_to else is_write
                self.listener.recorder.answers.extend((one, meant) for one in step.answer)
            return []
        if step.wait:
            await asyncio.sleep(step.wait)
            return []
        if step.absent:
            await asyncio.sleep(self._within(step) or 1)
            came = self._new(step.absent, filling)[:1]
            return [f"Expected no such request; {one.method} {one.url} came." for one in came]
        until = time.monotonic() + self._within(step)
        while True:
            failures, had = await self._try(step, filling)
            if any(one.status in step.left_out_on for one in had):
                exchanges += had
                raise LeftOut(f"It answered {had[0].outcome}, as it may; so the rest could not be seen.")
            settled = step.await_ and had  # as it came it stays, and no later one is meant
            if not failures or settled or time.monotonic() > until:
                exchanges += had
                return failures or self._keep(step, filling, had)
            await asyncio.sleep(LOOK)

    def _within(self, step: Step) -> float:
        if step.within == "patience" or (step.await_ and not step.within):
            return self.config.patience
        return step.within or 0

    async def _try(self, step: Step, filling: Filling) -> tuple[list[str], list[Exchange]]:
        """Sends, or looks at what has come; what is wrong with it."""
        if step.send:
            had = await self._send(step.send, filling)
        else:
            assert step.await_
            had = self._new(step.await_, filling)[:1]
            if not had:
                return [f"Expected {step.await_.method} {step.await_.path}; it did not come."], []
        failures = [told for one in had for told in judge(step.expect, one, filling.kept, incoming=step.send is None)]
        return list(dict.fromkeys(failures)), had

    async def _send(self, send: Send, filling: Filling) -> list[Exchange]:
        document = self.suite.documents[send.body] if send.body else None
        body = filling.text(send.raw).encode("utf-8", "backslashreplace") if send.raw is not None else b""
        if document is not None:
            body = dump(filling.document(document, send.change))
        body = body.ljust(send.padded or 0)
        headers = self._agreed(send)
        headers |= {name: filling.text(value) for name, value in send.headers.items()}
        headers.setdefault("Accept", send.type)
        if body:
            headers["Content-Type"] = send.type
        if token := await self.asker.token(send.as_, send.at):
            headers["Authorization"] = f"Bearer {token}"
        if send.follows and "conditional" in self.config.agreed:
            headers["If-Match"] = f'W/"{send.follows}"'
        if send.sign:
            headers |= self.asker.signature(send.sign, filling.text(send.delivery), body)
        path = filling.text(send.path)
        return await asyncio.gather(
            *(self.asker.ask(send.method, send.at, path, headers, body) for _ in range(send.together))
        )

    def _agreed(self, send: Send) -> dict[str, str]:
        if send.at != "target" or send.agreed == "not":
            return {}
        wrong = "-not" if send.agreed == "wrongly" else ""
        return {name: value + wrong for name, value in self.config.headers.items()}

    def _new(self, wanted: Await, filling: Filling) -> list[Exchange]:
        assert self.listener
        return [*filter(meant_by(wanted, filling), self.listener.recorder.exchanges[self.seen :])]

    def _keep(self, step: Step, filling: Filling, had: list[Exchange]) -> list[str]:
        first = had[0]
        if step.await_ and self.listener:
            self.seen = self.listener.recorder.exchanges.index(first, self.seen) + 1
        if step.keep_exchange:
            filling.kept[step.keep_exchange] = first
        failures = []
        for wanted, document in ((step.keep, first.json), (step.keep_sent, first.sent_json)):
            for name, expression in wanted.items():
                found = find(expression, document, filling.kept)
                if not found:
                    failures.append(f"Expected {expression}, for later; there is nothing.")
                else:
                    filling.kept[name] = found[0]
        return failures

    async def _cue(self, test: Test, step: Step, filling: Filling) -> list[str]:
        """Tells whoever works the counterpart, or the counterpart itself, what to do now."""
        assert step.cue is not None
        say = filling.text(step.cue)
        self.teller.cue(self.asker.mask.sentence(say))
        if not self.cues:
            return []
        told: dict[str, Any] = {
            "test": test.id,
            "do": step.do,
            "say": say,
            "gateway": self.listener.url if self.listener else None,
        }
        told["with"] = {name: filling.text(value) for name, value in step.with_.items()}
        headers = {"content-type": "application/json"}
        answered = await self.asker.ask("POST", "cues", "", headers, dump(told))
        fine = answered.status is not None and 200 <= answered.status < 300
        return [] if fine else [f"The cue {step.do or step.cue!r} was not taken: {answered.outcome}."]


async def run_suite(
    suite: Suite,
    target: str | None,
    config: Config,
    teller: Teller,
    only: Iterable[str] = (),
    listen: tuple[str, int] = ("127.0.0.1", 0),
    cues: str | None = None,
    base_url: str | None = None,
) -> Report:
    """`base_url`: where others reach the runner's own gateway, if not at the address at which it listens. What comes
    up in the middle, foreseen or not, cuts the run short: what was found out until then stands.

    Raises CouldNotRun when nothing could be found out about the counterpart.
    """
    chosen = set(only)
    if unknown := chosen - {test.id for test in suite.tests}:
        raise CouldNotRun(f"The suite {suite.role} has no test {', '.join(sorted(unknown))}.")
    async with AsyncExitStack() as stack:
        listener = await stack.enter_async_context(_listener(suite, target, config, listen, base_url))
        if listener:
            teller.listening(listener.url)
        bases = _bases(suite, target, config, listener)
        if cues:
            bases["cues"] = cues
        asker = await stack.enter_async_context(Asker(bases, config, listener.tokens if listener else {}))
        if "target" in bases:
            await _reach(asker, bases["target"])
        report = Report(suite, target or (listener.url if listener else ""), instant(now()), mask=asker.mask)
        runner = Runner(suite, config, asker, listener, teller)
        runner.cues = cues
        runner.target = bases.get("target", "")
        for test in suite.tests:
            if chosen and test.id not in chosen:
                continue
            teller.began(test)
            if told := await _cut_short(report, runner, test):
                report.cut_short = f"{test.id}: {asker.mask.sentence(told)}"
                break
            teller.ended(report.results[-1])
    if not report.results:
        raise CouldNotRun(report.cut_short or "there was no test to run.")
    return report


async def _cut_short(report: Report, runner: Runner, test: Test) -> str:
    """Adds the result of one more test; or says why there is none, and will be none of those that follow."""
    try:
        report.results.append(await runner.run(test))
    except CouldNotRun as trouble:
        return str(trouble)
    except asyncio.CancelledError:
        return "interrupted before its end."
    except Exception as unforeseen:  # whatever it is, the results before it are not to be lost
        return f"the runner itself failed, please report it: {unforeseen_in_words(unforeseen)}"
    return ""


def unforeseen_in_words(trouble: BaseException) -> str:
    """What it was and where, in one line instead of a traceback."""
    at = traceback.extract_tb(trouble.__traceback__)[-1:]
    where = "".join(f" ({Path(one.filename).name}, line {one.lineno})" for one in at)
    return f"{type(trouble).__name__}: {str(trouble)[:300]}{where}"


@asynccontextmanager
async def _listener(
    suite: Suite, target: str | None, config: Config, listen: tuple[str, int], base_url: str | None
) -> AsyncIterator[Listener | None]:
    if suite.role not in UNDER_TEST:
        yield None
        return
    async with listening(suite.role, *listen, base_url, target, config) as listener:
        yield listener


def _bases(suite: Suite, target: str | None, config: Config, listener: Listener | None) -> dict[str, str]:
    bases = {"target": target.rstrip("/")} if target else {}
    if listener:
        bases |= {"gateway-fhir": f"{listener.own_url}/FHIR/R4", "gateway-platform": f"{listener.own_url}/platform/v1"}
    if suite.role == "gateway" and target:
        root, _, _ = target.rstrip("/").rpartition("/FHIR/R4")
        bases["platform"] = config.platform_url or f"{root}/platform/v1"
    return bases


async def _reach(asker: Asker, target: str) -> None:
    """That somebody is there, before each test says that nobody is."""
    reached = await asker.ask("GET", "target", "", {"accept": "*/*"})
    if reached.phase != "done":
        raise CouldNotRun(f"{target}: {reached.outcome}.")
