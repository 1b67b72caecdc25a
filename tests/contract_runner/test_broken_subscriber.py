"""The suite subscriber passes a healthy endpoint in all its freedoms, and catches each broken one."""

from collections.abc import Callable

import pytest
from starlette.types import ASGIApp
from tests.contract_runner import subscriber_faults as endpoint
from tests.contract_runner.between import Fault, answering, between, saying
from tests.contract_runner.stage import Broken, failed, prove, told
from tests.contract_runner.subscriber_faults import HEADERS, answered
from tests.serving import serving

from adapters.subscription.mock import Notified, build_endpoint
from gateway.contract.config import Config
from gateway.contract.results import Report
from gateway.contract.suite import suite_of

AGREED = Config(headers=HEADERS)
ALL = tuple(test.id for test in suite_of("subscriber").tests)


def wrong(what: str, caught_by: str, fault: Fault) -> Broken:
    """`caught_by`: the numbers of the tests."""
    return Broken(what, tuple(f"SUB-{number}" for number in caught_by.split()), between(fault))


async def prove_endpoint(config: Config, app: Callable[[ASGIApp], ASGIApp], *only: str) -> Report:
    async with serving(app(build_endpoint(Notified(headers=HEADERS)))) as url:
        return await prove("subscriber", f"{url}/hooks/northdale", config, *only)


ERROR_INSIDE = '{"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}'
FATAL = ERROR_INSIDE.replace('"error"', '"fatal"')
WELL = '{"resourceType": "OperationOutcome", "issue": [{"severity": "information", "code": "informational"}]}'
# Numbers of the tests: all, those in which all is to be taken, and those with a resource in what is to be taken.
WHATEVER = " ".join(id_[4:] for id_ in ALL)
TAKEN = " ".join(id_[4:] for id_ in ALL if id_ < "SUB-40")
FULL = "12 13 20 21 22 23 30 31 32 33"

BROKEN = [
    wrong("knows no handshake", "01 02", answering(endpoint.is_("handshake"), 404)),
    wrong("takes one handshake only", "02", endpoint.take_one_handshake),
    wrong("fails at a heartbeat", "03", answering(endpoint.is_("heartbeat"), 500)),
    wrong("redirects", WHATEVER, answering(endpoint.is_post, 308, location="/")),
    wrong("fails at everything", WHATEVER, answering(endpoint.is_post, 503)),
    wrong("tells of an error inside each 200", TAKEN, saying(answered(200), 200, ERROR_INSIDE)),
    wrong(
        "tells of an error inside a 202 for an event without content",
        "10",
        saying(endpoint.took_an_empty_one, 202, FATAL),
    ),
    wrong("wants to be told what changed", "10", answering(lambda call: endpoint.level_of(call) == "empty", 500)),
    wrong("wants the resource", "11", answering(endpoint.lacks_a_resource, 400)),
    wrong("wants no resource", FULL, answering(lambda call: endpoint.level_of(call) == "full-resource", 422)),
    wrong("takes one event at a time", "13", answering(lambda call: len(endpoint.numbers(call)) > 1, 400)),
    wrong("fails at a repeat", "20 22", endpoint.knowing_repeats(lambda call: call.json["id"], 500)),
    wrong("calls a repeat a conflict", "20 21 22", endpoint.knowing_repeats(endpoint.key_of, 409)),
    wrong("fails the second of two at once", "22", endpoint.trip_over_two_at_once),
    wrong("waits for the number that is missing", "23", endpoint.want_every_number),
    wrong("knows every parameter", "30", answering(lambda call: "something-new" in endpoint.status_of(call), 400)),
    wrong("knows every business status", "30", answering(lambda call: b"moon" in call.body, 422)),
    wrong("reads ASCII", "31 32", answering(lambda call: not call.body.isascii(), 500)),
    wrong("reads no emoji", "31", answering(lambda call: max(call.body.decode(), default="") > "\uffff", 500)),
    wrong("takes 10,000 bytes", "32", answering(lambda call: len(call.body) > 10_000, 413)),
    wrong("compares the whole media type", "33", answering(endpoint.says_its_characters, 415)),
    wrong("believes everybody", "40 41", endpoint.believing(lambda _call: True)),
    wrong("looks for the header, and not at it", "41", endpoint.believing(endpoint.has_a_token)),
    wrong("believes who has no header", "40", endpoint.believing(lambda call: not endpoint.has_a_token(call))),
    wrong("fails at strangers", "40 41", saying(answered(401), 500)),
    wrong("takes everything for a notification", "50 51", saying(answered(400), 200)),
    wrong("fails over what is no JSON", "50", saying(answered(400, endpoint.is_cut), 500)),
    wrong("fails over other JSON", "51", saying(answered(400, lambda call: not endpoint.is_cut(call)), 500)),
]

FREE = {
    "answer 202": saying(answered(200), 202),
    "answer 204": saying(answered(200), 204, ""),
    "say that all is well": saying(answered(200), 200, WELL),
    "answer with a document": saying(answered(200), 200, '{"resourceType": "OperationOutcome", "issue": []}'),
    "refuse strangers with 403": saying(answered(401), 403),
    "refuse what it cannot read with 422": saying(answered(400), 422),
    "serve no GET": answering(lambda call: call.method == "GET", 405),
}


async def test_a_healthy_endpoint_passes_everything() -> None:
    report = await prove_endpoint(AGREED, lambda healthy: healthy)
    assert report.count("pass") == len(ALL), told(report)


async def test_without_agreed_headers_what_needs_them_is_left_out() -> None:
    async with serving(build_endpoint(Notified())) as url:
        report = await prove("subscriber", url, Config())
    assert [one.test.id for one in report.results if one.verdict == "skip"] == ["SUB-40", "SUB-41"]
    assert report.count("pass") == len(ALL) - 2, told(report)


async def test_an_endpoint_that_knows_its_own_subscription_only_is_told_of_that() -> None:
    own = "https://gateway.northdale.example/FHIR/R4/Subscription/one"
    knows = answering(
        lambda call: bool(endpoint.status_of(call)) and endpoint.status_of(call)["subscription"]["reference"] != own,
        404,
    )
    report = await prove_endpoint(AGREED.model_copy(update={"subscription": own}), between(knows))
    assert report.count("pass") == len(ALL), told(report)
    report = await prove_endpoint(AGREED, between(knows), "SUB-01")
    assert failed(report) == ["SUB-01"]


@pytest.mark.parametrize("quirk", FREE)
async def test_an_endpoint_is_free_to(quirk: str) -> None:
    report = await prove_endpoint(AGREED, between(FREE[quirk]))
    assert report.count("pass") == len(ALL), told(report)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.wrong)
async def test_a_broken_endpoint_is_caught(broken: Broken) -> None:
    report = await prove_endpoint(AGREED, broken.app)
    assert failed(report) == list(broken.caught_by), told(report)


async def test_an_endpoint_that_hangs_is_caught() -> None:
    report = await prove_endpoint(Config(headers=HEADERS, seconds=0.3), between(endpoint.hang), "SUB-12")
    assert report.results[0].failures == ["Expected an answer; no answer: no whole answer came in time."]


async def test_it_says_what_was_expected_and_what_there_was() -> None:
    report = await prove_endpoint(AGREED, between(answering(endpoint.is_("heartbeat"), 500)), "SUB-03")
    assert report.results[0].failures == ["Expected status 2xx; it was 500."]
    report = await prove_endpoint(AGREED, between(endpoint.believing(lambda _call: True)), "SUB-40")
    assert report.results[0].failures == ["Expected a refusal (4xx); it was 200."]
    report = await prove_endpoint(AGREED, between(saying(answered(200), 200, ERROR_INSIDE)), "SUB-12")
    assert report.results[0].failures == [
        "Expected status 2xx without an error; the 200 holds an OperationOutcome of one."
    ]
