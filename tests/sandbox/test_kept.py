"""What stays and what goes: reset, restart, and what a sandbox does not touch."""

import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.sandbox.engineer import NOTHING, Engineer, running, wait_for

from gateway.sandbox import tenants
from gateway.sandbox.app import build_sandbox
from gateway.sandbox.tenant import NotOurs, TenantSettings

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
        ann.sandbox = second
        ann.told["base_url"] = f"{second.url}/t/{ann.tenant}"  # another port
        ann.tokens.clear()
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
        ann.sandbox, ann.told["base_url"] = second, f"{second.url}/t/{ann.tenant}"
        ann.tokens.clear()
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


def test_it_does_not_start_on_a_database_of_something_else(tmp_path: Path, sqlite_template: Path) -> None:
    folder = tmp_path / "tenants"
    with running(folder) as first:
        tenant = folder / first.join().tenant
    shutil.copy(sqlite_template, tenant / "gateway.db")  # a gateway's own
    with pytest.raises(NotOurs, match="no database of a sandbox"):
        build_sandbox(folder, OWN, OWN)
    (tenant / "gateway.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(NotOurs, match="no database of a sandbox"):
        build_sandbox(folder, OWN, OWN)
    (tenant / "gateway.db").unlink()
    (tenant / "tenant.json").write_text("{}")
    with pytest.raises(NotOurs, match="cannot be read"):
        build_sandbox(folder, OWN, OWN)


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
        assert tenant.app is not None
        wait_for(lambda: tenant.app is None)
        ann.advance("P1D")  # asleep or not
        assert ann.refer(NOTHING)


def test_what_was_due_while_it_slept_goes_out_when_it_wakes(tmp_path: Path) -> None:
    with running(tmp_path / "tenants") as first:
        ann = first.join()
        task = ann.refer("9990100063")
        wait_for(lambda: ann.deliveries(task)[0]["attempts"])
    with running(tmp_path / "tenants") as second:
        ann.sandbox, ann.told["base_url"] = second, f"{second.url}/t/{ann.tenant}"
        ann.tokens.clear()
        wait_for(lambda: len(ann.deliveries(task)[0]["attempts"]) > 1)
        assert {one["status"] for one in ann.deliveries(task)[0]["attempts"]} == {422}  # by the receiver, at once
