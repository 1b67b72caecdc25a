"""Each sample of each operation is pasted into a shell, and into Python, in the order of the story that the contract
tells, before a gateway that never heard it. Ids are those that this gateway gave, as a reader puts in theirs."""

import contextlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.contract.written import UUID, learn
from tests.reference.stage import stand, the_story

from gateway.reference.contract import doors
from gateway.reference.samples import Call, as_curl, as_python


def in_bash(code: str, environment: dict[str, str], folder: Path) -> Any:
    """What it prints, read."""
    path = {"PATH": "/usr/local/bin:/usr/bin:/bin", "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        ["bash", "-euc", code.replace("curl ", "curl -sS ")],
        env=path | environment, cwd=folder, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{code}\n{done.stderr}{done.stdout}"
    with contextlib.suppress(json.JSONDecodeError):
        return json.loads(done.stdout)
    return done.stdout


def in_python(code: str, environment: dict[str, str], _folder: Path) -> Any:
    told: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        for name, value in environment.items():
            patch.setenv(name, value)
        try:
            exec(compile(code, "sample", "exec"), {"print": told.append})
        except httpx.HTTPStatusError as refusal:
            pytest.fail(f"{code}\n{refusal.response.text}")
    [answer] = told
    return answer


@pytest.mark.parametrize(("write", "run"), [(as_curl, in_bash), (as_python, in_python)])
def test_each_sample_works_as_it_stands(
    write: Callable[[Call], str],
    run: Callable[[str, dict[str, str], Path], Any],
    tmp_path: Path,
    sqlite_template: Path,
) -> None:
    ours: dict[str, str] = {}
    run_for = set()
    with stand(tmp_path, sqlite_template) as stage:
        for one in the_story():
            code = write(one.call)
            for shown, real in ours.items():
                code = code.replace(shown, real)

            answer = run(code, stage.environment(one), tmp_path)

            learn(one.answer, answer, ours)
            ours |= {id_: UUID.findall(at(answer, pointer))[0] for pointer, id_ in one.gives.items()}
            run_for.add((one.call.method, one.call.path))
    assert run_for == {(one.method, one.path) for door in doors().values() for one in door.operations.values()}


def at(value: Any, pointer: str) -> Any:
    for step in pointer.split("/")[1:]:
        value = value[int(step) if isinstance(value, list) else step]
    return value
