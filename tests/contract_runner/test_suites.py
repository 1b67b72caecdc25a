"""Suites and configurations with mistakes: each is told with its file, line, and what was expected."""

from pathlib import Path

import pytest
from tests.contract_runner.test_targets import ONE
from typer.testing import CliRunner

from gateway.__main__ import app as command
from gateway.contract.suite import ROLES, SuiteError, read_suite, suite_of


@pytest.mark.parametrize("role", ROLES)
def test_what_comes_with_the_gateway_is_sound(role: str) -> None:
    suite = suite_of(role)  # type: ignore[arg-type]  # one of ROLES
    assert suite.role == role
    prefixes = {test.id.partition("-")[0] for test in suite.tests}
    assert len(prefixes) == 1


@pytest.mark.parametrize(
    ("change", "to", "line", "told"),
    [
        ("role: gateway", "role: nobody", 2, "Input should be 'gateway'"),
        ("    title: It answers", "    titel: It answers", 7, "titel: Extra inputs are not permitted"),
        ("GWY-01", "first", 6, "String should match pattern"),
        ("status: 200", "status: two", 13, "steps.0.expect"),
        ("resourceType = 'CapabilityStatement'", "resourceType = ", 13, "no FHIRPath at sign"),
        ("{ path: metadata }", "{ path: metadata, body: referral }", 2, "there is no document 'referral'"),
        ("      - send: { path: metadata }", "      - send: { path: [metadata }", 12, "no YAML"),
        ("source: ours", "source: somebody", 8, "clause.source"),
        ("      - send: { path: metadata }\n", "      - keep: {}\n", 12, "expected one of: send, await"),
        (
            "{ path: metadata }\n",
            "{ path: metadata }\n        answer_to: {method: GET, path: /}\n",
            12,
            "expected `answer` beside",
        ),
        ("    patients: None.\n", "", 6, "patients: Field required"),
    ],
)
def test_a_mistake_has_its_line(change: str, to: str, line: int, told: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    assert change in ONE
    file.write_text(ONE.replace(change, to))
    with pytest.raises(SuiteError) as refused:
        read_suite(file)
    assert told in str(refused.value)
    assert f"{file}, line {line}" in str(refused.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"\xff\xfe", "expected UTF-8 text"), (b"", "expected a mapping"), (b"- 1", "expected a mapping")],
)
def test_what_is_no_suite_at_all(content: bytes, told: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(content)
    with pytest.raises(SuiteError, match=told):
        read_suite(file)


CONFIGS = [
    ("clients: {epr: {client_id: me}}", "clients.epr: Value error, expected `token`, or `client_id` and `key_file`"),
    ("clients: {epr: {client_id: me, key_file: nowhere.json}}", "nowhere.json: cannot be read"),
    ("secret: open-sesame", "secret: "),
    ("patience: -1", "patience: "),
    ("authority: nowhere.pem", "nowhere.pem: there is no such file"),
    ("password: x", "password: Extra inputs are not permitted"),
    ("{", "line 2: no YAML"),
]


@pytest.mark.parametrize(("content", "told"), CONFIGS)
def test_a_configuration_that_cannot_be_used(content: str, told: str, tmp_path: Path) -> None:
    suite, config = tmp_path / "mine.yaml", tmp_path / "config.yaml"
    suite.write_text(ONE.replace("{ path: metadata }", "{ path: metadata, as: epr }"))
    config.write_text(content)
    arguments = ["--role", "gateway", "--target", "http://127.0.0.1:9", "--suite", str(suite), "--config", str(config)]
    result = CliRunner().invoke(command, ["contract", "run", *arguments])
    assert result.exit_code == 2
    if "nowhere.json" not in content:  # found out when the token is asked for, and nobody is there
        assert told in result.output
        assert "open-sesame" not in result.output


def test_no_target() -> None:
    result = CliRunner().invoke(command, ["contract", "run", "--role", "gateway"])
    assert result.exit_code == 2
    assert "Give --target" in result.output


@pytest.mark.parametrize("base_url", ["runner:8700", "http://runner:8700/FHIR/R4", "https://"])
def test_an_address_of_the_runner_that_is_none(base_url: str) -> None:
    result = CliRunner().invoke(command, ["contract", "run", "--role", "epr-sender", "--base-url", base_url])
    assert result.exit_code == 2
    assert f"--base-url {base_url}: expected http://host:port" in result.output


def test_a_suite_of_another_role(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(ONE)
    result = CliRunner().invoke(
        command, ["contract", "run", "--role", "platform", "--target", "x", "--suite", str(file)]
    )
    assert result.exit_code == 2
    assert "for the role gateway, not platform" in result.output


def test_the_tests_can_be_listed() -> None:
    result = CliRunner().invoke(command, ["contract", "list", "--role", "epr-sender"])
    assert result.exit_code == 0
    assert "SND-01" in result.output
