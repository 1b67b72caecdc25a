"""The commands, as an operator types them."""

import json
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.__main__ import app
from gateway.settings import settings


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the operator's own, with a database in it."""
    monkeypatch.chdir(tmp_path)
    settings.cache_clear()
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output


@pytest.mark.parametrize("arguments", [["migrate"], ["serve"], ["work"], ["maps", "unmapped"]])
def test_a_setting_that_is_none_is_named_and_not_repeated(
    here: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", "postgres://gateway:hush@db/gateway")

    code, output = run(*arguments)

    assert code == 2
    assert output.startswith("GATEWAY_DATABASE_URL: must be postgresql+asyncpg://")
    assert "hush" not in output


def test_migrate_then_register(here: Path) -> None:
    parties = {"organisations": [{"ods_code": "XND01", "name": "Northdale Trust"}], "hubs": [], "clients": []}
    (here / "parties.json").write_text(json.dumps(parties | {"destinations": []}))

    assert run("migrate")[0] == 0
    assert run("migrate")[0] == 0  # safe to run again
    assert run("register", "parties.json") == (0, "Registered 1 organisations, 0 clients.\n")


def test_a_mistake_in_the_parties_is_told_with_its_place(here: Path) -> None:
    (here / "parties.json").write_text('{"organisations": [{"name": "Northdale Trust"}]}')

    code, output = run("register", "parties.json")

    assert code == 2
    assert "organisations[0].ods_code: is missing" in output


def test_a_token_for_an_unknown_client_names_the_known_ones(here: Path) -> None:
    assert run("prepare-demo")[0] == 0

    code, output = run("token", "--client", "nobody")

    assert code == 1
    assert "demo-epr" in output


def test_no_token_without_a_gateway(here: Path) -> None:
    run("prepare-demo")

    code, output = run("token", "--client", "demo-epr", "--url", "http://127.0.0.1:9")

    assert code == 1
    assert "No token" in output


def test_codes_that_no_map_knows_are_listed(here: Path) -> None:
    run("migrate")
    row = ("XND01", "https://codes.northdale.example/reasons", "RR17", "r1", "2026-03-02 09:30:00.000000")
    with sqlite3.connect("var/gateway.db") as database:
        database.execute(
            "INSERT INTO unmapped_code (organisation, system, code, referral_id, at) VALUES (?,?,?,?,?)", row
        )
    database.close()

    code, output = run("maps", "unmapped", "--since", "2026-03-02")

    assert code == 0
    assert output.splitlines()[1].split() == [row[1], "RR17", "1", "2026-03-02", "XND01"]
    assert "RR17" not in run("maps", "unmapped", "--since", "2026-03-03")[1]


def test_no_codes_are_listed_of_a_database_that_is_not_there(here: Path) -> None:
    code, output = run("maps", "unmapped")

    assert (code, output) == (2, "There is no database var/gateway.db. Set GATEWAY_DATABASE_URL.\n")
    assert list(here.iterdir()) == []
