"""gateway maps check: each kind of defect is told with its file and its line."""

import json
from pathlib import Path

import pytest
from tests.maps.conftest import change, read, run

from gateway.settings import settings
from mappings.check.r4 import check_path

FIELDS, REASONS, PRIORITY = "referral.fields.json", "referral-reason.ConceptMap.json", "priority.ConceptMap.json"
TIDEWATER = "dialects/tidewater.json"

UNREADABLE = [  # file, what stands there, what is written instead, what is told
    (PRIORITY, '"element": [', '"element": ', "expected property name enclosed in double quotes"),
    (PRIORITY, '"code": "stat", "display": "STAT"', '"code" "stat", "display": "STAT"', "expected ':' delimiter"),
    (PRIORITY, '"code": "stat", "display"', '"code": "stat", "code": "s", "display"', "'code' stands twice"),
    (PRIORITY, '"code": "stat", "display"', '"kode": "stat", "display"', "element[3].code: expected, and missing"),
    (PRIORITY, '"code": "stat", "display"', '"code": 7, "display"', "element[3].code: expected a valid string"),
    (PRIORITY, '"equivalence": "narrower"', '"equivalence": "smaller"', "expected 'relatedto', 'equivalent'"),
    (PRIORITY, '"code": "stat", "display"', '"code": "stat", "show": "x", "display"', "element[3].show: is not known"),
    (FIELDS, '"source": ["Patient.gender"]', '"source": []', "source: List should have at least 1 item"),
    (FIELDS, '"Patient.gender"', '"Patient.gender | Patient.sex"', "row person-gender cannot be read: FHIRPath holds"),
    (
        FIELDS,
        '"Patient.gender"',
        '"Patient.gender.lower()"',
        "row person-gender cannot be read: FHIRPath does not know",
    ),
    (FIELDS, '"convert": "nhs-number-status"', '"convert": "status"', "converts by status: expected a ConceptMap"),
    (TIDEWATER, '"before": "urgency", ', "", "rows[0]: a dialect's row says `before` or `replaces`"),
    (TIDEWATER, '"version": "1.0.0"', '"version": "one"', "version: expected to match pattern"),
    (TIDEWATER, '"map": "priority"', '"map": "prority"', "map: expected one of"),
    (
        TIDEWATER,
        '"replaces": "referrer-phone", "target": "referrer.phone"',
        '"before": "person-emails", "target": "person.emails", "take": "all"',
        "fills person.emails, which says where somebody is",
    ),
    (TIDEWATER, '"map": "priority"', '"map": "nhs-number-status"', "nhs-number-status is the same for every sender"),
    (
        TIDEWATER,
        '"target": "referrer.phone"',
        '"target": "person.nhs_number"',
        "person.nhs_number is the same for every",
    ),
    (
        TIDEWATER,
        "PractitionerRole.telecom.where(system = 'phone' and",
        "PractitionerRole.telecom.where((system = 'phone' and",
        "cannot be",
    ),
]


@pytest.mark.parametrize(("name", "old", "new", "told"), UNREADABLE)
def test_what_cannot_be_read_ends_it_with_file_and_line(folder: Path, name: str, old: str, new: str, told: str) -> None:
    line = change(folder / name, old, new)

    ran = run("check", "--maps", folder)

    assert ran.code == 2
    lines = [text for text in ran.err.splitlines() if text.startswith(f"{Path(name).name}, line ")]
    assert lines, ran.err
    assert told in lines[0]
    at = int(lines[0].split("line ")[1].split(":")[0])
    # The object that is at fault begins in this line, or in one of those before it: rows are written in several.
    assert line - 3 <= at <= line + 2


GAPS = [
    (
        FIELDS,
        '"target": "person.emails", "take": "all", "unless": "person.sensitive"',
        '"target": "person.emails", "take": "all"',
        'fills person.emails, which says where somebody is: expected "unless": "person.sensitive".',
    ),
    (REASONS, '"code": "105529008", "display": "Lives alone"', '"code": "105529008"', "105529008 has no display."),
    (REASONS, '"code": "105529008"', '"code": "267076002"', "267076002 stands there twice; only one of them can"),
    (
        REASONS,
        '"code": "81877007", "display": "Housing problems", "target": [{"code": "housing"',
        '"code": "81877007", "display": "Housing problems", "target": [{"code": "hosing"',
        "hosing with the words 'Housing' is not in referral-reason.CodeSystem.",
    ),
    (
        PRIORITY,
        '"code": "asap"',
        '"code": "at-once"',
        "at-once is never sent: FHIR R4 has no such code in http://hl7.org",
    ),
    (
        "business-status.ConceptMap.json",
        '{"code": "draft", "display": "Draft", "target"',
        '{"code": "daft", "display": "Draft", "target"',
        "daft with the words 'Draft' is not in referral-status.CodeSystem.",
    ),
    (
        "task-status.ConceptMap.json",
        '{"code": "draft", "display": "Draft", "equivalence"',
        '{"code": "daft", "display": "Draft", "equivalence"',
        "daft is no target: FHIR R4 has no such code in http://hl7.org/fhir/task-status.",
    ),
    (
        REASONS,
        '"code": "32911000", "display": "Homeless", "target": [',
        '"code": "32911000", "display": "Homeless", "target": ['
        '{"code": "social-interaction", "display": "Social interaction", "equivalence": "wider"}, ',
        "32911000 has several targets; only the first is ever used.",
    ),
    ("closure-reason.CodeSystem.json", '"display": "Goals met"', '"display": ""', "goals-met has no display."),
    (FIELDS, '"Patient.birthDate"', '"Patient.brithDate"', "never finds anything at Patient.brithDate: Patient has no"),
    (
        FIELDS,
        '"source": ["use"]',
        '"source": ["usage"]',
        "row phone-use never finds anything at usage: ContactPoint has",
    ),
    (FIELDS, '"source": ["%route"]', '"source": ["%door"]', "row route never finds anything at %door: an expression"),
    (
        FIELDS,
        '"target": "person.gender"',
        '"target": "person.sex"',
        "fills person.sex, which the referral does not have",
    ),
    (
        FIELDS,
        '"id": "person-deceased", "target": "person.deceased"',
        '"id": "person-gender", "target": "person.deceased"',
        "person-gender stands there twice",
    ),
    (
        FIELDS,
        '"ServiceRequest.note.text"',
        '"ServiceRequest.patientInstruction"',
        "row presenting-text-instruction is never reached: rows above it always decide presenting_text first.",
    ),
    (
        TIDEWATER,
        '"before": "urgency"',
        '"before": "hurry"',
        "row tidewater-urgency names hurry: expected the id of a row",
    ),
    (
        TIDEWATER,
        '"before": "referrer-team"',
        '"before": "referrer-role"',
        "fills referrer.team: expected referrer.role",
    ),
    (TIDEWATER, '"code": "MONEY"', '"code": "LONELY"', "LONELY stands there twice"),
    (
        TIDEWATER,
        '"map": "priority"',
        '"map": "risk-type"',
        "map: expected one of ethnic-category, priority, referral-reason",
    ),
    (
        TIDEWATER,
        '"code": "soon", "display": "Soon"',
        '"code": "later", "display": "Later"',
        "later with the words 'Later'",
    ),
    (TIDEWATER, '"name": "tidewater"', '"name": "tidy"', "name: expected tidewater, as the file is called."),
]


@pytest.mark.parametrize(("name", "old", "new", "told"), GAPS)
def test_each_gap_is_told_with_file_and_line(folder: Path, name: str, old: str, new: str, told: str) -> None:
    line = change(folder / name, old, new)

    ran = run("check", "--maps", folder)

    assert ran.code == 1, ran.err
    found = [text for text in ran.err.splitlines() if told in text]
    assert found, ran.err
    at = int(found[0].split("line ")[1].split(":")[0])
    assert found[0].startswith(f"{Path(name).name}, line ")
    assert name.startswith("dialects") or name == FIELDS or at == line
    assert line - 3 <= at <= line + (told.startswith("row presenting") * 8)


def test_a_map_that_no_row_converts_by_is_told(folder: Path) -> None:
    (folder / "spare.ConceptMap.json").write_text((folder / PRIORITY).read_text("utf-8"))

    assert (
        "spare.ConceptMap.json: no row of referral.fields.json converts by this map."
        in run("check", "--maps", folder).err
    )


def test_a_map_that_the_gateway_reads_is_missed(folder: Path) -> None:
    (folder / "task-status.ConceptMap.json").unlink()
    (folder / "closure-reason.CodeSystem.json").unlink()

    ran = run("check", "--maps", folder)

    assert ran.code == 1
    assert "task-status.ConceptMap.json: expected, and missing: the gateway reads it." in ran.err
    assert "closure-reason.CodeSystem.json: expected, and missing: the gateway reads it." in ran.err


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\x00\xff\xfe\x80", "expected JSON in UTF-8; this is not text."),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "expected a JSON object"),
        (b" " * 5_000_001, "expected at most 5,000,000 bytes"),
    ],
)
def test_rubbish_in_a_folder_of_maps(folder: Path, content: bytes, told: str) -> None:
    (folder / PRIORITY).write_bytes(content)

    ran = run("check", "--maps", folder)

    assert (ran.code, told in ran.err) == (2, True), ran.err


def test_a_folder_that_holds_no_maps(tmp_path: Path) -> None:
    ran = run("check", "--maps", tmp_path)

    assert ran.code == 2
    assert "expected a folder of maps" in ran.err


@pytest.mark.parametrize("command", ["check", "render", "unmapped"])
def test_a_folder_of_dialects_that_is_none(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "tidewater.json"
    file.write_text("{}")
    for given in (tmp_path / "dialects", file):
        monkeypatch.setenv("GATEWAY_DIALECTS_FOLDER", str(given))
        settings.cache_clear()
        ran = run(command)
        assert ran.code == 2
        assert f"{given}: expected a folder of dialects" in ran.err


def test_an_example_that_reads_otherwise_is_told_by_field(folder: Path) -> None:
    change(folder / TIDEWATER, '"code": "soon", "display": "Soon"', '"code": "urgent", "display": "Urgent"')

    ran = run("check", "--maps", folder)

    assert ran.code == 1
    assert ran.err == "tidewater.examples/own-codes: urgency: expected 'soon', but it becomes 'urgent'.\n"


def test_an_example_that_is_refused_or_missing_is_told(folder: Path) -> None:
    case = folder / "dialects/tidewater.examples/own-codes"
    request = read(case / "request.json")
    del request["entry"][5]["resource"]["reasonCode"]
    (case / "request.json").write_text(json.dumps(request))
    (folder / "dialects/tidewater.examples/unknown-code/referral.json").unlink()

    ran = run("check", "--maps", folder)

    assert ran.code == 1
    assert "tidewater.examples/own-codes: the gateway refuses it: " in ran.err
    assert "tidewater.examples/unknown-code: expected request.json and referral.json" in ran.err


def test_a_dialect_without_examples_is_told(folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    dialect = read(folder / TIDEWATER) | {"name": "estuary"}
    (own / "estuary.json").write_text(json.dumps(dialect))

    ran = run("check", "--dialects", own)

    assert ran.code == 1
    assert "estuary.examples: expected at least one example, in a folder of its own" in ran.err


def test_the_maps_that_come_along_are_whole() -> None:
    assert run("check") == (type(run("check")))(0, "", "")


@pytest.mark.parametrize(
    ("expression", "context", "problem"),
    [
        ("Patient.name.where(yuse = 'official').family", None, "HumanName has no element yuse"),
        ("Patient.deceased.ofType(string)", None, "string is no type that may stand there"),
        ("Patient.extension('urn:a').value.code", None, None),
        ("Basic.code", None, "Basic is no resource that is taken here"),
        ("use.exists().not()", frozenset({"HumanName"}), None),
        ("Patient.where(name.exists() and name.use = 'old').contact.rank", None, "Patient.contact has no element rank"),
        ("%supporting.ofType(Flag).kode", None, "Flag has no element kode"),
        ("%form.item.anything", None, None),
    ],
)
def test_elements_that_r4_does_not_have(expression: str, context: frozenset[str] | None, problem: str | None) -> None:
    assert check_path(expression, context)[1] == problem
