"""The pacts as committed in `pacts/`; `make pacts` writes them anew."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from pact import Pact

FOLDER = Path(__file__).parent.parent.parent / "pacts"


def between(consumer: str, provider: str) -> Pact:
    return Pact(consumer, provider).with_specification("V4")


def hold(pact: Pact, folder: Path) -> None:
    """Fails when what was just shown differs from the committed file, or writes it when asked to."""
    pact.write_file(folder)
    name = f"{pact.consumer}-{pact.provider}.json"
    shown = _told(json.loads((folder / name).read_text("utf-8")))
    committed = FOLDER / name
    if os.environ.get("GATEWAY_PACTS") == "write":
        committed.write_text(json.dumps(shown, indent=2, ensure_ascii=False) + "\n", "utf-8")
    if not committed.exists() or json.loads(committed.read_text("utf-8")) != shown:
        pytest.fail(f"pacts/{name} is not what its consumer does now: run `make pacts`, and read what changed.")


def _told(pact: Any) -> Any:
    """Without the versions of the tools that wrote it."""
    pact["metadata"] = {"pactSpecification": pact["metadata"]["pactSpecification"]}
    return pact
