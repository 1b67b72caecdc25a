"""The three reports of a run: for a CI server, for people, for machines that read FHIR."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from defusedxml import ElementTree
from fhir.resources.R4B.testreport import TestReport as FhirTestReport

from gateway.contract.config import Config
from gateway.contract.exchange import Exchange
from gateway.contract.masking import Mask
from gateway.contract.reports import MOST_SHOWN, fhir_report, junit, page, show, write_reports
from gateway.contract.results import Report, Result
from gateway.contract.suite import suite_of

EXCHANGE = Exchange(
    "POST",
    "http://127.0.0.1:8000/FHIR/R4",
    {"authorization": "Bearer eyJ.secret.token", "content-type": "application/fhir+json"},
    b'{"resourceType": "Bundle", "note": "<script>alert(1)</script>"}',
    status=500,
    headers={"set-cookie": "session=secret"},
    body=b'{"access_token": "eyJ.secret.token", "text": "\x01"}',
)


@pytest.fixture
def report() -> Report:
    """One of each: passed, failed, left out."""
    suite = suite_of("epr-sender")
    one, two, three = suite.tests[:3]
    failures = ["Expected status 200; it was 500 \x0c.", "Expected JSON <&>."]
    results = [
        Result(one, exchanges=[EXCHANGE], milliseconds=12, step=2),
        Result(two, "fail", failures, step=1, exchanges=[EXCHANGE], milliseconds=1234),
        Result(three, "skip", ["The configuration has no keys_file."]),
    ]
    return Report(suite, "http://127.0.0.1:8000/FHIR/R4", "2026-03-02T09:00:00.000Z", results)


def test_junit_is_read_by_a_ci_server(report: Report) -> None:
    suite = ElementTree.fromstring(junit(report))[0]
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped", "time")}
    assert counts == {"tests": "3", "failures": "1", "errors": "0", "skipped": "1", "time": "1.246"}
    passed, failed, left_out = suite.findall("testcase")
    assert passed.get("name") == "SND-01 It proves who it is with a signed assertion"
    assert len(passed) == 0
    failure = failed[0]
    assert failure.get("message") == "Expected status 200; it was 500 ."
    test = report.results[1].test
    assert all(
        words in (failure.text or "") for words in ("Expected JSON <&>.", test.patients, test.mend, "Step 1 of 2")
    )
    assert left_out[0].tag == "skipped"


def test_the_fhir_test_report_is_valid(report: Report) -> None:
    resource = json.loads(fhir_report(report))
    FhirTestReport.model_validate(resource)
    assert (resource["result"], resource["score"]) == ("fail", 50.0)
    assert [test["action"][0]["assert"]["result"] for test in resource["test"]] == ["pass", "fail", "skip"]


def test_the_page_holds_all_and_no_secret(report: Report) -> None:
    html = page(report)
    assert "1 failed, 1 passed" in html
    assert report.results[1].test.mend in html
    assert "secret" not in html
    assert "<script" not in html
    assert "(not shown)" in html


def test_a_long_body_is_cut_and_says_so() -> None:
    shown = show(replace(EXCHANGE, body=b"x" * (MOST_SHOWN + 1000)), Mask(Config()))
    assert shown.had.endswith("... 1,000 characters more")


def test_a_run_without_a_failure_passes(report: Report) -> None:
    report.results = report.results[:1]
    resource = json.loads(fhir_report(report))
    assert (resource["result"], resource["score"]) == ("pass", 100.0)


def test_all_three_are_written(report: Report, tmp_path: Path) -> None:
    files = write_reports(report, tmp_path / "new" / "folder")
    assert [file.name for file in files] == ["report.xml", "report.html", "testreport.json"]
    assert all(file.stat().st_size > 500 for file in files)
