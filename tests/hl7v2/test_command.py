"""`gateway hl7v2`, and the entry of a feed in the parties file, as an operator meets them."""

import copy
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.hl7v2.conftest import example
from typer.testing import CliRunner

from gateway.__main__ import app
from gateway.demo.parties import demo_parties
from gateway.parties import PartiesError, read_parties
from gateway.settings import settings

Json = dict[str, Any]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    settings.cache_clear()
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["hl7v2", *arguments])
    return result.exit_code, result.output


def test_without_the_extra_it_says_what_to_install(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hl7", None)
    for name in [name for name in sys.modules if name.startswith(("gateway.hl7v2", "mappings.hl7v2"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("gateway.hl7v2", raising=False)
    code, output = run()
    assert code == 2
    assert 'pip install "social-prescribing-gateway[hl7v2]"' in output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--host", "0.0.0.0"], "open to others"),
        (["--certificate", "a.pem"], "go together"),
        (["--client-authority", "a.pem"], "go together"),
        (["--certificate", "absent.pem", "--key", "absent.key"], "No such file"),
    ],
)
def test_what_would_be_unsafe_is_not_started(here: Path, arguments: list[str], told: str) -> None:
    code, output = run(*arguments)
    assert code == 2
    assert told in output


def test_a_port_that_is_taken(here: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, output = run("--port", str(taken.getsockname()[1]))
    assert code == 1
    assert "Cannot listen on 127.0.0.1" in output


def test_it_listens_beside_the_servers_and_ends_cleanly(here: Path) -> None:
    CliRunner().invoke(app, ["prepare-demo"])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    listener = subprocess.Popen(
        [sys.executable, "-m", "gateway", "hl7v2", "--port", "0"], stdout=subprocess.PIPE, env=environment, text=True
    )
    try:
        assert listener.stdout is not None
        port = int(listener.stdout.readline().rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=60) as engine:
            engine.sendall(b"\x0b" + example("referred").replace("\n", "\r").encode() + b"\x1c\r")
            answer = engine.recv(4096)
        assert b"\rMSA|AA|RIO0000000005|Referral SP-" in answer
        listener.send_signal(signal.SIGTERM)
        logged, _ = listener.communicate(timeout=60)
        assert listener.returncode == 0
    finally:
        listener.kill()
    assert "REF^I12" in logged
    assert "Harrow" not in logged


def parties(tmp_path: Path) -> Json:
    return json.loads(demo_parties(tmp_path / "keys").model_dump_json())  # type: ignore[no-any-return]  # our own


def changed(tmp_path: Path, **feed: Any) -> Json:
    document = parties(tmp_path)
    document["organisations"][0]["hl7v2"][0].update(feed)
    return document


@pytest.mark.parametrize(
    ("feed", "told"),
    [
        ({"client": "demo-platform"}, "organisations[0].hl7v2[0].client: demo-platform is no epr client"),
        ({"client": "demo-epr-2"}, "organisations[0].hl7v2[0].client: demo-epr-2 is no epr client"),
        ({"client": "nobody"}, "organisations[0].hl7v2[0].client: nobody is no epr client"),
        ({"identifiers": {}}, "organisations[0].hl7v2[0].identifiers"),
        ({"identifiers": {"RIO": "no uri"}}, "expected the URI of an identifier system"),
        ({"processing_id": "X"}, "organisations[0].hl7v2[0].processing_id"),
        ({"sending_aplication": "RIO"}, "is it misspelt?"),
    ],
)
def test_a_mistake_in_the_entry_is_told_with_its_place(tmp_path: Path, feed: Json, told: str) -> None:
    with pytest.raises(PartiesError) as mistake:
        read_parties(changed(tmp_path, **feed), "parties.json")
    assert told in str(mistake.value)


def test_two_feeds_do_not_share_a_name(tmp_path: Path) -> None:
    document = parties(tmp_path)
    feeds = document["organisations"][0]["hl7v2"]
    feeds.append(copy.deepcopy(feeds[0]))
    with pytest.raises(PartiesError) as mistake:
        read_parties(document, "parties.json")
    assert "another feed has the same sending_application" in str(mistake.value)
