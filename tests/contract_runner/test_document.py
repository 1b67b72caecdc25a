"""docs/contract-tests.md is as the suites and the command are; its example proves a gateway."""

import asyncio
import re
from pathlib import Path

import yaml
from tests.contract_runner.gateways import gateway
from tools.contract_suites import FILE, HEAD, written
from typer.testing import CliRunner

from gateway.__main__ import app as command
from gateway.contract.config import Config
from gateway.contract.suite import ROLES, suite_of

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / FILE).read_text("utf-8")
YAML = re.compile(r"```yaml\n(clients:.*?)```", re.DOTALL)
TYPED = re.compile(r"<<'END'\n(.*?)END\n(.+?)\n```", re.DOTALL)


def test_it_is_written_from_the_suites() -> None:
    assert written() == DOCUMENT, "run: make contract-tests"


def test_each_test_of_each_role_is_told() -> None:
    for test in [test for role in ROLES for test in suite_of(role).tests]:
        assert f"| {test.id} | " in DOCUMENT


def test_the_configuration_that_is_shown_can_be_used() -> None:
    shown = [Config.model_validate(yaml.safe_load(one)) for one in YAML.findall(HEAD.read_text("utf-8"))]
    assert [config.patience for config in shown] == [60]
    told = set(re.findall(r"^([a-z_]+):", YAML.findall(DOCUMENT)[0], re.MULTILINE))
    assert told >= Config.model_fields.keys() - {"agreed", "subscription", "topic"}  # said in the table above it


async def test_what_it_has_typed_proves_a_gateway(tmp_path: Path) -> None:
    found = TYPED.search(DOCUMENT)
    assert found
    async with gateway(tmp_path) as served:
        (tmp_path / "var").symlink_to(tmp_path)  # the keys are in var/keys of a checkout
        (tmp_path / "contract").mkdir()
        file = tmp_path / "contract" / "gateway.yaml"
        file.write_text(found[1])
        typed = (
            found[2].replace("http://127.0.0.1:8000/FHIR/R4", served.url).replace("contract/gateway.yaml", str(file))
        )
        words = [
            *typed.split()[1:-1],
            str(tmp_path / "report"),
            "--only",
            "GWY-07",
            "--only",
            "GWY-42",
            "--only",
            "GWY-28",
        ]
        ran = await asyncio.to_thread(CliRunner().invoke, command, words)
    assert ran.exit_code == 0, ran.output
    assert "3 passed, 0 failed" in ran.output
    assert (tmp_path / "report" / "report.xml").is_file()
