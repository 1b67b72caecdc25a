"""gateway contract run as a CI job runs it: a process of its own, its exit code, its reports."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from joserfc.jwk import ECKey
from tests.contract_runner.epr import Epr, app_of
from tests.serving import serving


async def run(folder: Path, *arguments: str, interrupt: bool = False) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "contract", "run", "--listen", "127.0.0.1:0", *arguments,
        cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env=dict(os.environ),
    )  # fmt: skip
    assert process.stdout
    if interrupt:
        async for line in process.stdout:
            if b"Refer an invented person" in line:
                break
        process.send_signal(signal.SIGINT)
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode, output.decode()


def configured(folder: Path) -> ECKey:
    """The EPR's key, whose public half is in contract.yaml."""
    key = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"}, auto_kid=True)
    (folder / "epr.jwks.json").write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    (folder / "contract.yaml").write_text("keys_file: epr.jwks.json\npatience: 20\n")
    return key


async def test_an_epr_that_refers(tmp_path: Path) -> None:
    """Driven by cues: SND-01 and SND-02 pass, and the reports are there."""
    key = configured(tmp_path)
    async with serving(app_of(Epr(key.as_dict(private=True))), lifespan="on") as url:
        arguments = ["--target", f"{url}/cues", "--config", "contract.yaml", "--only", "SND-01", "--only", "SND-02"]
        code, output = await run(tmp_path, "--role", "epr-sender", *arguments)
    assert code == 0, output
    assert "-> Refer an invented person." in output
    assert "2 passed, 0 failed, 0 left out" in output
    assert {file.name for file in (tmp_path / "contract-report").iterdir()} == {
        "report.html", "report.xml", "testreport.json",
    }  # fmt: skip


async def test_whoever_interrupts_it_is_told(tmp_path: Path) -> None:
    configured(tmp_path)
    arguments = ["--config", "contract.yaml", "--only", "SND-02"]
    code, output = await run(tmp_path, "--role", "epr-sender", *arguments, interrupt=True)
    assert code == 2, output
    assert "interrupted before its end" in output
    assert "Traceback" not in output
