"""An EPR's dialect, end to end: registered, spoken, traced, and spoken again when a referral is amended."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.app import Json, Running, start, task_in
from tests.maps.conftest import TIDEWATER, change, read, run

from gateway.demo.parties import demo_parties
from gateway.dialects import translator_for
from gateway.parties import PartiesError, read_parties, register
from gateway.settings import settings
from gateway.store.schema import unmapped_code
from gateway.workbench.trial import with_dialect
from mappings.check import read_dialect
from mappings.systems import SNOMED
from mappings.translate import PACKAGED
from mappings.translator import STANDARD

SOUTHHOLME, LINK_HUB = "demo-epr-2", "demo-platform-2"


def own_codes() -> Json:
    return read(TIDEWATER / "own-codes" / "request.json")


async def send(gateway: Running, bundle: Json, client: str = SOUTHHOLME) -> Json:
    answer = await gateway.call(client, "POST", "/FHIR/R4", bundle)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def seen(gateway: Running, task: Json, client: str = LINK_HUB) -> Json:
    answer = await gateway.call(client, "GET", f"/platform/v1/referrals/{task['id']}")
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def traced(gateway: Running, task: Json, client: str = LINK_HUB) -> dict[str, Json]:
    answer = await gateway.call(client, "GET", f"/platform/v1/referrals/{task['id']}/trace")
    return {row["target"]: row for row in answer.json()["fields"]}


async def test_what_a_dialect_says_is_understood(gateway: Running) -> None:
    task = task_in(await send(gateway, own_codes()))

    found = await seen(gateway, task)

    assert found["referral"] == read(TIDEWATER / "own-codes" / "referral.json")
    assert not [text for text in found["warnings"] if "no map here knows" in text]


async def test_the_trace_names_the_dialect_its_version_and_its_notes(gateway: Running) -> None:
    task = task_in(await send(gateway, own_codes()))

    fields = await traced(gateway, task)

    assert (fields["urgency"]["row"], fields["urgency"]["map"]) == ("tidewater-urgency", "priority")
    assert fields["urgency"]["version"] == f"{STANDARD.versions['priority']}+tidewater.1.0.0"
    assert "Tidewater writes routine into ServiceRequest.priority" in fields["urgency"]["note"]
    assert fields["reasons[0].domain"]["version"] == f"{STANDARD.versions['referral-reason']}+tidewater.1.0.0"
    assert fields["referrer.phone"]["row"] == "tidewater-referrer-phone"
    assert fields["person.nhs_number_status"]["version"] == STANDARD.versions["nhs-number-status"]


async def test_another_organisation_does_not_speak_it(gateway: Running) -> None:
    task = task_in(await send(gateway, own_codes(), "demo-epr"))

    found = await seen(gateway, task, "demo-platform")

    assert found["referral"]["urgency"] == "routine"
    assert [one.get("domain") for one in found["referral"]["reasons"]] == [None, None]
    assert len([text for text in found["warnings"] if "no map here knows" in text]) == 2


async def test_unknown_codes_of_a_dialect_stay_flagged_and_counted(gateway: Running) -> None:
    task = task_in(await send(gateway, read(TIDEWATER / "unknown-code" / "request.json")))

    found = await seen(gateway, task)

    assert found["referral"]["reasons"][0]["label"] == "Cannot manage the garden any more"
    assert len([text for text in found["warnings"] if "no map here knows" in text]) == 2
    async with gateway.store.reading() as connection:
        counted = (await connection.execute(unmapped_code.select().order_by(unmapped_code.c.code))).all()
    assert [(row.organisation, row.code) for row in counted] == [("XSH01", "9"), ("XSH01", "GARDEN")]


async def test_an_amended_referral_is_translated_by_the_same_dialect(gateway: Running) -> None:
    task = task_in(await send(gateway, own_codes()))
    request = (await gateway.call(SOUTHHOLME, "GET", f"/FHIR/R4/{task['focus']['reference']}")).json()
    request["extension"][0]["valueCoding"] = {"system": "https://tidewater.example/codes/urgency", "code": "1"}
    request["reasonCode"] = [{"coding": [{"system": "https://tidewater.example/codes/need", "code": "ROOF"}]}]

    put = await gateway.call(SOUTHHOLME, "PUT", f"/FHIR/R4/ServiceRequest/{request['id']}", request)

    assert put.status_code == 200, put.text
    found = await seen(gateway, task)
    assert (found["referral"]["urgency"], found["referral"]["reasons"][0]["domain"]) == ("urgent", "housing")
    assert (await traced(gateway, task))["urgency"]["row"] == "tidewater-urgency"


async def test_a_dialect_of_ones_own_needs_no_fork(database_url: str, tmp_path: Path) -> None:
    own = tmp_path / "dialects"
    own.mkdir()
    content = read(TIDEWATER.with_name("tidewater.json"))
    content["version"] = "2.0.0"
    content["codes"][0]["element"][0]["target"][0] |= {"code": "housing", "display": "Housing"}
    (own / "tidewater.json").write_text(json.dumps(content))
    running = await start(database_url, tmp_path, dialects_folder=own)

    task = task_in(await send(running, own_codes()))

    assert (await seen(running, task))["referral"]["reasons"][0]["domain"] == "housing"
    assert (await traced(running, task))["urgency"]["version"].endswith("+tidewater.2.0.0")
    await running.stop()


async def test_a_dialect_that_has_gone_stops_its_referrals_and_loses_none(gateway: Running, tmp_path: Path) -> None:
    await register(gateway.store, with_dialect(demo_parties(tmp_path / "keys"), "XSH01", "estuary"))

    answer = await gateway.call(SOUTHHOLME, "POST", "/FHIR/R4", own_codes())

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "The maps for your record system cannot be read" in answer.text
    assert (await gateway.call("demo-epr", "POST", "/FHIR/R4", own_codes())).status_code == 200


def parties(**organisation_: Any) -> Json:
    return {"organisations": [{"ods_code": "XSH01", "name": "Southholme"} | organisation_], "hubs": [], "clients": []}


def test_registering_an_unknown_dialect_is_refused() -> None:
    assert read_parties(parties(dialect="tidewater"), "file").organisations[0].dialect == "tidewater"
    with pytest.raises(
        PartiesError, match=r"organisations\[0\].dialect: there is no dialect estuary; known here: tidew"
    ):
        read_parties(parties(dialect="estuary"), "file")


def test_registering_a_dialect_that_cannot_be_read_is_refused_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "dialects"
    own.mkdir()
    (own / "estuary.json").write_text(TIDEWATER.with_name("tidewater.json").read_text().replace("tidewater", "estuary"))
    line = change(
        own / "estuary.json",
        "\"ServiceRequest.extension('https://estuary.example/fhir/StructureDefinition/urgency')",
        '"ServiceRequest..x',
    )
    monkeypatch.setenv("GATEWAY_DIALECTS_FOLDER", str(own))
    settings.cache_clear()

    with pytest.raises(
        PartiesError, match=rf"dialect: estuary.json, line {line - 2}: row estuary-urgency cannot be read"
    ):
        read_parties(parties(dialect="estuary"), "file")


@pytest.mark.parametrize(
    "case", [one for file in sorted(TIDEWATER.parent.glob("*.examples")) for one in sorted(file.iterdir())], ids=str
)
def test_each_example_of_a_dialect(case: Path) -> None:
    """`gateway maps check` runs them, too; here each by its name."""
    ran = run("try", "--json", "--dialect", case.parent.name.removesuffix(".examples"), case / "request.json")

    assert json.loads(ran.out)[0]["referrals"][0]["referral"] == read(case / "referral.json")


def test_a_dialect_may_say_that_a_standard_code_means_something_else_or_nothing(tmp_path: Path) -> None:
    housing = {"code": "housing", "display": "Housing", "equivalence": "relatedto"}
    element = [
        {"code": "267076002", "display": "Feeling lonely", "target": [{"equivalence": "unmatched", "comment": "Ask."}]},
        {"code": "105529008", "display": "Lives alone", "target": [housing]},
    ]
    document = {"name": "estuary", "version": "1.0.0", "title": "Estuary"}
    codes = [{"map": "referral-reason", "source": SNOMED, "element": element}]
    (tmp_path / "estuary.json").write_text(json.dumps(document | {"codes": codes}))

    spoken = read_dialect(tmp_path / "estuary.json", PACKAGED).extended(PACKAGED.code_map("referral-reason"), PACKAGED)

    assert spoken.translate("267076002", SNOMED) is None
    alone, debt = spoken.translate("105529008", SNOMED), spoken.translate("81877007", SNOMED)
    assert alone is not None
    assert debt is not None
    assert (alone.code, debt.code) == ("housing", "housing")
    assert spoken.version == "1.0.0+estuary.1.0.0"


def test_a_dialect_leaves_the_standard_maps_as_they_are() -> None:
    translator_for(PACKAGED, None, "tidewater")

    assert PACKAGED.code_map("referral-reason").translate("LONELY", "https://tidewater.example/codes/need") is None
    assert "tidewater-urgency" not in STANDARD.documents
