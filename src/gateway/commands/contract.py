"""gateway contract: proves an EPR, a subscriber, a platform or a gateway against its contract."""

import asyncio
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gateway.contract.asking import CouldNotRun
from gateway.contract.config import Config, ConfigError, read_config
from gateway.contract.masking import Mask, plain
from gateway.contract.reports import HAPPENED, make_folder, write_reports
from gateway.contract.results import Report, Result, Teller
from gateway.contract.running import run_suite, unforeseen_in_words
from gateway.contract.suite import ROLES, UNDER_TEST, Role, Suite, SuiteError, Test, read_suite, suite_of
from gateway.telemetry import set_up_logging

app = typer.Typer(no_args_is_help=True, help=__doc__)

ORIGIN = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+/?")
MARKS = {"pass": "[green]pass[/]", "fail": "[red]FAIL[/]", "skip": "[dim]skip[/]"}


@app.command("list")
def list_tests(
    role: Annotated[Role | None, typer.Option(help="Only of this role.")] = None,
) -> None:
    """Lists the tests: what each is about, and the rule it comes from."""
    for one in [role] if role else ROLES:
        table = Table("id", "test", "rule", title=one, title_justify="left", box=None)
        for test in suite_of(one).tests:
            table.add_row(test.id, escape(test.title), escape(f"{test.clause.source}, {test.clause.rule}"))
        Console().print(table)


@app.command()
def run(
    role: Annotated[Role, typer.Option(help="What the counterpart is.")],
    target: Annotated[
        str | None,
        typer.Option(
            help="Its address: the FHIR base, the callback, the endpoint. An epr-sender takes cues there, if it can."
        ),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Keys, secrets, times: a YAML file.")] = None,
    listen: Annotated[str, typer.Option(help="Where the runner listens as the gateway: host:port.")] = "127.0.0.1:8700",
    base_url: Annotated[
        str | None, typer.Option(help="Where others reach the runner, if not at --listen: http://host:port.")
    ] = None,
    cues: Annotated[str | None, typer.Option(help="Where a platform is told what to do; else you are.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only this test; again for more.")] = None,
    suite: Annotated[Path | None, typer.Option(help="Another suite than the gateway's own.")] = None,
    report: Annotated[Path, typer.Option(help="Folder for report.html, report.xml and testreport.json.")] = Path(
        "contract-report"
    ),
) -> None:
    """Runs a role's tests. Exits 0 when all pass, 1 when one fails, 2 when nothing could be found out."""
    if isinstance(sys.stdout, TextIOWrapper):
        with suppress(OSError):  # where its file was exchanged under it
            sys.stdout.reconfigure(errors="backslashreplace")  # of a terminal that knows no such signs
    console = Console(highlight=False, soft_wrap=True)  # a CI log keeps whole lines
    known = Config()
    try:
        chosen = read_suite(suite) if suite else suite_of(role)
        if chosen.role != role:
            raise CouldNotRun(f"{suite} is a suite for the role {chosen.role}, not {role}.")
        if target is None and role != "epr-sender":
            raise CouldNotRun(f"Give --target: the address of the {role}.")
        known = read_config(config)
        where, reached = _host_and_port(listen), _origin(base_url)
        cued = target if role == "epr-sender" else cues
        found = None if role == "epr-sender" else target
        if role in UNDER_TEST:
            set_up_logging("CRITICAL")  # of the gateway that listens: what is asked of it is in the report
        with _writing(report):
            make_folder(report)
        going = run_suite(chosen, found, known, _teller(console, chosen), only or (), where, cued, reached)
        reported = asyncio.run(going)
        with _writing(report):
            files = write_reports(reported, report)
        _tell_the_end(console, reported, files)
    except (SuiteError, ConfigError, CouldNotRun) as trouble:
        _give_up(Mask(known).text(str(trouble)))
    except KeyboardInterrupt:
        _give_up("interrupted before its end.")
    except Exception as unforeseen:  # exit code 1 is a judgement on the counterpart, and a traceback none
        told = unforeseen_in_words(unforeseen)
        _give_up(f"the runner itself failed, please report it: {Mask(known).text(told)}")
    raise typer.Exit(_code(reported))


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as trouble:
        raise CouldNotRun(f"the report cannot be written to {folder}: {trouble.strerror}.") from None


def _give_up(why: str) -> NoReturn:
    typer.echo(f"Could not run: {why}", err=True)
    raise typer.Exit(2) from None


def _code(report: Report) -> int:
    if report.count("fail"):
        return 1
    return 0 if report.count("pass") and not report.cut_short else 2


def _teller(console: Console, suite: Suite) -> Teller:
    wide = len(str(len(suite.tests)))
    number = iter(range(1, len(suite.tests) + 1))

    def began(test: Test) -> None:
        if console.is_terminal:
            console.print(f"[dim]... {test.id} {_title(test)}[/]", end="\r")

    def ended(result: Result) -> None:
        at = f"{next(number):>{wide}}/{len(suite.tests)}"
        console.print(
            f"{at} {MARKS[result.verdict]} {result.test.id} {_title(result.test)} [dim]{result.milliseconds} ms[/]"
        )
        for failure in result.failures:
            console.print(f"       {failure}", markup=False, style=None if result.verdict == "fail" else "dim")
        if result.verdict == "fail":
            console.print(f"       For patients: {plain(result.test.patients)}", markup=False)
            console.print(f"       To mend it: {plain(result.test.mend)}", markup=False)

    def cue(say: str) -> None:
        console.print(f"  -> {say}", markup=False)

    def listening(url: str) -> None:
        console.print(f"The runner is the gateway at {url}: FHIR at /FHIR/R4, platform at /platform/v1, tokens at")
        console.print(
            f"/oauth2/token for the client {UNDER_TEST[suite.role]}, whose public keys are in the configuration."
        )

    return Teller(began, ended, cue, listening)


def _title(test: Test) -> str:
    return escape(plain(test.title))


def _tell_the_end(console: Console, report: Report, files: list[Path]) -> None:
    counts = ", ".join(f"{report.count(verdict)} {HAPPENED[verdict]}" for verdict in ("pass", "fail", "skip"))
    console.print(f"{counts}. The report: {', '.join(str(file) for file in files)}", markup=False)
    if report.cut_short:
        console.print(f"The run was cut short, and no more is known. {report.cut_short}", markup=False)
    if not report.count("pass") and not report.count("fail"):
        console.print("Could not run: every test was left out. See what the configuration lacks, above.")


def _host_and_port(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not (port.isascii() and port.isdecimal() and len(port) < 6) or int(port) > 65_535:
        raise CouldNotRun(f"--listen {listen}: expected host:port, e.g. 127.0.0.1:8700.")
    return host, int(port)


def _origin(base_url: str | None) -> str | None:
    if base_url and not ORIGIN.fullmatch(base_url):
        raise CouldNotRun(f"--base-url {base_url}: expected http://host:port, without a path.")
    return base_url and base_url.rstrip("/")
