"""What stays and what goes: reset, restart, and what a sandbox does not touch."""

import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.sandbox.engineer import NOTHING, Engineer, running, wait_for

from gateway.sandbox import tenants
from gateway.sandbox.app import build_sandbox
from gateway.sandbox.database import NotOurs
from gateway.sandbox.tenant import TenantSettings

OWN = "http://127.0.0.1:1"


def test_a_reset_forgets_what_was_sent_and_keeps_who_one_is(own: Engineer) -> None:
    task = own.refer(NOTHING)
    own.advance("P3D")
    wait_for(own.pushes)
    ahead = own.control("GET").json()["now"]
    answer = own.control("POST", "reset")
    assert answer.status_code == 200
    assert answer.json()["now"] < ahead
    assert own.call("sandbox-epr", "GET", f"/FHIR/R4/Task/{task['id']}").status_code == 404  # the token is still good
    assert own.pushes() == []
    assert own.refer(NOTHING)["id"] != task["id"]


def test_after_a_restart_all_is_as_before(tmp_path: Path) -> None:
    folder = tmp_path / "tenants"
    with running(folder) as first:
        ann = first.join()
        task = ann.refer(NOTHING)
        ann.advance("P3D")
        before = ann.control("GET").json()["now"]
    with running(folder) as second:
        ann.at(second)
        assert ann.control("GET").json()["now"] > before
        assert ann.status_of(task) == "submitted"
        assert ann.trigger("accepted", task["id"])["refused"] is None
        wait_for(lambda: [one["state"] for one in ann.deliveries(task)] == ["delivered"] * 3)


def test_any_number_may_join_and_wake_at_the_same_moment(tmp_path: Path) -> None:
    with running(tmp_path / "tenants") as first, ThreadPoolExecutor(6) as at_once:
        joined = list(at_once.map(lambda number: first.join(f"Ann {number}"), range(6)))
    with running(tmp_path / "tenants") as second, ThreadPoolExecutor(6) as at_once:
        bases = [f"{second.url}/t/{one.tenant}/FHIR/R4/metadata" for one in joined]
        assert [one.status_code for one in at_once.map(second.http.get, bases)] == [200] * 6


def test_a_played_step_is_not_played_again_after_a_restart(tmp_path: Path) -> None:
    with running(tmp_path / "tenants") as first:
        ann = first.join()
        task = ann.refer("9990100039")
        ann.advance("PT10S")
        assert ann.status_of(task) == "contacting"
    with running(tmp_path / "tenants") as second:
        ann.at(second)
        ann.advance("PT1H")
        assert len(ann.referral(task)["contacts"]) == 1
        ann.advance("P5D")
        assert len(ann.referral(task)["contacts"]) == 3
        assert ann.status_of(task) == "closed-unable-to-contact"


def test_it_does_not_start_in_a_folder_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "gateway.db").write_bytes(b"somebody's")
    with pytest.raises(NotOurs, match="not empty"):
        build_sandbox(tmp_path, OWN, OWN)
    assert [one.name for one in tmp_path.iterdir()] == ["gateway.db"]


def _as_it_stands(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {one.name: (one.read_bytes(), one.stat().st_mtime_ns) for one in folder.iterdir()}


def test_a_tenant_that_is_not_as_it_was_left_is_left_alone_and_the_others_run(
    tmp_path: Path, sqlite_template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "tenants"
    with running(folder) as first:
        foreign, broken, unread, moved, well = [folder / first.join().tenant for _ in range(5)]
    shutil.copy(sqlite_template, foreign / "gateway.db")  # a gateway's own
    (broken / "gateway.db").write_bytes(b"no database at all" * 100)
    (unread / "tenant.json").write_text("{}")
    moved = moved.rename(folder / "aaaaaaaaaaaa")
    left_alone = [foreign, broken, unread, moved]
    before = [_as_it_stands(one) for one in left_alone]
    capsys.readouterr()
    with running(folder) as second:
        asked = {one.name: second.http.get(f"/t/{one.name}/FHIR/R4/metadata").status_code for one in folder.glob("*/")}
    assert asked == {one.name: 404 for one in left_alone} | {well.name: 200}
    assert [_as_it_stands(one) for one in left_alone] == before
    told = [line for line in capsys.readouterr().out.splitlines() if "left out" in line]
    assert len(told) == len(left_alone)
    assert all(any(str(one) in line for line in told) for one in left_alone)


@pytest.mark.parametrize("left", ["empty", "gone"])
def test_a_database_that_was_cut_short_is_made_anew(tmp_path: Path, left: str) -> None:
    with running(tmp_path / "tenants") as first:
        ann = first.join()
        ann.advance("P3D")
    database = tmp_path / "tenants" / ann.tenant / "gateway.db"
    database.with_name("gateway.db-wal").write_bytes(b"of another one")
    if left == "empty":
        database.write_bytes(b"")
    else:
        database.unlink()
    with running(tmp_path / "tenants") as second:
        ann.at(second)
        assert ann.call("sandbox-epr", "POST", "/FHIR/R4", ann.bundle("9990100071")).status_code == 409  # from before
        assert ann.control("GET").json()["now"][:10] == datetime.now(UTC).date().isoformat()


def test_the_environment_has_no_say_in_a_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_DATABASE_URL", "postgresql+asyncpg://somebody@example/else")
    monkeypatch.setenv("GATEWAY_ALERT_WEBHOOK_URL", "https://alerts.example/x")
    monkeypatch.setenv("GATEWAY_SMTP_URL", "smtp://mail.example")
    settings = TenantSettings(database_url="sqlite+aiosqlite:///x.db")
    assert settings.database_url == "sqlite+aiosqlite:///x.db"
    assert settings.alert_webhook_url is None
    assert settings.smtp_url is None


def test_a_tenants_files_are_its_owners_alone(own: Engineer) -> None:
    folder = own.sandbox.tenants.folder / own.tenant
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "tenant.json").stat().st_mode & 0o077 == 0
    text = (folder / "tenant.json").read_text()
    assert own.told["control_token"] not in text
    assert all(key["d"] not in text for key in own.keys.values())
    with sqlite3.connect(folder / "gateway.db") as database:
        assert database.execute("PRAGMA application_id").fetchone() == (0x53505342,)
    database.close()


def test_a_tenant_that_nobody_uses_sleeps_and_wakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenants, "TIDY", 0.05)
    monkeypatch.setattr(tenants, "SLEEPS_AFTER", 0.5)
    with running(tmp_path / "tenants") as served:
        ann = served.join()
        task = ann.refer(NOTHING)
        tenant = served.tenants.find(ann.tenant)
        wait_for(lambda: tenant.app is None)
        assert ann.status_of(task) == "submitted"
        wait_for(lambda: tenant.app is None)
        ann.advance("P1D")  # asleep or not
        assert ann.refer(NOTHING)


def test_what_was_due_while_it_slept_goes_out_when_it_wakes(tmp_path: Path) -> None:
    with running(tmp_path / "tenants") as first:
        ann = first.join()
        task = ann.refer("9990100063")
        wait_for(lambda: ann.deliveries(task)[0]["attempts"])
    with running(tmp_path / "tenants") as second:
        ann.at(second)
        wait_for(lambda: len(ann.deliveries(task)[0]["attempts"]) > 1)
        assert {one["status"] for one in ann.deliveries(task)[0]["attempts"]} == {422}  # by the receiver, at once
