"""docs/contract-tests.md is as the suites and the command are. What it has typed is typed in tests/guides."""

import re
from pathlib import Path

import yaml
from tools.contract_suites import FILE, HEAD, written

from gateway.contract.config import Config
from gateway.contract.suite import ROLES, suite_of

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / FILE).read_text("utf-8")
YAML = re.compile(r"```yaml\n(clients:.*?)```", re.DOTALL)


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
