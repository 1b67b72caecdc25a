"""The suite epr-receiver passes a healthy EPR, in all its freedoms, and catches each broken one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from joserfc.jwk import ECKey, KeySet
from starlette.responses import Response
from starlette.types import ASGIApp
from tests.contract_runner import epr_faults as epr
from tests.contract_runner import spoilt_reading as spoilt
from tests.contract_runner.between import Call, Fault, answering, answering_header, between, saying, told_otherwise
from tests.contract_runner.epr_faults import SECRET, believe, is_update, rewritten
from tests.contract_runner.spoilt_reading import reading, reading_task
from tests.contract_runner.stage import Broken, failed, prove, told
from tests.serving import serving

from adapters.rio.mock import build_mock
from gateway.contract.config import Account, Config
from gateway.contract.results import Report
from gateway.contract.suite import suite_of

KEY = ECKey.generate_key("P-384", {"kid": "runner-1", "use": "sig", "alg": "ES384"})
ALL = tuple(test.id for test in suite_of("epr-receiver").tests)
ERROR_INSIDE = '{"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}'
WELL = '{"resourceType": "OperationOutcome", "issue": [{"severity": "information", "code": "informational"}]}'


def wrong(what: str, caught_by: str, fault: Fault) -> Broken:
    """`caught_by`: the numbers of the tests."""
    return Broken(what, tuple(f"RCV-{number}" for number in caught_by.split()), between(fault))


def taken(call: Call, answer: Response) -> bool:
    return is_update(call) and answer.status_code == 200


def refused(*statuses: int) -> Callable[[Call, Response], bool]:
    return lambda call, answer: is_update(call) and answer.status_code in statuses


def reads(call: Call) -> bool:
    return call.method == "GET" and "/Task/" in call.path


def of_another_type(call: Call) -> bool:
    return is_update(call) and call.headers.get("content-type") == "text/plain"


def about_another(call: Call) -> bool:
    return is_update(call) and call.json.get("id", call.path[-36:]) != call.path[-36:]


# Numbers of the tests that write at all, that write something to be taken, and that read it at once.
WRITING = " ".join(id_[4:] for id_ in ALL if id_ != "RCV-06")
TAKEN = " ".join(number for number in WRITING.split() if number not in {"30", "31", "32", "33", "63"})
BY_READING = " ".join(number for number in TAKEN.split() if number not in {"11", "13", "61"})

BROKEN = [
    wrong("applies an older version", "14", epr.apply_the_old),
    wrong("says of an older version that it is taken", "14", saying(refused(409), 200, "")),
    wrong("tells of the conflict inside a 200", "14", saying(refused(409), 200)),
    wrong("gives the conflict another code", "14", saying(refused(409), 409, ERROR_INSIDE)),
    wrong("compares versions as text", "03", epr.compare_versions_as_text),
    wrong("files no version before the one that is missing", "03 14 15", epr.want_no_gap),
    wrong("refuses how a referral has ended", "16 17 50", answering(epr.has_ended, 422)),
    wrong("refuses that a referral was withdrawn", "16", answering(epr.is_in("cancelled"), 422)),
    wrong("throws away what has ended", "16 17 50", saying(epr.tells_an_end, 410, "")),
    wrong("forgets what has ended", "16 17 50", saying(epr.tells_an_end, 404, "")),
    wrong("files nothing after the end", "17", epr.close),
    wrong("takes 15,000 bytes", "54", answering(lambda call: len(call.body) > 15_000, 413)),
    wrong("merges a version into the one before", "04", epr.merge),
    wrong("answers before it files", BY_READING, epr.answer_before_it_files),
    wrong("files a repeat as another version", "10 12", epr.counting_versions(repeats_too=True)),
    wrong("fails at a repeat", "10 11 13 61", epr.knowing_repeats(epr.webhook_id, 500)),
    wrong("refuses a version that it has", "10 11 12 13 61", epr.knowing_repeats(epr.version, 409, epr.CONFLICT)),
    wrong("knows no webhook-id", "11", epr.know_no_webhook_ids),
    wrong("fails the second of two at once", "13", epr.trip_over_two_at_once),
    wrong("believes what is not signed", "20", told_otherwise(epr.is_unsigned, believe)),
    wrong("believes another key", "21 25", told_otherwise(epr.is_of_another_key, believe)),
    wrong("looks at no time", "22 23", told_otherwise(epr.fits(), believe)),
    wrong("believes the future", "23", told_otherwise(epr.is_from_the_future, believe)),
    wrong("leaves the body out of the signature", "24", told_otherwise(epr.is_of_another_body, believe)),
    wrong("looks for a signature, and not at it", "21 24 25", told_otherwise(epr.has_a_signature_of_now, believe)),
    wrong("remembers the webhook-id of what it refused", "25", epr.use_up_what_is_refused),
    wrong(
        "refuses signatures with 403",
        "20 21 22 23 24 25",
        saying(lambda call, answer: refused(401)(call, answer) and "authorization" in call.headers, 403),
    ),
    wrong(
        "takes every media type",
        "30",
        told_otherwise(of_another_type, lambda call: call.with_headers(content_type="application/fhir+json")),
    ),
    wrong(
        "takes every resource",
        "31",
        told_otherwise(
            lambda call: call.json.get("resourceType") == "Communication",
            rewritten(lambda _call, task: task | {"resourceType": "Task"}),
        ),
    ),
    wrong(
        "files by the address alone",
        "32",
        told_otherwise(about_another, rewritten(lambda call, task: task | {"id": call.path[-36:]})),
    ),
    wrong(
        "fails over what is no JSON",
        "33",
        saying(lambda call, answer: refused(400)(call, answer) and not call.json, 500),
    ),
    wrong("says nothing when it refuses", "14 31 33", saying(refused(400, 409), None, "")),
    wrong("has an error inside each 200", TAKEN, saying(taken, 200, ERROR_INSIDE)),
    wrong(
        "has an error inside a 200 for a status that it does not know",
        "40",
        saying(lambda call, answer: taken(call, answer) and b"moon" in call.body, 200, ERROR_INSIDE),
    ),
    wrong("redirects", WRITING, answering(is_update, 307, location="/FHIR/R4/elsewhere")),
    wrong("tells no ETag", "05", answering_header(reads, "etag", None)),
    wrong("tells an ETag that is no version", "05", answering_header(reads, "etag", '"a71f"')),
    wrong("tells a page", "05", answering_header(reads, "content-type", "text/html")),
    wrong(
        "holds an empty Task for every id",
        "06 30 31 32 63",
        saying(lambda call, answer: reads(call) and answer.status_code == 404, 200, '{"resourceType": "Task"}'),
    ),
    wrong("looks at no If-Match", "60", told_otherwise(is_update, epr.without("if-match"))),
    wrong("looks at If-Match before the webhook-id", "61", epr.look_at_if_match_first),
    wrong("refuses a header that it does not know", "62", answering(lambda call: "x-provenance" in call.headers, 400)),
    wrong(
        "is read without a token",
        "63",
        saying(lambda call, answer: reads(call) and answer.status_code == 401, 200, '{"resourceType": "Task"}'),
    ),
]

# Where only what is read back differs, the tests of that are enough.
READING = [id_ for id_ in ALL if id_ in {"RCV-01", "RCV-05"} or "RCV-40" <= id_ <= "RCV-54"]
SPOILT = [
    wrong("drops a business status that it does not know", "40", reading_task(spoilt.lose_unknown_status)),
    wrong("keeps one business status", "41", reading_task(spoilt.keep_one_status)),
    wrong("takes identifiers for numbers", "42", reading(spoilt.make_numbers)),
    wrong("turns summer time to UTC", "43", reading(spoilt.to_utc)),
    wrong("loses the offset", "43", reading(spoilt.lose_offsets)),
    wrong("loses the milliseconds", "44", reading(spoilt.lose_milliseconds)),
    wrong("makes a day midnight", "45", reading(spoilt.make_midnight)),
    wrong("rounds decimals", "46", reading(spoilt.round_decimals)),
    wrong("loses extensions", "47", reading_task(spoilt.lose_extensions)),
    wrong("cuts notes at 4,000 characters", "48", reading_task(spoilt.truncate_notes)),
    wrong("loses the reason", "50", reading_task(spoilt.losing("statusReason"))),
    wrong("keeps the code of the reason, not its words", "50", reading_task(spoilt.lose_words_of_the_reason)),
    wrong("keeps the first note", "51", reading_task(spoilt.keep_notes(slice(1)))),
    wrong("keeps the last note", "51", reading_task(spoilt.keep_notes(slice(-1, None)))),
    wrong("turns the notes round", "51", reading_task(spoilt.keep_notes(slice(None, None, -1)))),
    wrong("loses what it is about", "52", reading_task(spoilt.losing("focus"))),
    wrong("loses the numbers", "53", reading_task(spoilt.losing("identifier"))),
    wrong("keeps one number", "53", reading_task(spoilt.keep_one_number)),
    wrong("keeps Latin 1", "49", reading(spoilt.in_latin_1)),
    wrong("keeps no emoji", "49", reading(spoilt.without_emoji)),
]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """All is agreed that can be agreed."""
    key_file: Path = tmp_path_factory.mktemp("keys") / "runner.json"
    key_file.write_text(json.dumps(KEY.as_dict(private=True)))
    account = Account(client_id="runner", key_file=key_file)
    return Config(secret=SECRET, clients={"default": account}, agreed=["conditional", "provenance"])


async def prove_epr(config: Config, app: Callable[[ASGIApp], ASGIApp], *only: str) -> Report:
    mock = build_mock(SECRET, jwks=KeySet([KEY]) if config.clients else None)
    async with serving(app(mock)) as url:
        return await prove("epr-receiver", f"{url}/FHIR/R4", config, *only)


async def test_a_healthy_epr_passes_everything(config: Config) -> None:
    report = await prove_epr(config, lambda healthy: healthy)
    assert report.count("pass") == len(ALL), told(report)


async def test_without_an_agreement_what_needs_it_is_left_out() -> None:
    report = await prove_epr(Config(secret=SECRET), lambda healthy: healthy)
    assert left_out(report) == ["RCV-60", "RCV-61", "RCV-62", "RCV-63"]
    assert report.count("pass") == len(ALL) - 4, told(report)


async def test_without_the_secret_nothing_that_is_signed_is_judged() -> None:
    report = await prove_epr(Config(), lambda healthy: healthy)
    assert failed(report) == []
    assert left_out(report) == [id_ for id_ in ALL if id_ != "RCV-06"]
    assert report.results[0].failures == ["The configuration has no secret."]


FREE = {
    "counts versions of its own": epr.counting_versions(repeats_too=False),
    "says 409 duplicate to a repeat": epr.knowing_repeats(epr.webhook_id, 409, epr.DUPLICATE),
    "answers 201 to each update": saying(taken, 201, ""),
    "says that all is well": saying(taken, 200, WELL),
    "says its character set": answering_header(reads, "content-type", "application/fhir+json;charset=utf-8"),
    "writes JSON in its own way": reading(lambda text: text.replace('":', '" :')),
    "wants If-Match": epr.want_if_match,
}


@pytest.mark.parametrize("quirk", FREE)
async def test_an_epr_is_free_to(config: Config, quirk: str) -> None:
    report = await prove_epr(config, between(FREE[quirk]))
    assert report.count("pass") == len(ALL), told(report)


async def test_an_epr_that_cannot_be_read_is_judged_by_its_answers(config: Config) -> None:
    report = await prove_epr(config, between(answering(reads, 405)))
    assert failed(report) == [], told(report)
    assert {"RCV-33", "RCV-61"} == {one.test.id for one in report.results if one.verdict == "pass"}
    assert report.results[0].failures == ["It answered 405, as it may; so the rest could not be seen."]


async def test_what_is_wrong_with_its_answers_is_seen_all_the_same(config: Config) -> None:
    unreadable = between(answering(reads, 405))
    report = await prove_epr(config, lambda healthy: unreadable(between(epr.know_no_webhook_ids)(healthy)))
    assert failed(report) == ["RCV-11"], told(report)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.wrong)
async def test_a_broken_epr_is_caught(config: Config, broken: Broken) -> None:
    report = await prove_epr(config, broken.app)
    assert failed(report) == list(broken.caught_by), told(report)


@pytest.mark.parametrize("broken", SPOILT, ids=lambda broken: broken.wrong)
async def test_an_epr_that_spoils_what_it_holds_is_caught(config: Config, broken: Broken) -> None:
    report = await prove_epr(config, broken.app, *READING)
    assert failed(report) == list(broken.caught_by), told(report)


async def test_an_epr_that_hangs_is_caught(config: Config) -> None:
    report = await prove_epr(config.model_copy(update={"seconds": 0.3}), between(epr.hang), "RCV-01")
    assert report.results[0].failures == ["Expected an answer; no answer: no whole answer came in time."]


SAID = [
    (saying(taken, 200, ERROR_INSIDE), "RCV-01", "the 200 holds an OperationOutcome that says it was not."),
    (answering(is_update, 307, location="/FHIR/R4/elsewhere"), "RCV-01", "it was 307. Redirects are not followed."),
    (told_otherwise(epr.is_unsigned, believe), "RCV-20", "Expected status 401; it was 200."),
    (reading(spoilt.to_utc), "RCV-43", "There is 2026-06-30T23:30:00Z."),
    (reading(spoilt.round_decimals), "RCV-46", r'as it came: "value"\s*:\s*1\.50'),
    (reading_task(spoilt.keep_notes(slice(1))), "RCV-51", "note.count() = 3. There is 1."),
    (reading_task(spoilt.truncate_notes), "RCV-48", "note.text.length() = 10000. There is 4000."),
]


@pytest.mark.parametrize(("fault", "test", "sentence"), SAID, ids=[test for _, test, _ in SAID])
async def test_it_says_what_was_expected_and_what_there_was(
    config: Config, fault: Fault, test: str, sentence: str
) -> None:
    report = await prove_epr(config, between(fault), test)
    assert sentence in " ".join(report.results[0].failures)


def left_out(report: Report) -> list[str]:
    return [one.test.id for one in report.results if one.verdict == "skip"]
