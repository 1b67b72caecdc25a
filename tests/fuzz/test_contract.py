"""schemathesis asks for all that openapi/ describes, in right ways and in wrong ones, with all its checks: the answers
are as the contract says. What it may expect where JSON Schema cannot say it stands in gateway.toml and platform.toml.

FHIR bodies are made elsewhere (test_doors.py): the contract's schema of them is R4's own, too large to draw from.
"""

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.app import Json, Running, start
from tests.contract.written import FOLDER, load
from tests.fuzz.seeds import tell
from tests.fuzz.test_doors import CASES, NIGHTLY
from tests.serving import serving

HERE = Path(__file__).parent
DRAWN = max(CASES // 400, 1) if NIGHTLY else 2  # for each operation, beside the corner cases of each of its values
SECONDS = 60 if not NIGHTLY else 7_200
MOST_TOLD = 20_000  # characters, of the end


def contract_of(door: str) -> Json:
    document: Json = simplified(load(FOLDER / f"{door}.yaml"))
    del document["webhooks"]  # what others serve
    for scheme in document["components"]["securitySchemes"].values():
        if scheme.pop("flows", None):  # of OAuth the check of authentication knows nothing; its tokens are these
            scheme.update(type="http", scheme="bearer")
    return document


def simplified(value: Any) -> Any:
    """The document without R4's own schemas, and without how its examples were sent."""
    if isinstance(value, dict):
        if str(value.get("$ref", "")).startswith("./r4."):
            return {"type": "object"}
        return {key: simplified(inner) for key, inner in value.items() if key != "x-requests"}
    return [simplified(inner) for inner in value] if isinstance(value, list) else value


async def ask(gateway: Running, document: Json, door: str, client: str, folder: Path, *more: str) -> tuple[int, str]:
    """schemathesis' verdict and words about the gateway on a real port, by this document."""
    story = await tell(gateway)
    (folder / "contract.json").write_text(json.dumps(document), "utf-8")
    found = {"REFERRAL": story.task["id"], "PRESCRIPTION": story.prescription, "QUESTION": story.question}
    program = shutil.which("schemathesis", path=Path(sys.executable).parent)
    assert program
    async with serving(gateway.app) as url:
        arguments: list[str | Path] = [
            "--config-file",
            HERE / f"{door}.toml",
            "run",
            folder / "contract.json",
            "--url",
            url,
        ]
        arguments += ["--header", f"Authorization: Bearer {gateway.tokens[client]}", "--checks", "all"]
        arguments += ["--phases", "coverage,fuzzing", "--max-examples", str(DRAWN), "--no-shrink", "--no-color"]
        arguments += ["--continue-on-failure", "--suppress-health-check", "all"]
        arguments += ["--request-timeout", "60"]  # a busy machine takes its time
        arguments += more
        arguments += [] if NIGHTLY else ["--generation-deterministic"]
        running = await asyncio.create_subprocess_exec(
            program, *arguments, cwd=folder, env=os.environ | found, stdout=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(SECONDS * 5):
            told, _ = await running.communicate()
    assert running.returncode is not None
    return running.returncode, told.decode()


@pytest.mark.parametrize(("door", "client"), [("gateway", "demo-epr"), ("platform", "demo-platform")])
async def test_the_contract_holds_for_any_request(sqlite_url: str, tmp_path: Path, door: str, client: str) -> None:
    gateway = await start(sqlite_url, tmp_path, token_seconds=86_400)

    verdict, told = await ask(gateway, contract_of(door), door, client, tmp_path)

    await gateway.stop()
    if NIGHTLY:
        print(told[-1_500:], file=sys.stderr, flush=True)
    assert verdict == 0, told[-MOST_TOLD:]
    assert "0 generated" not in told


async def test_what_the_contract_should_not_say_is_found(sqlite_url: str, tmp_path: Path) -> None:
    gateway = await start(sqlite_url, tmp_path, token_seconds=86_400)
    document = contract_of("gateway")
    [ping] = document["paths"]["/_ping"].values()
    ping["security"] = document["security"]
    ping["responses"]["200"]["content"] = {"text/html": {"schema": {"type": "string"}}}
    ping["responses"]["200"]["headers"] = {"X-Never": {"required": True, "schema": {"type": "string"}}}
    document["paths"]["/_ping"] = {"get": ping}

    verdict, told = await ask(gateway, document, "gateway", "demo-epr", tmp_path, "--include-path", "/_ping")

    await gateway.stop()
    assert verdict == 1
    for found in (
        "Undocumented Content-Type",
        "API accepts requests without authentication",
        "Missing required response headers",
    ):
        assert found in told
