"""`make check` fails when the gateway no longer does what the contract says, and says where and what to do."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of the code, to be changed."""
    return Path(shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__")))


def check(source: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tools.contract", "--check"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        check=False,
    )


def change(file: Path, before: str, after: str) -> None:
    text = file.read_text("utf-8")
    assert text.count(before) == 1
    file.write_text(text.replace(before, after), "utf-8")


def test_the_files_say_what_is_served(source: Path) -> None:
    checked = check(source)

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_a_changed_model_is_noticed(source: Path) -> None:
    change(source / "gateway/changes.py", "ge=1, le=200", "ge=1, le=100")

    checked = check(source)

    assert checked.returncode == 1
    assert "+++ openapi/platform.yaml (served)" in checked.stdout
    assert re.search(r"^- +(- )?maximum: 200\n\+ +(- )?maximum: 100$", checked.stdout, re.MULTILINE), checked.stdout
    assert "make contract" in checked.stdout


def test_a_changed_answer_is_noticed(source: Path) -> None:
    change(source / "gateway/status.py", '"pong"', '"ping"')

    checked = check(source)

    assert checked.returncode == 1
    assert re.search(r"^- +value: pong\n\+ +value: ping$", checked.stdout, re.MULTILINE), checked.stdout


def test_a_new_address_is_noticed(source: Path) -> None:
    change(
        source / "gateway/status.py",
        'app.add_route("/_ping"',
        'app.add_route("/_pong", ping)\n    app.add_route("/_ping"',
    )

    checked = check(source)

    assert checked.returncode == 1
    assert checked.stdout.startswith("The operation GET /_pong is served, but not described.\n")


def test_a_search_parameter_of_one_type_is_noticed(source: Path) -> None:
    change(source / "mappings/r4/search.json", '"authored-on": {', '"written-on": {')

    checked = check(source)

    assert checked.returncode == 1
    assert re.search(r"^\+ +- Task: written-on, based-on", checked.stdout, re.MULTILINE), checked.stdout
