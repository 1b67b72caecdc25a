"""openapi/postman.json, run by newman as anybody would, against a gateway that never saw it."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, import_key
from tests.cds_hooks.calling import KEY, SIGNER
from tests.reference.stage import Stage, stand, the_story
from tools.postman import collection

from gateway.demo.parties import private_key
from gateway.reference.contract import doors, folder

Json = dict[str, Any]

NEWMAN = Path("tools/npm/node_modules/newman/bin/newman.js")
ABSENT = "newman is absent: install node and npm, then `make postman`"
KINDS = {"expected response to have status code 200", "expected data to satisfy schema"}
CLIENTS = ("epr", "platform", "operator", "investigator")
LAST = 12  # the request after which the spoilt collection ends
SPOILT = [
    (r"to\.have\.status\(201\)", "to.have.status(200)"),
    ("transaction-response", "searchset"),
    (rf"(?<=setNextRequest\()[^)]*{LAST + 1:03}[^)]*", "null"),
]


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
    options: list[str | Path] = [
        "-e",
        environment,
        "-r",
        "json",
        "--reporter-json-export",
        report,
        "--timeout-request",
        "20000",
    ]
    done = subprocess.run(
        [node, NEWMAN, "run", collection, *options],
        env=os.environ | {"NO_PROXY": "127.0.0.1"}, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert report.exists(), done.stdout + done.stderr
    told: Json = json.loads(report.read_text())["run"]
    return told


def failures(told: Json) -> list[str]:
    return [f"{one['source'].get('name')}: {one['error']['message']}" for one in told["failures"]]


def numbers(told: Json) -> list[int]:
    """Of the requests that were sent; signing in has none."""
    names = (one["item"]["name"] for one in told["executions"])
    return [int(name[:3]) for name in names if name[:3].isdigit()]


def test_the_collection_runs_as_one_story_and_each_answer_is_as_the_contract_says(
    tmp_path: Path, sqlite_template: Path
) -> None:
    with stand(tmp_path, sqlite_template) as stage:
        told = run(stage, tmp_path, keys(stage), folder() / "postman.json")

    assert failures(told) == []
    told_here = len(the_story()) - 1  # not the trace of a refused request: the collection sends none of those
    assert numbers(told) == [*range(1, told_here + 1)]
    assert told["stats"]["assertions"]["total"] > 1.5 * len(the_story())


def test_tokens_may_be_given_instead_of_keys_and_an_answer_that_is_otherwise_is_told(
    tmp_path: Path, sqlite_template: Path
) -> None:
    text = (folder() / "postman.json").read_text()
    spoilt = tmp_path / "spoilt.json"
    for was, becomes in SPOILT:
        text, times = re.subn(was, becomes, text)
        assert times, was
    spoilt.write_text(text)

    with stand(tmp_path, sqlite_template) as stage:
        tokens = {f"{one}_token": stage.tokens[f"demo-{one}"] for one in CLIENTS}
        told = run(stage, tmp_path, tokens, spoilt)

    assert {one[:3] for one in failures(told)} == {"005", "006", "007", "008", "010"}
    assert {kind for kind in KINDS if any(kind in one for one in failures(told))} == KINDS
    unsigned = [number for number, one in enumerate(the_story(), 1) if not one.call.signed]
    assert numbers(told) == unsigned[: unsigned.index(LAST) + 1]


def test_it_is_made_from_the_files_as_they_stand() -> None:
    documents = {name: door.document for name, door in doors().items()}

    assert collection(documents) == (folder() / "postman.json").read_text("utf-8")
