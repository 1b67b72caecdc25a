"""The ten minutes of /docs, as they are typed: two tokens, a referral, a link worker who accepts it, and the Task; and
a token with a key of one's own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
from tests.app import task_in
from tests.reference.reading import Read
from tests.reference.stage import Stage, stand

ID_OF_THE_TASK = (
    'import json; entries = json.load(open("sent.json"))["entry"]; '
    'print(*(one["resource"]["id"] for one in entries if one.get("resource", {}).get("resourceType") == "Task"))'
)
STORY_ID = "01981f3e-6b7a-7c3d-9e21-000000000008"


def code_of(stage: Stage, address: str, id_: str) -> str:
    return Read(httpx.get(f"{stage.base}{address}", trust_env=False, timeout=30).text).text[id_]


def typed(script: str, stage: Stage, folder: Path) -> str:
    """What a shell prints, in a folder where var/keys has the clients' keys."""
    command = folder / "bin" / "gateway"
    if not command.exists():
        command.parent.mkdir()
        command.write_text(f'#!/bin/sh\nexec {sys.executable} -m gateway "$@"\n')
        command.chmod(0o755)
        (folder / "var").mkdir()
        (folder / "var" / "keys").symlink_to(stage.keys)
    environment = os.environ | {"PATH": f"{command.parent}:{os.environ['PATH']}", "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        ["bash", "-euc", script], env=environment, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_referral_in_ten_minutes(tmp_path: Path, sqlite_template: Path) -> None:
    """In one shell: what is said to be the reader's own is taken from the answers, as a reader takes it."""
    with stand(tmp_path, sqlite_template) as stage:
        token, accept = (code_of(stage, "/docs", id_) for id_ in ("path-token", "path-accept"))
        send = code_of(stage, "/docs/fhir/transaction", "referral-curl")
        read = code_of(stage, "/docs/fhir/read", "task-curl")
        assert f"export BASE={stage.base}" in token
        steps = [
            token,
            f"AS_EPR=$TOKEN\nexec >sent.json\n{send}",
            f"ID=$({sys.executable} -c '{ID_OF_THE_TASK}')\nexec >accepted.json\n{accept.replace(STORY_ID, '$ID')}",
            f"TOKEN=$AS_EPR\nexec >read.json\n{read.replace(STORY_ID, '$ID')}",
        ]
        typed("\n".join(steps).replace("curl ", "curl -sS "), stage, tmp_path)

    sent, task = (json.loads((tmp_path / name).read_text()) for name in ("sent.json", "read.json"))
    assert task_in(sent)["status"] == "requested"
    assert (task["id"], task["status"]) == (task_in(sent)["id"], "accepted")


def test_a_token_with_a_key_of_ones_own(tmp_path: Path, sqlite_template: Path) -> None:
    with stand(tmp_path, sqlite_template) as stage:
        (tmp_path / "get_token.py").write_text(code_of(stage, "/docs", "token-python"))
        key = stage.keys / "demo-platform.json"
        asked = f"export BASE={stage.base}\n{sys.executable} get_token.py demo-platform {key}"
        token = typed(asked, stage, tmp_path).strip()

        answer = httpx.get(
            f"{stage.base}/platform/v1/referrals",
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=30,
        )

    assert answer.status_code == 200
