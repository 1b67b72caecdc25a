"""Gateways, the real one and others wrong in one thing, as the runner judges them."""

from collections.abc import AsyncIterator

import pytest
from pytest_asyncio import fixture
from tests.contract_runner import gateways_that_answer_wrongly as answering
from tests.contract_runner import gateways_that_take_wrongly as taking
from tests.contract_runner.fault import Fault
from tests.contract_runner.gateways import Served, gateway
from tests.contract_runner.stage import failed, prove, read_once, told

from gateway.contract.results import Report

in_one_loop = pytest.mark.asyncio(loop_scope="module")

# Judged by the whole suite: what is wrong with them must be seen there, and nowhere else.
BY_ALL = [
    (taking.TakesAnyStatus, "10 39"),
    (taking.Doubles, "07 08 09"),
    (answering.NeverMoves, "42 43 44 47 48"),
    (answering.RefusesInItsOwnWords, "04 05 06 07 10 11 12 13 14 15 16 17 18 19 20 21 22 23 28 31 36 37 45 48"),
]
# Judged by the tests that must see it.
BY_SOME = [
    (taking.KeepsHalf, "13 19"),
    (answering.ReadsForAnybody, "28 40"),
    (taking.FallsOverRubbish, "14 37"),
    (answering.AcceptsForTheHub, "30 41 45"),
    (taking.GuessesWhoIsMeant, "14 20 22"),
    (answering.LosesZeros, "24"),
    (answering.NamesNoElement, "10 18 21"),
    (answering.LosesReferrals, "02 30 41 42 43 44 45 47 48"),
    (taking.TakesNumbersAsMoments, "11"),
    (taking.KnowsNoCalendar, "12"),
    (taking.ChecksNoDigit, "21"),
    (taking.TakesRefusalForConsent, "23"),
    (taking.LosesScripts, "27"),
    (taking.IgnoresModifiers, "17"),
    (taking.KeepsTheLastOfTwo, "13"),
    (taking.RefersNobody, "14 18"),
    (taking.DoublesWhatComesAtOnce, "08"),
    (answering.SearchesForAnybody, "29"),
    (answering.ChangesForAnybody, "30"),
    (answering.AsksForNoToken, "04"),
    (answering.BelievesEachToken, "05"),
    (answering.BelievesOldTokens, "06"),
    (taking.IgnoresIfMatch, "31"),
    (answering.RoundsDecimals, "25"),
    (answering.DropsExtensions, "26"),
    (answering.NamesThePerson, "37"),
    (answering.EchoesNoIds, "32"),
    (taking.TakesAnyType, "16"),
    (taking.ReadsAnyVersion, "15"),
    (answering.SpeaksAnotherFhir, "01"),
    (answering.WantsPasswords, "03"),
    (answering.AnswersEmpty, "02 07 09 24 25 26 27 28 29 30 31 33 34 35 40 41 42 43 44 45 46 47 48"),
    (answering.HidesTheRefusal, "43"),
    (answering.RefusesWithoutReason, "43"),
    (answering.TellsNoOutcome, "44"),
    (taking.MovesAnywhere, "45"),
    (taking.SaysYesToEachWithdrawal, "47 48"),
    (taking.DropsTheAbort, "48"),
    (taking.StoresWhatItValidates, "39"),
    (answering.ServesAnyType, "36"),
    (answering.IgnoresLastUpdated, "34"),
    (answering.IgnoresReferences, "33"),
    (answering.RepeatsThePage, "35"),
    (answering.KeepsTheLastVersionOnly, "46"),
    (taking.ChokesOnLargeBodies, "38"),
    (answering.OneDoorForAll, "40"),
]
# What the runner says of some, beside the number of the test.
SAID = {
    taking.IgnoresIfMatch: "Expected status 412; it was 200.",
    taking.TakesAnyType: "Expected status 415; it was 200.",
    answering.HidesTheRefusal: "status = 'rejected'. There is in-progress.",
    answering.EchoesNoIds: "The answer's header X-Correlation-Id is not as expected",
    taking.DoublesWhatComesAtOnce: "count() = 1. There is",
    answering.NamesThePerson: "Expected in the answer, as it came",
}


@fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with gateway(tmp_path_factory.mktemp("gateway")) as one:
        yield one


def numbers(caught_by: str) -> list[str]:
    return [f"GWY-{number}" for number in caught_by.split()]


async def judged(served: Served, broken: type[Fault], *only: str) -> Report:
    served.app = broken(served.healthy)
    return await prove("gateway", served.url, served.config, *only)


@in_one_loop
@pytest.mark.parametrize("healthy", [Fault, taking.FreeInItsWays])
async def test_no_false_alarm(healthy: type[Fault], served: Served) -> None:
    report = await judged(served, healthy)
    assert not failed(report), told(report)
    assert report.count("pass") == len(report.suite.tests)


@in_one_loop
@pytest.mark.parametrize(("broken", "caught_by"), BY_ALL, ids=lambda one: getattr(one, "__name__", ""))
async def test_a_broken_one_is_caught_where_it_is_broken(broken: type[Fault], caught_by: str, served: Served) -> None:
    report = await judged(served, broken)
    assert failed(report) == numbers(caught_by), told(report)


@in_one_loop
@pytest.mark.parametrize(("broken", "caught_by"), BY_SOME, ids=lambda one: getattr(one, "__name__", ""))
async def test_a_broken_one_is_caught(broken: type[Fault], caught_by: str, served: Served) -> None:
    report = await judged(served, broken, *numbers(caught_by))
    assert failed(report) == numbers(caught_by), told(report)
    assert SAID.get(broken, "") in told(report)


@in_one_loop
async def test_without_a_platform_what_it_does_is_left_out(served: Served) -> None:
    served.app = served.healthy
    clients = {name: account for name, account in served.config.clients.items() if name != "platform"}
    report = await prove(
        "gateway", served.url, served.config.model_copy(update={"clients": clients}), "GWY-01", "GWY-42"
    )
    assert [(one.test.id, one.verdict) for one in report.results] == [("GWY-01", "pass"), ("GWY-42", "skip")]
    assert "clients.platform" in told(report)


def test_each_test_catches_somebody() -> None:
    caught = {number for _, caught_by in BY_ALL + BY_SOME for number in numbers(caught_by)}
    assert caught == {test.id for test in read_once("gateway").tests}
