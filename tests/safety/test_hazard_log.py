"""The hazard log: its judgements hold together, each control has a test that exists, the page is in step."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from tools.hazard_log import DATA, FILE, LIKELIHOODS, SEVERITIES, Hazard, read_hazards, written

ROOT = Path(__file__).parents[2]
TEXT = ROOT.joinpath(DATA).read_text("utf-8")
HAZARDS = read_hazards(TEXT)


@cache
def names_in(path: str) -> frozenset[str]:
    """The names of the tests that pytest would find at the top of this file; none where there is no file."""
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    parsed = ast.parse(file.read_text("utf-8"))
    return frozenset(one.name for one in parsed.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))


def missing(hazards: list[Hazard]) -> list[str]:
    named = [(one.id, test) for one in hazards for control in one.controls for test in control.shown_by]
    return [f"{id_}: {test}" for id_, test in named if test.split("::")[1] not in names_in(test.split("::")[0])]


def raw() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(TEXT)
    return found


def test_each_hazard_is_numbered_in_turn() -> None:
    assert [one.id for one in HAZARDS] == [f"H{number:02}" for number in range(1, len(HAZARDS) + 1)]


def test_each_named_test_exists() -> None:
    assert missing(HAZARDS) == [], "name the test that shows the control now, or take the control out"


@pytest.mark.parametrize(
    "gone", ["tests/safety/test_hazard_log.py::test_that_was_removed", "tests/safety/test_of_before.py::test_it"]
)
def test_a_test_that_is_gone_is_noticed(gone: str) -> None:
    hazards = raw()
    hazards[0]["controls"][0]["shown_by"] = [gone]
    assert missing(read_hazards(yaml.safe_dump(hazards))) == [f"H01: {gone}"]


def test_each_control_is_where_it_says() -> None:
    places = [(one.id, control.where) for one in HAZARDS for control in one.controls]
    assert [(id_, where) for id_, where in places if not ROOT.joinpath(where).is_file()] == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"controls": []}, "at least 1 item"),
        ({"controls": [{"what": "It is looked at.", "where": "README.md", "shown_by": []}]}, "at least 1 item"),
        ({"initial": {"severity": "major", "likelihood": "low", "score": 2}}, "make 3, not 2"),
        ({"residual": {"severity": "catastrophic", "likelihood": "very low", "score": 3}}, "above the initial risk"),
        ({"residual": {"severity": "minor", "likelihood": "very high", "score": 3}}, "above the initial risk"),
        ({"status": "open", "remains": None}, "says what remains"),
        ({"status": "closed"}, "'controlled' or 'open'"),
        ({"owner": "Nobody"}, "Extra inputs"),
    ],
)
def test_a_judgement_that_does_not_hold_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(told)):
        Hazard.model_validate(raw()[0] | change)


def test_the_matrix_rises_with_severity_and_with_likelihood() -> None:
    rows = [row for _, row in reversed(LIKELIHOODS.values())]
    assert all(len(row) == len(SEVERITIES) and list(row) == sorted(row) for row in rows)
    assert all(list(column) == sorted(column) for column in zip(*rows, strict=True))


def test_the_page_says_what_the_data_says() -> None:
    assert ROOT.joinpath(FILE).read_text("utf-8") == written(TEXT), "run: make hazards"
