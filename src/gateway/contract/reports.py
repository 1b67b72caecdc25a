"""A run's report, three times: JUnit XML for a CI server, a page for people, a FHIR TestReport for machines."""

import base64
import hashlib
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from jinja2 import Environment, StrictUndefined

from gateway.contract.exchange import Exchange
from gateway.contract.running import Report, Result
from gateway.ids import instant, now

Json = dict[str, Any]

SECRETS = {"authorization", "cookie", "set-cookie", "x-api-key"}
TOKENS = re.compile(r"(client_assertion=|\"access_token\"\s*:\s*\")[^&\"\s]+")
CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")  # what XML 1.0 has no way to say
MOST_SHOWN = 20_000  # characters of a body
HAPPENED = {"pass": "passed", "fail": "failed", "skip": "left out"}
ORDER = ("fail", "skip", "pass")


def write_reports(report: Report, folder: Path) -> list[Path]:
    """report.xml, report.html and testreport.json in the folder, which is made. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {"report.xml": junit(report), "report.html": page(report), "testreport.json": fhir_report(report)}
    for name, text in made.items():
        (folder / name).write_text(text, "utf-8")
    return [folder / name for name in made]


def junit(report: Report) -> str:
    """As Jenkins, GitLab and GitHub read it: a testsuite, a testcase for each test."""
    seconds = sum(one.milliseconds for one in report.results) / 1000
    suite = ElementTree.Element(
        "testsuite",
        name=report.suite.role,
        tests=str(len(report.results)),
        failures=str(report.count("fail")),
        errors="0",
        skipped=str(report.count("skip")),
        time=f"{seconds:.3f}",
        timestamp=report.began.removesuffix("Z"),
        hostname=report.target,
    )
    for one in report.results:
        name = f"{one.test.id} {one.test.title}"
        spent = f"{one.milliseconds / 1000:.3f}"
        case = ElementTree.SubElement(suite, "testcase", classname=report.suite.role, name=name, time=spent)
        if one.verdict == "fail":
            failure = ElementTree.SubElement(
                case, "failure", message=_plain(one.failures[0]), type=one.test.clause.source
            )
            failure.text = _plain("\n".join(_lines(one)))
        elif one.verdict == "skip":
            ElementTree.SubElement(case, "skipped", message=_plain(" ".join(one.failures)))
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return ElementTree.tostring(root, "unicode", xml_declaration=True) + "\n"


def _lines(one: Result) -> list[str]:
    clause = one.test.clause
    return [
        *one.failures,
        f"Step {one.step} of {len(one.test.steps)}.",
        f"Rule: {clause.source}, {clause.rule}" + (f" ({clause.url})" if clause.url else ""),
        f"For patients: {one.test.patients}",
        f"To mend it: {one.test.mend}",
    ]


def _plain(text: str) -> str:
    return CONTROLS.sub("", text)


def fhir_report(report: Report) -> str:
    """A FHIR R4 TestReport (testreport.html). Without a TestScript of its own: the suite's name stands in its place."""
    failed = report.count("fail")
    ran = len(report.results) - report.count("skip")
    resource: Json = {
        "resourceType": "TestReport",
        "name": f"Contract of a {report.suite.role}",
        "status": "completed",
        "testScript": {"display": report.suite.title},
        "result": "fail" if failed else "pass",
        **({"score": round(100 * (ran - failed) / ran, 2)} if ran else {}),
        "tester": "gateway contract run",
        "issued": instant(now()),
        "participant": [
            {"type": "test-engine", "uri": "urn:social-prescribing-gateway", "display": "gateway contract run"},
            {"type": "client" if report.suite.role == "epr-sender" else "server", "uri": report.target or "urn:none"},
        ],
        "test": [_tested(one) for one in report.results],
    }
    return json.dumps(resource, indent=2, ensure_ascii=False) + "\n"


def _tested(one: Result) -> Json:
    result = {"pass": "pass", "fail": "fail", "skip": "skip"}[one.verdict]
    message = " ".join(one.failures) or "Passed."
    asserted: Json = {"result": result, "message": _plain(message), "detail": one.test.clause.rule}
    return {
        "name": one.test.id,
        "description": f"{one.test.title}. {one.test.clause.source}: {one.test.clause.rule}",
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
    return template.render(
        report=report,
        failed_first=sorted(report.results, key=lambda one: ORDER.index(one.verdict)),
        happened=HAPPENED,
        style=style,
        digest=digest,
        shown={one.test.id: [show(exchange) for exchange in one.exchanges] for one in report.results},
    )


def show(exchange: Exchange) -> Shown:
    line = f"{exchange.method} {exchange.url}: {exchange.outcome}, {exchange.milliseconds} ms"
    return Shown(line, _message(exchange.sent_headers, exchange.sent_body), _message(exchange.headers, exchange.body))


def _message(headers: Any, body: bytes) -> str:
    told = [f"{name}: {'(not shown)' if name in SECRETS else value}" for name, value in sorted(headers.items())]
    text = body.decode("utf-8", "replace")
    if text[:1] in {"{", "["}:
        with suppress(ValueError, RecursionError):
            text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    text = TOKENS.sub(r"\1(not shown)", text)
    rest = f"\n... {len(text) - MOST_SHOWN:,} characters more" if len(text) > MOST_SHOWN else ""
    return _plain("\n".join(told) + "\n\n" + text[:MOST_SHOWN] + rest)
