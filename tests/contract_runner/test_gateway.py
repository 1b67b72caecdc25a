"""Gateways, the real one and others wrong in one thing, as the runner judges them."""

from collections.abc import AsyncIterator

import pytest
from pytest_asyncio import fixture
from tests.contract_runner import broken_gateways as wrong
from tests.contract_runner.fault import Fault
from tests.contract_runner.gateways import Served, gateway
from tests.contract_runner.stage import failed, prove, read_once, told

from gateway.contract.running import Report

in_one_loop = pytest.mark.asyncio(loop_scope="module")

# Judged by the whole suite: what is wrong with them must be seen there, and nowhere else.
BY_ALL = [
    (wrong.TakesAnyStatus, "10 39"),
    (wrong.Doubles, "07 08 09"),
    (wrong.NeverMoves, "42 43 44 47 48"),
    (wrong.RefusesInItsOwnWords, "04 05 06 07 10 11 12 13 14 15 16 17 18 19 20 21 22 23 28 31 36 37 45 48"),
]
# Judged by the tests that must see it.
BY_SOME = [
    (wrong.KeepsHalf, "13 19"),
    (wrong.ReadsForAnybody, "28 40"),
    (wrong.FallsOverRubbish, "14 37"),
    (wrong.AcceptsForTheHub, "30 41 45"),
    (wrong.GuessesWhoIsMeant, "14 20 22"),
    (wrong.LosesZeros, "24"),
    (wrong.NamesNoElement, "10 18 21"),
    (wrong.LosesReferrals, "02 30 41 42 43 44 45 47 48"),
    (wrong.TakesNumbersAsMoments, "11"),
    (wrong.KnowsNoCalendar, "12"),
    (wrong.ChecksNoDigit, "21"),
    (wrong.TakesRefusalForConsent, "23"),
    (wrong.LosesScripts, "27"),
    (wrong.IgnoresModifiers, "17"),
    (wrong.KeepsTheLastOfTwo, "13"),
    (wrong.RefersNobody, "14 18"),
    (wrong.DoublesWhatComesAtOnce, "08"),
    (wrong.SearchesForAnybody, "29"),
    (wrong.ChangesForAnybody, "30"),
    (wrong.AsksForNoToken, "04"),
    (wrong.BelievesEachToken, "05"),
    (wrong.BelievesOldTokens, "06"),
    (wrong.IgnoresIfMatch, "31"),
    (wrong.RoundsDecimals, "25"),
    (wrong.DropsExtensions, "26"),
    (wrong.NamesThePerson, "37"),
    (wrong.EchoesNoIds, "32"),
    (wrong.TakesAnyType, "16"),
    (wrong.ReadsAnyVersion, "15"),
    (wrong.SpeaksAnotherFhir, "01"),
    (wrong.WantsPasswords, "03"),
    (wrong.AnswersEmpty, "02 07 09 24 25 26 27"),
    (wrong.HidesTheRefusal, "43"),
    (wrong.RefusesWithoutReason, "43"),
    (wrong.TellsNoOutcome, "44"),
    (wrong.MovesAnywhere, "45"),
    (wrong.SaysYesToEachWithdrawal, "47 48"),
    (wrong.DropsTheAbort, "48"),
    (wrong.StoresWhatItValidates, "39"),
    (wrong.ServesAnyType, "36"),
    (wrong.IgnoresLastUpdated, "34"),
    (wrong.IgnoresReferences, "33"),
    (wrong.RepeatsThePage, "35"),
    (wrong.KeepsTheLastVersionOnly, "46"),
    (wrong.ChokesOnLargeBodies, "38"),
    (wrong.OneDoorForAll, "40"),
]
# What the runner says of some, beside the number of the test.
SAID = {
    wrong.IgnoresIfMatch: "Expected status 412; it was 200.",
    wrong.TakesAnyType: "Expected status 415; it was 200.",
    wrong.HidesTheRefusal: "status = 'rejected'. There is in-progress.",
    wrong.EchoesNoIds: "The answer's header X-Correlation-Id is not as expected",
    wrong.DoublesWhatComesAtOnce: "count() = 1. There is",
    wrong.NamesThePerson: "Expected in the answer, as it came",
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
@pytest.mark.parametrize("healthy", [Fault, wrong.FreeInItsWays])
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
