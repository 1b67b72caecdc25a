"""openapi/postman.json, run by newman as anybody would, against a gateway that never saw it."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, import_key
from tests.cds_hooks.calling import KEY, SIGNER
from tests.reference.stage import Stage, stand, the_story

from gateway.demo.parties import private_key
from gateway.reference.contract import folder

Json = dict[str, Any]

NEWMAN = Path("tools/npm/node_modules/newman/bin/newman.js")
ABSENT = "newman is absent: install node and npm, then `make .venv/.npm`"
CLIENTS = ("epr", "platform", "operator")
SIGNING = len(CLIENTS) + 1  # requests of the folder Sign in


def keys(stage: Stage) -> dict[str, str]:
    """The variables by which Postman signs."""
    made = {"cds_issuer": SIGNER, "cds_kid": "cds-1", "cds_key": pem(KEY)}
    for one in CLIENTS:
        key = import_key(private_key(f"demo-{one}", stage.keys))
        assert isinstance(key, ECKey)
        made |= {f"{one}_client": f"demo-{one}", f"{one}_kid": str(key.kid), f"{one}_key": pem(key)}
    return made


def pem(key: ECKey) -> str:
    return key.as_pem(private=True).decode()


def run(stage: Stage, folder_: Path, variables: dict[str, str], collection: Path) -> Json:
    """What newman reports."""
    node = shutil.which("node")
    if node is None or not NEWMAN.exists():
        pytest.skip(ABSENT)
    report, environment = folder_ / "report.json", folder_ / "environment.json"
    values = [{"key": key, "value": value} for key, value in (variables | {"baseUrl": stage.base}).items()]
    environment.write_text(json.dumps({"name": "test", "values": values}))
    options = ["-e", environment, "-r", "json", "--reporter-json-export", report, "--timeout-request", "20000"]
    done = subprocess.run(
        [node, NEWMAN, "run", collection, *options],
        env=os.environ | {"NO_PROXY": "127.0.0.1"}, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert report.exists(), done.stdout + done.stderr
    told: Json = json.loads(report.read_text())["run"]
    return told


def failures(told: Json) -> list[str]:
    return [f"{one['source'].get('name')}: {one['error']['message']}" for one in told["failures"]]


def sent(told: Json) -> list[str]:
    return [one["item"]["name"] for one in told["executions"]]


def test_the_collection_runs_as_one_story_and_each_answer_is_as_the_contract_says(
    tmp_path: Path, sqlite_template: Path
) -> None:
    with stand(tmp_path, sqlite_template) as stage:
        told = run(stage, tmp_path, keys(stage), folder() / "postman.json")

    assert failures(told) == []
    steps = [int(name[:3]) for name in sent(told)[SIGNING:]]
    assert steps == [one.step for one in the_story()]
    assert told["stats"]["assertions"]["total"] > 1.5 * len(steps)


def test_tokens_may_be_given_instead_of_keys_and_what_needs_a_signature_is_left_out(
    tmp_path: Path, sqlite_template: Path
) -> None:
    with stand(tmp_path, sqlite_template) as stage:
        tokens = {f"{one}_token": stage.tokens[f"demo-{one}"] for one in CLIENTS}
        told = run(stage, tmp_path, tokens, folder() / "postman.json")

    assert failures(told) == []
    left_out = {one.step for one in the_story() if one.call.secret == "CDS_JWT" or one.call.signed}
    steps = [int(name[:3]) for name in sent(told) if name[:3].isdigit()]
    assert [one.step for one in the_story() if one.step not in left_out] == steps


@pytest.mark.parametrize(
    ("was", "becomes", "noticed"),
    [
        ("to.have.status(201)", "to.have.status(200)", "expected response to have status code 200"),
        ('\\"const\\":\\"history\\"', '\\"const\\":\\"searchset\\"', "expected data to satisfy schema"),
    ],
)
def test_an_answer_that_is_otherwise_is_told(
    tmp_path: Path, sqlite_template: Path, was: str, becomes: str, noticed: str
) -> None:
    text = (folder() / "postman.json").read_text()
    assert was in text
    spoilt = tmp_path / "spoilt.json"
    spoilt.write_text(text.replace(was, becomes))

    with stand(tmp_path, sqlite_template) as stage:
        told = run(stage, tmp_path, keys(stage), spoilt)

    assert any(noticed in one for one in failures(told)), failures(told)
