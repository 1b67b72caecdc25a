"""The suite epr-receiver passes a healthy EPR, in all its freedoms, and catches each broken one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from joserfc.jwk import ECKey, KeySet
from starlette.responses import Response
from starlette.types import ASGIApp
from tests.contract_runner import epr_faults as epr
from tests.contract_runner.between import Call, Fault, answering, answering_header, between, saying, told_otherwise
from tests.contract_runner.epr_faults import SECRET, believe, is_update, reading, reading_task, rewritten
from tests.contract_runner.stage import Broken, failed, prove, told
from tests.fetch.serving import serving

from adapters.rio.mock import build_mock
from gateway.contract.config import Account, Config
from gateway.contract.running import Report
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
    wrong("drops a business status that it does not know", "40", reading_task(epr.lose_unknown_status)),
    wrong("keeps one business status", "41", reading_task(epr.keep_one_status)),
    wrong("takes identifiers for numbers", "42", reading(epr.make_numbers)),
    wrong("turns summer time to UTC", "43", reading(epr.to_utc)),
    wrong("loses the offset", "43", reading(epr.lose_offsets)),
    wrong("loses the milliseconds", "44", reading(epr.lose_milliseconds)),
    wrong("makes a day midnight", "45", reading(epr.make_midnight)),
    wrong("rounds decimals", "46", reading(epr.round_decimals)),
    wrong("loses extensions", "47", reading_task(epr.lose_extensions)),
    wrong("cuts notes at 4,000 characters", "48", reading_task(epr.truncate_notes)),
    wrong("keeps Latin 1", "49", reading(epr.in_latin_1)),
    wrong("keeps no emoji", "49", reading(epr.without_emoji)),
    wrong("looks at no If-Match", "60", told_otherwise(is_update, epr.without("if-match"))),
    wrong("looks at If-Match before the webhook-id", "61", epr.look_at_if_match_first),
    wrong("refuses a header that it does not know", "62", answering(lambda call: "x-provenance" in call.headers, 400)),
    wrong(
        "is read without a token",
        "63",
        saying(lambda call, answer: reads(call) and answer.status_code == 401, 200, '{"resourceType": "Task"}'),
    ),
]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    key_file: Path = tmp_path_factory.mktemp("keys") / "runner.json"
    key_file.write_text(json.dumps(KEY.as_dict(private=True)))
    account = Account(client_id="runner", key_file=key_file)
    return Config(secret=SECRET, clients={"default": account}, agreed=["conditional", "provenance"])


async def prove_epr(config: Config, app: Callable[[ASGIApp], ASGIApp], *only: str) -> Report:
    async with serving(app(build_mock(SECRET, jwks=KeySet([KEY])))) as port:
        return await prove("epr-receiver", f"http://127.0.0.1:{port}/FHIR/R4", config, *only)


async def test_a_healthy_epr_passes_everything(config: Config) -> None:
    report = await prove_epr(config, lambda healthy: healthy)
    assert report.count("pass") == len(ALL), told(report)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.wrong)
async def test_a_broken_epr_is_caught(config: Config, broken: Broken) -> None:
    report = await prove_epr(config, broken.app)
    assert failed(report) == list(broken.caught_by), told(report)
