"""A run's report, three times: JUnit XML for a CI server, a page for people, a FHIR TestReport for machines.

Sentences come masked from the run; exchanges are masked here.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from xml.etree import ElementTree

from jinja2 import Environment, StrictUndefined

from gateway.contract.exchange import Exchange
from gateway.contract.masking import Mask, plain
from gateway.contract.results import Report, Result
from gateway.ids import instant, now

Json = dict[str, Any]

NAMES = ("report.xml", "report.html", "testreport.json")
MOST_SHOWN = 20_000  # characters of a body
HAPPENED = {"pass": "passed", "fail": "failed", "skip": "left out"}
ORDER = ("fail", "skip", "pass")


def make_folder(folder: Path) -> None:
    """Raises OSError where the reports could not be written: better before a run of half an hour than after it."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=folder):
        pass
    for file in [folder / name for name in NAMES if (folder / name).exists()]:
        file.open("ab").close()


def write_reports(report: Report, folder: Path) -> list[Path]:
    """report.xml, report.html and testreport.json in the folder, which is made. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, made in zip(NAMES, (junit(report), page(report), fhir_report(report)), strict=True):
        (folder / name).write_text(plain(made), "utf-8")
    return [folder / name for name in NAMES]


def junit(report: Report) -> str:
    """As Jenkins, GitLab and GitHub read it: a testsuite, a testcase for each test."""
    cut_short = bool(report.cut_short)
    seconds = sum(one.milliseconds for one in report.results) / 1000
    suite = ElementTree.Element(
        "testsuite",
        name=report.suite.role,
        tests=str(len(report.results) + cut_short),
        failures=str(report.count("fail")),
        errors=str(int(cut_short)),
        skipped=str(report.count("skip")),
        time=f"{seconds:.3f}",
        timestamp=report.began.removesuffix("Z"),
        hostname=report.mask.text(report.target),
    )
    for one in report.results:
        name = plain(f"{one.test.id} {one.test.title}")
        spent = f"{one.milliseconds / 1000:.3f}"
        case = ElementTree.SubElement(suite, "testcase", classname=report.suite.role, name=name, time=spent)
        if one.verdict == "fail":
            failure = ElementTree.SubElement(case, "failure", message=one.failures[0], type=one.test.clause.source)
            failure.text = "\n".join(_lines(one))
        elif one.verdict == "skip":
            ElementTree.SubElement(case, "skipped", message=" ".join(one.failures))
    if cut_short:
        case = ElementTree.SubElement(suite, "testcase", classname=report.suite.role, name="The run to its end")
        ElementTree.SubElement(case, "error", message=report.cut_short, type="cut short")
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return plain(ElementTree.tostring(root, "unicode", xml_declaration=True)) + "\n"


def _lines(one: Result) -> list[str]:
    clause = one.test.clause
    return [
        *one.failures,
        f"Step {one.step} of {len(one.test.steps)}.",
        f"Rule: {clause.source}, {clause.rule}" + (f" ({clause.url})" if clause.url else ""),
        f"For patients: {one.test.patients}",
        f"To mend it: {one.test.mend}",
    ]


def fhir_report(report: Report) -> str:
    """A FHIR R4 TestReport (testreport.html). Without a TestScript of its own: the suite's name stands in its place."""
    failed = report.count("fail")
    ran = len(report.results) - report.count("skip")
    passed = "pass" if ran and not report.cut_short else "pending"
    uri = report.mask.text(report.target) or "urn:none"
    resource: Json = {
        "resourceType": "TestReport",
        "name": f"Contract of a {report.suite.role}",
        "status": "stopped" if report.cut_short else "completed",
        "testScript": {"display": plain(report.suite.title)},
        "result": "fail" if failed else passed,
        **({"score": round(100 * (ran - failed) / ran, 2)} if ran else {}),
        "tester": "gateway contract run",
        "issued": instant(now()),
        "participant": [
            {"type": "test-engine", "uri": "urn:social-prescribing-gateway", "display": "gateway contract run"},
            {"type": "client" if report.suite.role == "epr-sender" else "server", "uri": uri},
        ],
        "test": [_tested(one) for one in report.results],
    }
    return plain(json.dumps(resource, indent=2, ensure_ascii=False)) + "\n"


def _tested(one: Result) -> Json:
    result = {"pass": "pass", "fail": "fail", "skip": "skip"}[one.verdict]
    message = " ".join(one.failures) or "Passed."
    asserted: Json = {"result": result, "message": plain(message), "detail": plain(one.test.clause.rule)}
    return {
        "name": one.test.id,
        "description": plain(f"{one.test.title}. {one.test.clause.source}: {one.test.clause.rule}"),
        "action": [{"assert": asserted}],
    }


@dataclass(frozen=True)
class Shown:
    """An exchange as the page shows it: secrets masked, bodies made readable."""

    line: str
    sent: str
    had: str


def page(report: Report) -> str:
    """One HTML file with all that it needs, and nothing that runs."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    folder = files("gateway.contract")
    style = folder.joinpath("report.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    template = environment.from_string(folder.joinpath("report.html").read_text("utf-8"))
    made = template.render(
        report=report,
        target=report.mask.text(report.target),
        failed_first=sorted(report.results, key=lambda one: ORDER.index(one.verdict)),
        happened=HAPPENED,
        style=style,
        digest=digest,
        shown={one.test.id: [show(exchange, report.mask) for exchange in one.exchanges] for one in report.results},
    )
    return plain(made)


def show(exchange: Exchange, mask: Mask) -> Shown:
    line = f"{exchange.method} {exchange.url}: {exchange.outcome}, {exchange.milliseconds} ms"
    sent = _message(exchange.sent_headers, exchange.sent_body, mask)
    return Shown(mask.sentence(line), sent, _message(exchange.headers, exchange.body, mask))


def _message(headers: Mapping[str, str], body: bytes, mask: Mask) -> str:
    told = [f"{name}: {value}" for name, value in sorted(mask.headers(headers).items())]
    text = mask.body(body)
    rest = f"\n... {len(text) - MOST_SHOWN:,} characters more" if len(text) > MOST_SHOWN else ""
    return "\n".join(told) + "\n\n" + text[:MOST_SHOWN] + rest
