"""The command as an analyst types it, and a copy of the maps that may be spoilt."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.__main__ import app
from gateway.settings import settings
from mappings.translate import MAPS

Json = dict[str, Any]

EXAMPLES = Path(__file__).parent.parent / "examples"
TIDEWATER = MAPS / "dialects" / "tidewater.examples"


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


def run(*arguments: str | Path) -> Ran:
    """`gateway maps ...`"""
    done = CliRunner().invoke(app, ["maps", *map(str, arguments)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return Ran(done.exit_code, done.stdout, done.stderr)


@pytest.fixture(autouse=True)
def _fresh_settings() -> Iterator[None]:
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the maps."""
    return Path(shutil.copytree(MAPS, tmp_path / "maps"))


def change(file: Path, old: str, new: str) -> int:
    """Replaces a text that stands in the file once; the line that it stood in."""
    text = file.read_text("utf-8")
    assert text.count(old) == 1, text.count(old)
    file.write_text(text.replace(old, new), "utf-8")
    return text.count("\n", 0, text.index(old)) + 1


def read(file: Path) -> Json:
    content: Json = json.loads(file.read_text("utf-8"))
    return content
