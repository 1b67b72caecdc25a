"""gateway maps render: everything in the maps stands in the document, in words, and the document is well made."""

import csv
import io
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.maps.conftest import change, read, run

from gateway.workbench.table import as_csv
from gateway.workbench.wording import in_words
from mappings.translate import MAPS, PACKAGED
from mappings.translator import STANDARD, translator

VOID = {"meta", "link", "col", "br"}


class Page(HTMLParser):
    """The elements, links and tables of a page; fails on what is not nested well."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.text: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags[tag] += 1
        self.attributes.append((tag, given))
        self.ids += [str(given["id"])] if "id" in given else []
        self.links += [str(given["href"])] if tag == "a" else []
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


@pytest.fixture(scope="module")
def html() -> str:
    return run("render").out


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_it_needs_nothing_else_and_is_made_for_everybody(page: Page, html: str) -> None:
    assert html.startswith('<!DOCTYPE html>\n<html lang="en-GB">')
    assert [page.tags[tag] for tag in ("script", "link", "img")] == [0, 0, 0]
    assert not [given for _, given in page.attributes if "style" in given or "src" in given]
    assert (page.tags["h1"], page.tags["main"], page.tags["nav"]) == (1, 1, 1)
    assert [one for one, count in Counter(page.ids).items() if count > 1] == []
    assert [link for link in page.links if link.removeprefix("#") not in page.ids] == []
    assert page.tags["caption"] == page.tags["table"] > 40
    assert not [given for tag, given in page.attributes if tag == "th" and "scope" not in given]
    regions = [given for _, given in page.attributes if given.get("role") == "region"]
    assert len(regions) == page.tags["table"]
    assert not [one for one in regions if one.get("aria-labelledby") not in page.ids or one.get("tabindex") != "0"]


def test_each_code_stands_there_with_what_it_becomes_and_why(page: Page) -> None:
    lonely = next(row for row in page.rows if row[0] == "105529008")
    assert lonely[1:] == [
        "Lives alone", "Social interactionsocial-interaction", "Related in meaning",
        "A circumstance, not a need: the advisor asks.",
    ]  # fmt: skip
    shown = Counter(row[0] for row in page.rows)
    for name in PACKAGED.names("ConceptMap"):
        for group in PACKAGED.read(name, "ConceptMap")["group"]:
            for element in group["element"]:
                assert shown[element["code"]] > 0
    for name in PACKAGED.names("CodeSystem"):
        for concept in PACKAGED.read(name, "CodeSystem")["concept"]:
            assert shown[concept["code"]] > 0
    unmatched = next(row for row in page.rows if row[0] == "161152002")
    assert unmatched[2].startswith("Nothing: the sender")
    assert unmatched[3] == "Not translated"


def test_each_field_stands_there_in_words_and_as_fhirpath(page: Page) -> None:
    rows = {
        row[0].rpartition("row ")[2]: [" ".join(cell.split()) for cell in row] for row in page.rows if "row " in row[0]
    }

    assert set(rows) == {*STANDARD.documents, "tidewater-urgency", "tidewater-team", "tidewater-referrer-phone"}
    for id_, row in STANDARD.documents.items():
        assert rows[id_][4] == " ".join(row["note"].split())
        assert all(source in rows[id_][1] for source in row["source"])
        assert rows[id_][3] == ("Required" if row.get("required") else "If sent")
    assert rows["person-family-name"][1].startswith(
        "Patient → name (where use is official) → familyPatient.name.where("
    )
    assert rows["urgency"][2] == "Translated: priority. If nothing is sent: routine."
    assert rows["tidewater-urgency"][2].startswith("Tried before urgency.")
    assert rows["tidewater-referrer-phone"][2] == "Stands instead of referrer-phone."


def test_what_happens_to_unknown_codes_and_the_versions_are_said(page: Page) -> None:
    text = " ".join(" ".join(page.text).split())

    assert "What happens to a code that no map knows Nothing is guessed, and nothing is dropped" in text
    for name, version in STANDARD.versions.items():
        shown = [row[1] for row in page.rows if row[0] in (name, f"{name}.ConceptMap")]
        assert version in shown, name
    assert ["tidewater.dialect", "1.0.0", "Tidewater, an invented EPR"] in page.rows


def test_the_csv_has_a_row_for_each_row_of_each_map() -> None:
    table = list(csv.DictReader(io.StringIO(run("render", "--csv").out.removeprefix("\ufeff"))))

    lonely = next(row for row in table if row["row"] == "267076002")
    assert (lonely["map"], lonely["display"], lonely["to"]) == (
        "referral-reason.ConceptMap", "Feeling lonely", "social-interaction",
    )  # fmt: skip
    phone = next(row for row in table if row["row"] == "phone-value")
    assert (phone["from"], phone["to"], phone["required"]) == ("value", "person.phones.value", "yes")
    team = next(row for row in table if row["row"] == "tidewater-team")
    assert (team["map"], team["rule"]) == ("tidewater.dialect", "Tried before referrer-team")
    assert all(row["version"] for row in table)
    codes = sum(
        len(group["element"])
        for name in PACKAGED.names("ConceptMap")
        for group in PACKAGED.read(name, "ConceptMap")["group"]
    )
    concepts = sum(len(PACKAGED.read(name, "CodeSystem")["concept"]) for name in PACKAGED.names("CodeSystem"))
    assert len(table) == len(STANDARD.documents) + codes + concepts + 3 + 7


def test_no_cell_of_a_csv_is_a_formula() -> None:
    text = as_csv(["a", "b"], [["=1+1", "@SUM(A1)"], ["-2", "+3"], ["\tx", "plain = text"], ["x\r=1", "y\n=2"]])

    assert list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))[1:] == [
        ["'=1+1", "'@SUM(A1)"], ["'-2", "'+3"], ["'\tx", "plain = text"], ["x =1", "y =2"],
    ]  # fmt: skip


def test_what_an_analyst_writes_cannot_become_markup(folder: Path) -> None:
    change(folder / "priority.ConceptMap.json", "As soon as possible.", "<script>alert(1)</script>")

    html = run("render", "--maps", folder).out

    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_it_is_written_into_a_folder(tmp_path: Path, html: str) -> None:
    ran = run("render", tmp_path / "out" / "maps")

    assert ran.code == 0
    assert (tmp_path / "out" / "maps" / "maps.html").read_text("utf-8") == html
    assert (tmp_path / "out" / "maps" / "maps.csv").is_file()
    (tmp_path / "file").touch()
    assert run("render", tmp_path / "file").code == 2


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("%route", "The door it came through"),
        ("Patient.deceased.ofType(dateTime)", "Patient → deceased (date)"),
        (
            "Patient.identifier.where(system.matches(%nhsNumber).not())",
            "Patient → identifier (where system is not that of the NHS number)",
        ),
        (
            "Patient.extension('https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-NHSCommunication')"
            ".extension('interpreterRequired').value.ofType(boolean)",
            "Patient → extension “NHS communication” → extension “interpreter required” → value (yes or no)",
        ),
        ("Patient.name[1].given", "Patient → name, number 2 → given"),
        ("$this", "The item itself"),
    ],
)
def test_expressions_in_words(expression: str, words: str) -> None:
    assert in_words(expression) == words


def test_the_maps_of_another_folder_are_read_from_there(folder: Path) -> None:
    change(folder / "priority.ConceptMap.json", '"version": "1.0.0"', '"version": "9.9.9"')

    assert "priority.ConceptMap, version 9.9.9" in run("render", "--maps", folder).out
    from mappings.check import read_maps  # noqa: PLC0415 - only here

    assert translator(read_maps(folder)).versions["priority"] == "9.9.9"
    assert read(MAPS / "priority.ConceptMap.json")["version"] == STANDARD.versions["priority"]
