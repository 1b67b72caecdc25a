"""gateway maps try: a file, translated as the gateway would, explained, and not stored."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.maps.conftest import EXAMPLES, TIDEWATER, read, run

DEBT = EXAMPLES / "wellbeing-and-debt" / "request.json"
HL7 = EXAMPLES.parent / "hl7v2" / "examples" / "referred" / "message.hl7"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("case", sorted(one.name for one in EXAMPLES.iterdir() if one.is_dir()))
def test_each_example_reads_as_its_referral(case: str, here: Path) -> None:
    ran = run("try", "--json", EXAMPLES / case / "request.json")

    told = json.loads(ran.out)[0]
    assert (ran.code, told["refused"]) == (0, False)
    made, expected = told["referrals"][0]["referral"], read(EXAMPLES / case / "referral.json")
    # What a reference names is told by the address that the gateway gave.
    made.pop("shared_documents", None), expected.pop("shared_documents", None)
    assert made == expected
    assert list(here.iterdir()) == []


def test_the_trace_tells_field_value_source_row_map_and_version(here: Path) -> None:
    ran = run("try", DEBT)

    assert ran.code == 0
    assert f"{DEBT}: accepted, 1 referral" in ran.out.replace("\n", "")
    (row,) = [line.split() for line in ran.out.splitlines() if line.startswith("reasons[0].domain")]
    assert row[1:] == [
        "mental-health-and-wellbeing",
        "ServiceRequest.reasonCode[0]",
        "reason-domain",
        "referral-reason",
        "1.0.0",
    ]
    assert "warning: " in ran.out


def test_codes_that_no_map_knows_and_findings_are_told() -> None:
    ran = run("try", "--dialect", "tidewater", TIDEWATER / "unknown-code")

    assert "unknown code: ServiceRequest.reasonCode[0] https://tidewater.example/codes/need|GARDEN" in ran.out
    assert "has a code that no map here knows" in ran.out


def test_a_dialect_counts_only_when_it_is_asked_for() -> None:
    case = TIDEWATER / "own-codes" / "request.json"
    spoken, plain = (
        json.loads(run("try", "--json", case, *options).out)[0]["referrals"][0]
        for options in (("--dialect", "tidewater"), ())
    )

    assert spoken["referral"] == read(TIDEWATER / "own-codes" / "referral.json")
    assert [one["code"] for one in plain["unknown"]] == ["LONELY", "MONEY"]
    assert "domain" not in plain["referral"]["reasons"][0]
    team = next(row for row in spoken["trace"] if row["target"] == "referrer.team")
    assert (team["row"], team["version"]) == ("tidewater-team", "1.4.0+tidewater.1.0.0")
    domain = next(row for row in spoken["trace"] if row["target"] == "reasons[0].domain")
    assert (domain["map"], domain["version"]) == ("referral-reason", "1.0.0+tidewater.1.0.0")
    assert spoken["maps"]["tidewater.dialect"] == "1.0.0"


def test_what_the_profile_refuses_is_told_with_its_trace(here: Path) -> None:
    bundle = read(DEBT)
    request = next(one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == "ServiceRequest")
    del request["reasonCode"]
    (here / "none.json").write_text(json.dumps(bundle))

    ran = run("try", "none.json")

    assert ran.code == 1
    assert "none.json: refused, and would have read as follows" in ran.out
    assert "person.family_name" in ran.out
    assert "  error: " in ran.out


def test_what_is_no_valid_fhir_is_told(here: Path) -> None:
    bundle = read(DEBT)
    bundle["entry"][0]["resource"]["gender"] = "F"
    (here / "bad.json").write_text(json.dumps(bundle))

    ran = run("try", "--json", "bad.json")

    assert ran.code == 1
    (told,) = json.loads(ran.out)
    assert (told["refused"], told["referrals"]) == (True, [])
    assert told["findings"][0]["expression"] == "Bundle.entry[0].resource.gender"


def test_an_hl7_v2_message_is_tried_too() -> None:
    (told,) = json.loads(run("try", "--json", HL7).out)

    assert told["referrals"][0]["referral"]["route"] == "epr-hl7v2"
    refused = run("try", HL7.parent.parent / "admitted" / "message.hl7")
    assert (refused.code, "only REF^I12 brings a referral" in refused.out) == (1, True)


def test_single_resources_go_together(here: Path) -> None:
    entries = read(EXAMPLES / "least" / "request.json")["entry"]
    names = {one["fullUrl"]: f"{one['resource']['resourceType']}/{one['fullUrl'][9:]}" for one in entries}
    files = []
    for entry in entries:
        text = json.dumps(entry["resource"] | {"id": entry["fullUrl"][9:]})
        for url, name in names.items():
            text = text.replace(f'"reference": "{url}"', f'"reference": "{name}"')
        files.append(here / f"{entry['resource']['resourceType']}.json")
        files[-1].write_text(text)

    (told,) = json.loads(run("try", "--json", *files).out)

    assert told["refused"] is False, told["findings"]
    assert told["referrals"][0]["referral"] == read(EXAMPLES / "least" / "referral.json")


PARTIES: dict[str, list[Any]] = {
    "organisations": [
        {"ods_code": "XND01", "name": "Northdale", "default_hub_id": "hub", "rules": {"consent": "error"}},
        {"ods_code": "XSH01", "name": "Southholme", "default_hub_id": "hub", "dialect": "tidewater"},
    ],
    "hubs": [{"id": "hub", "name": "The hub"}],
    "clients": [],
}


def test_a_registered_organisation_is_tried_by_its_own_dialect(here: Path) -> None:
    (here / "parties.json").write_text(json.dumps(PARTIES | {"organisations": PARTIES["organisations"][1:]}))

    ran = run("try", "--json", "--parties", "parties.json", "--organisation", "XSH01", TIDEWATER / "own-codes")

    assert json.loads(ran.out)[0]["referrals"][0]["referral"]["urgency"] == "soon"
    assert run("try", "--parties", "parties.json", "--organisation", "XXX", DEBT).code == 2
    assert run("try", "--organisation", "XSH01", DEBT).code == 2


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("absent.json", None, "there is no such file"),
        ("rubbish.json", b"{]", "expected FHIR JSON or an HL7 v2 message"),
        ("empty.json", b"", "expected FHIR JSON or an HL7 v2 message"),
        ("binary.json", b"\x89PNG\x00\x00", "binary; expected FHIR JSON"),
        ("other.json", b'{"a": 1}', "JSON with a resourceType"),
        ("list.json", b"[]", "expected FHIR"),
        ("huge.json", b" " * 5_000_001, "5,000,001 bytes; the gateway takes 5,000,000 at most"),
        ("deep.json", b'{"a":' * 100_000, "expected FHIR JSON or an HL7 v2 message"),
    ],
)
def test_files_that_nobody_would_send(here: Path, name: str, content: bytes | None, told: str) -> None:
    if content is not None:
        (here / name).write_bytes(content)

    ran = run("try", name)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"{name}: "), ran.err
    assert told in ran.err


def test_a_folder_without_files_and_a_dialect_that_is_not_there(here: Path) -> None:
    (here / "empty").mkdir()

    assert "expected a folder with files that end in .json or .hl7" in run("try", "empty").err
    ran = run("try", "--dialect", "estuary", DEBT)
    assert (ran.code, ran.err) == (2, "there is no dialect estuary; known here: tidewater\n")


def test_decimals_of_single_resources_stay_as_they_are(here: Path) -> None:
    quantity = '{"value": 7.10, "unit": "score"}'
    (here / "measure.json").write_text(
        f'{{"resourceType": "Observation", "status": "final", "code": {{"text": "x"}}, "valueQuantity": {quantity}}}'
    )

    assert run("try", "measure.json").out == "measure.json: accepted, without a referral in it\n"
