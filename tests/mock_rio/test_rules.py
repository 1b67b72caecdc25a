"""When a fault comes up, and what is said of rules that cannot be used."""

from pathlib import Path

import httpx
import pytest
import yaml
from tests.mock_rio.rio import FOLDER, Rio, code_of
from zeep.exceptions import Fault

from adapters.rio.mock import MockError, load_faults
from adapters.rio.mock.faults import Faults, read_faults


def faults(**rule: object) -> Faults:
    given = {"operations": "GetTeams", "fault": "slow"} | rule
    return read_faults(yaml.safe_dump({"seed": 3, "rules": [given]}).encode(), "rules")


def played(faults: Faults, calls: int, operation: str = "GetTeams", target: str = "") -> str:
    """Call by call, x where a fault comes up."""
    return "".join("x" if faults.next(operation, target) else "." for _ in range(calls))


def test_a_rule_comes_up_always_or_as_it_says() -> None:
    assert played(faults(), 4) == "xxxx"
    assert played(faults(times=2), 4) == "xx.."
    assert played(faults(after=1, times=2), 5) == ".xx.."
    assert played(faults(sequence=["ok", "ok", "fail"]), 5) == "..x.."
    assert played(faults(until_second=0), 2) == ".."
    assert played(faults(from_second=60), 2) == ".."


def test_by_probability_it_comes_up_the_same_way_each_time() -> None:
    first, second = (played(faults(probability=0.3), 200) for _ in range(2))

    assert first == second
    assert 40 < first.count("x") < 80
    assert played(faults(probability=0.3, after=100), 200)[100:] == first[100:]


def test_it_is_for_its_operations_and_target_alone() -> None:
    assert played(faults(operations="any"), 1, "put-task") == "x"
    assert played(faults(), 1, "put-task") == "."
    rule = faults(operations="any", target="0012345", times=1)
    assert played(rule, 1, "GetAlerts", "12345") == "."
    assert played(rule, 2, "GetAlerts", "0012345") == "x."


def test_only_the_first_rule_that_comes_up_acts() -> None:
    slow = {"operations": "GetTeams", "fault": "slow", "times": 1}
    both = read_faults(yaml.safe_dump({"rules": [slow, slow | {"fault": "downtime"}]}).encode(), "rules")

    names = [rule.fault for _ in range(3) if (rule := both.next("GetTeams", ""))]

    assert names == ["slow", "downtime"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rules: [", "day.yaml: line 1, column 9: is not YAML"),
        ("[" * 5_000, "day.yaml: its text: is not YAML that can be read"),
        ("rules: 2026-13-45", "day.yaml: its text: is not YAML that can be read"),
        ("", "day.yaml: the file:"),
        ("rules: [{operations: GetTeams, fault: slooow}]", "rules[0]: fault: must be one of slow, "),
        ("rules: [{operations: GetTea, fault: slow}]", "rules[0]: operations: must be any, or of AddAlternativeId, "),
        ("rules: [{operations: GetTeams, fault: write-lost}]", "rules[0]: operations: write-lost acts on: Add"),
        ("rules: [{operations: GetTeams, fault: slow, times: often}]", "rules[0].times: Input should be a valid int"),
        ("rules: [{operations: GetTeams, fault: slow, tims: 1}]", "rules[0].tims: Extra inputs are not permitted"),
        ("rules: [{operations: GetTeams, fault: slow, probability: 2}]", "rules[0].probability: Input should be less"),
        ("rules: [{fault: slow}]", "rules[0].operations: Field required"),
        ("rules: [{operations: GetTeams, fault: slow, sequence: [no]}]", "rules[0].sequence[0]: Input should be 'ok'"),
    ],
)
def test_a_mistake_is_told_with_file_place_and_what_was_expected(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "day.yaml"
    file.write_text(text)

    with pytest.raises(MockError) as caught:
        load_faults(file)

    assert str(caught.value).replace(f"{tmp_path}/", "").startswith("day.yaml: ")
    assert told in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MockError, match=r"gone.yaml: cannot be read"):
        load_faults(tmp_path / "gone.yaml")


async def test_bad_rules_change_nothing(rio: Rio) -> None:
    await rio.script({"operations": "GetTeams", "fault": "soap-fault"})

    answer = await rio.client.put(f"{rio.url}/faults", content="rules: [{operations: GetTeams, fault: sloow}]")
    huge = await rio.client.put(f"{rio.url}/faults", content=b"#" * 70_000)

    assert (answer.status_code, huge.status_code) == (422, 413)
    assert await rio.refused("GetTeams") == "INTERNAL_ERROR"


async def test_the_example_loads_and_makes_a_bad_day(rio: Rio, note: dict[str, object]) -> None:
    text = (FOLDER / "faults.example.yaml").read_text("utf-8").replace("seconds: 12", "seconds: 0")
    (await rio.client.put(f"{rio.url}/faults", content=text)).raise_for_status()

    wrong = 0
    for _ in range(150):
        try:
            await rio.call("AddProgressNote", **note)
        except (Fault, httpx.TransportError) as trouble:
            wrong += 1
            if isinstance(trouble, Fault) and code_of(trouble) == "SESSION_EXPIRED":
                await rio.authenticate()

    assert 0 < wrong < 50
    assert 100 < len(await rio.effects()) < 150
