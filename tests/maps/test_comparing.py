"""gateway maps compare: what another version of the maps would make different."""

import csv
import io
import subprocess
from pathlib import Path

import pytest
from tests.app import Running
from tests.maps.conftest import EXAMPLES, TIDEWATER, Ran, change, read, run

from gateway.settings import Settings
from gateway.store.schema import referral
from gateway.workbench.comparing import Comparison
from gateway.workbench.pairs import compare_stored
from mappings.check import read_maps
from mappings.translate import MAPS

LONELY = (
    '"code": "267076002", "display": "Feeling lonely", "target": [{"code": "social-interaction", "display": "Social '
)
HOUSED = '"code": "267076002", "display": "Feeling lonely", "target": [{"code": "housing", "display": "Housing"'
NICKNAME = "\"Patient.name.where(use = 'nickname').given\""


@pytest.fixture
def new(folder: Path) -> Path:
    """A version that takes loneliness for a need of housing, and calls people by their first given name."""
    change(folder / "referral-reason.ConceptMap.json", f'{LONELY}interaction"', HOUSED)
    change(folder / "referral.fields.json", NICKNAME, '"Patient.name.given"')
    return folder


def rows_of(ran: Ran) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(ran.out.removeprefix("\ufeff"))))


def test_each_difference_is_told_by_field_with_its_count(new: Path) -> None:
    ran = run("compare", MAPS, new, EXAMPLES, "--csv")

    assert ran.code == 1
    debt = str(EXAMPLES / "wellbeing-and-debt" / "request.json")
    found = {(row["field"], row["was"], row["would be"]): row for row in rows_of(ran)}
    assert found["reasons[].domain", "social-interaction", "housing"]["examples"] == debt
    assert found["reasons[].label", "Social interaction", "Housing"]["referrals"] == "1"
    names = found["person.preferred_name", "nothing", "as sent"]
    assert (names["referrals"], len(names["examples"].split(", "))) == ("4", 3)
    assert found["person.preferred_name", "as sent", "as sent, another"]["examples"] == debt
    assert len(found) == 4
    assert ran.err == "6 read: 1 the same, 5 different, in 4 ways.\n"


def test_what_senders_wrote_is_shown_only_when_that_is_asked_for(new: Path) -> None:
    people = {
        one for case in EXAMPLES.iterdir() for one in [*read(case / "referral.json")["person"].get("given_names", [])]
    }

    hidden, shown = (run("compare", MAPS, new, EXAMPLES, *more) for more in ((), ("--values",)))

    assert people
    assert not any(name in hidden.out for name in people)
    assert any(name in shown.out for name in people)


def test_the_same_maps_differ_in_nothing() -> None:
    ran = run("compare", MAPS, MAPS, EXAMPLES)

    assert (ran.code, ran.out) == (0, "6 read: 6 the same, 0 different, in 0 ways.\n")


def test_what_a_dialect_changes(folder: Path) -> None:
    (folder / "dialects" / "tidewater.json").unlink()

    ran = run("compare", folder, MAPS, "--dialect", "tidewater", "--csv")

    found = {(row["field"], row["was"], row["would be"]) for row in rows_of(ran)}
    assert ("urgency", "routine", "soon") in found
    assert ("unknown code", "https://tidewater.example/codes/need|LONELY", "none") in found
    assert ("finding", "warning: ServiceRequest.reasonCode[] has a code that no map here knows. The words are kept and "
            "shown as sent.", "none") in found  # fmt: skip


def test_a_referral_that_only_one_version_refuses_is_told(folder: Path, tmp_path: Path) -> None:
    change(folder / "referral.fields.json", '"Patient.birthDate"', '"Patient.deceased.ofType(dateTime)"')

    found = {
        (row["field"], row["was"], row["would be"]) for row in rows_of(run("compare", MAPS, folder, EXAMPLES, "--csv"))
    }

    assert ("the referral", "accepted", "refused") in found
    assert ("person.birth_date", "as sent", "nothing") in found


def test_a_git_revision_is_a_version(new: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = tmp_path / "checkout"
    maps = checkout / "src" / "mappings" / "maps"
    maps.parent.mkdir(parents=True)
    new.rename(maps)
    who = ["-c", "user.name=Analyst", "-c", "user.email=analyst@trust.example"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "maps"], ["tag", "v1"]):
        subprocess.run(["git", *command], cwd=checkout, check=True, timeout=60)
    change(maps / "referral-reason.ConceptMap.json", HOUSED, f'{LONELY}interaction"')
    monkeypatch.chdir(checkout)

    found = {
        (row["field"], row["was"], row["would be"]) for row in rows_of(run("compare", "v1", maps, EXAMPLES, "--csv"))
    }

    assert ("reasons[].domain", "housing", "social-interaction") in found
    assert len(found) == 2
    ran = run("compare", "v2", maps)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("v2: expected a folder of maps, or a git revision that has src/mappings/maps; git says: ")


def test_what_cannot_be_compared(new: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    line = change(new / "priority.ConceptMap.json", '"code": "stat"', '"code" "stat"')
    for arguments, told in (
        ((MAPS, new, EXAMPLES), f"priority.ConceptMap.json, line {line}: expected ':' delimiter"),
        ((MAPS, MAPS, "absent.json"), "absent.json: there is no such file"),
        (("--", "--output=x", MAPS), "--output=x: expected a folder of maps"),
        ((MAPS, MAPS, "--stored"), "There is no database var/gateway.db. Set GATEWAY_DATABASE_URL."),
        ((MAPS, MAPS, TIDEWATER, "--stored"), "give no samples"),
        ((MAPS, MAPS, TIDEWATER, "--dialect", "estuary"), "there is no dialect estuary in either version"),
    ):
        ran = run("compare", *arguments)
        assert (ran.code, ran.out) == (2, ""), arguments
        assert told in ran.err


def test_a_database_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty.db").touch()
    monkeypatch.setenv("GATEWAY_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}")

    ran = run("compare", MAPS, MAPS, "--stored")

    assert ran.code == 2
    assert "The database cannot be read (OperationalError)" in ran.err


async def test_stored_referrals_are_read_again_and_nothing_is_written(gateway: Running, new: Path) -> None:
    tasks = [await gateway.refer() for _ in range(3)]
    references = {one["value"] for task in tasks for one in task["identifier"] if one["value"].startswith("SP-")}
    before = await everything(gateway)
    settings = Settings(database_url=gateway.app.state.gateway.settings.database_url)
    found, told = Comparison(), list[tuple[int, int]]()

    await compare_stored(settings, read_maps(MAPS), read_maps(new), found, lambda *how: told.append(how))

    differences = dict(found.sorted())
    assert (found.read, found.different, told) == (3, 3, [(3, 3)])
    (name,) = differences
    assert name == ("person.preferred_name", "as sent", "as sent, another")
    assert set(differences[name].examples) == references
    assert await everything(gateway) == before


async def everything(gateway: Running) -> list[tuple[object, ...]]:
    async with gateway.store.reading() as connection:
        return [tuple(row) for row in await connection.execute(referral.select().order_by(referral.c.id))]
