"""Writes docs/rest.md: which clauses of the FHIR R4 REST specification are served, and the tests that show it."""

import ast
import re
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

FILE = Path("docs/rest.md")
NAME = re.compile(r"test_r(\d\d)_")
HEAD = """\
# FHIR R4 REST, clause by clause

What hl7.org/fhir/R4 asks of a server, and where a test shows it. A clause that is not served is not declared in the
CapabilityStatement either. This page is written by `make rest-checklist`; a test belongs to a row by its name,
`test_rNN_...`, and runs on SQLite and on PostgreSQL.

| Row | Clause | What is done | Tests |
|---|---|---|---|
"""


class Row(NamedTuple):
    """`clause` is a page of hl7.org/fhir/R4; `not_served` says what of it is not, and why."""

    clause: str
    served: str
    not_served: str = ""


ROWS: dict[int, Row] = {
    1: Row("http.html#capabilities", "`metadata` declares what is served, no more and no less; it needs no token."),
    2: Row(
        "http.html#mime-type",
        "JSON under its three media types. Other bodies 415, other wishes 406, both naming what is taken; another FHIR "
        "version is named. `_format` goes before `Accept`; `_pretty` is accepted.",
        "XML: no sender of referrals needs it.",
    ),
    3: Row("http.html#create", "201 with `Location`, `ETag`, `Last-Modified`; id, version and time are the gateway's."),
    4: Row("http.html#ops", "`Prefer: return=` minimal, representation (unless told) or OperationOutcome."),
    5: Row(
        "http.html#ccreate",
        "`If-None-Exist: identifier=system\\|value`: none 201, one 200, several 412; equal ones at once create one.",
        "Other conditions (422): an identifier is what names a thing at its sender.",
    ),
    6: Row(
        "http.html#read",
        "200 with `ETag`; unknown, or another organisation's, 404. `If-None-Match` and `If-Modified-Since` give 304.",
        "410: nothing is deleted.",
    ),
    7: Row("http.html#vread", "Each version stays readable; others 404."),
    8: Row(
        "http.html#update",
        "200; the body's id must be the address's (400). An update that changes nothing keeps the version.",
        "Ids chosen by clients: 405 says that POST creates.",
    ),
    9: Row("http.html#concurrency", "`If-Match` stale 412, malformed 400. It may be left out."),
    10: Row(
        "http.html#cond-update",
        "`PUT [type]?identifier=system\\|value`: none creates (with an id 405), one is updated (with another id 400), "
        "several 412.",
    ),
    11: Row(
        "http.html#patch",
        "JSON Patch, with `If-Match`: no patch 400; a failed test, a path to nowhere or an invalid result 422.",
        "FHIRPath Patch and XML Patch (415): one kind of patch is enough. Conditional patch.",
    ),
    12: Row(
        "http.html#delete",
        "405 with `Allow`.",
        "Deleting: nothing of a health record is deleted here; `entered-in-error` says it.",
    ),
    13: Row(
        "http.html#history",
        "Of an instance and of a type, newest first, with `_since`, `_at`, `_count` and pages that stay as they were.",
        "Of the whole system: nobody may read all types at once.",
    ),
    14: Row("http.html#search", "GET and `_search`; the self link is what was understood; `fullUrl`, `search.mode`."),
    15: Row("search.html#errors", "An unknown parameter is left out, and refused with `handling=strict`."),
    16: Row("search.html#ptypes", "Token, string, date, reference, number; modifiers, chains of one level, `_has`."),
    17: Row("search.html#paging", "Sealed next links, stable while more is written; `_count`, `_sort`."),
    18: Row("search.html#revinclude", "`_include` and `_revinclude`, each resource once, not counted in the total."),
    19: Row("search.html#summary", "`_summary` and `_elements`, marked SUBSETTED; such a resource cannot be put back."),
    20: Row("search.html#all", "`_id`, `_lastUpdated`, `_tag`, `_profile` and `_security` for each type."),
    21: Row(
        "http.html#trules",
        "POST, PUT (by id or condition, `ifMatch`) and GET: all or nothing, answered in the order asked; two entries "
        "that change the same are refused. A refusal names the entry.",
        "PATCH, DELETE and HEAD in a transaction (422).",
    ),
    22: Row(
        "http.html#trules, bundle.html#references",
        "A `fullUrl` becomes the address here in references, in uri, url and uuid elements and in links of the "
        "narrative; conditional references must match one (412). A urn that no entry has is refused.",
    ),
    23: Row(
        "http.html#brules",
        "Each entry is a request of its own: judged, audited, answered as such; sent again it gets its first answer.",
    ),
    24: Row("messaging.html", "`$process-message`: header first, answered by a message, never processed twice."),
    25: Row("resource-operation-validate.html", "`$validate` by type and instance, mode and profile: always 200."),
    26: Row("patient-operation-everything.html", "`start`, `end`, `_since`, `_type`, `_count`."),
    27: Row("conceptmap-operation-translate.html", "By code, coding or concept; `reverse`."),
    28: Row(
        "operationoutcome.html", "With each 4xx and 5xx: code, words that teach, the element; no value of a patient."
    ),
    29: Row("http.html#Status-Codes", "405 tells in `Allow` what the address takes; what may not be seen is 404."),
    30: Row("json.html", "Nulls, empty values, unknown elements and double keys are refused; digits and `_` stay."),
    31: Row("datatypes.html", "Ids, codes, dates and times in the form of their type."),
    32: Row("narrative.html, extensibility.html", "Active content and unknown modifier extensions are refused."),
    33: Row(
        "provenance.html#header",
        "`X-Provenance` is kept with what it is about. `X-Request-Id` and `X-Correlation-Id` are echoed.",
    ),
    34: Row(
        "http.html#head",
        "HEAD has the headers of GET.",
        "CORS and OPTIONS: no browser holds a system's token.",
    ),
    35: Row("compartmentdefinition.html", "`Patient/[id]/[type]`."),
    36: Row(
        "search.html#lastUpdated, http.html#history",
        "Polling: `_lastUpdated=gt` the newest `meta.lastUpdated` seen, or the Bundle's own, and "
        "`[type]/_history?_since`, miss no change and show none twice (`_since`: none but those of its very moment), "
        "whoever writes meanwhile.",
    ),
    37: Row(
        "questionnaire.html",
        "The referral form, `Questionnaire/referral`, is read and searched beside each organisation's own; answers to "
        "it are judged by it. It comes first on the first page, whatever `_sort` says.",
        "Its history: it is the gateway's, and a new version has a new `version`.",
    ),
    38: Row(
        "SDC 3.0, Questionnaire-populate",
        "`$populate` of the referral form by what is given, and with `local` by what is stored.",
        "Other forms: nothing here says what a record means for them.",
    ),
    39: Row(
        "SDC 3.0, QuestionnaireResponse-extract",
        "`$extract` of completed answers to the referral form: the transaction to POST; nothing is stored.",
        "Of a stored response by its id: read it, and send it.",
    ),
}


def shown_by() -> dict[int, list[str]]:
    """Row -> the tests of that number, as path::name from the folder of tests."""
    found = defaultdict(list)
    for path in sorted(Path("tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (number := NAME.match(node.name)):
                found[int(number[1])].append(f"{path.relative_to('tests')}::{node.name}")
    return found


def written() -> str:
    tests = shown_by()
    lines = []
    for number, row in ROWS.items():
        done = row.served + (f" *Not served:* {row.not_served}" if row.not_served else "")
        shown = "<br>".join(f"`{name.rpartition('::')[2]}`" for name in tests[number])
        folders = ", ".join(sorted({name.partition("::")[0] for name in tests[number]}))
        lines.append(f"| R{number} | {row.clause} | {done} | {folders}<br>{shown} |\n")
    return HEAD + "".join(lines)


if __name__ == "__main__":
    FILE.write_text(written(), "utf-8")
