"""`python -m tools.breaking` on pairs of small documents, and on a repository with a tag."""

import copy
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tools.breaking.__main__ import said_since
from tools.breaking.documents import breaks

Json = dict[str, Any]
ROOT = Path(__file__).parent.parent.parent

BEFORE: Json = {
    "openapi": "3.1.1",
    "info": {"title": "Small", "version": "1"},
    "security": [{"oauth2": ["read"]}],
    "paths": {
        "/people": {
            "get": {
                "parameters": [
                    {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 200}},
                    {"$ref": "#/components/parameters/sort"},
                ],
                "responses": {
                    "200": {
                        "headers": {"ETag": {"schema": {"type": "string"}}},
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Person"}}},
                    },
                    "404": {"description": "None"},
                },
            },
            "post": {
                "requestBody": {
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/New"}},
                        "text/csv": {"schema": {"type": "string"}},
                    }
                },
                "responses": {"201": {"description": "Made"}},
            },
        },
        "/ping": {"get": {"security": [], "responses": {"200": {"content": {"text/plain": {}}}}}},
    },
    "webhooks": {
        "told": {
            "post": {
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Event"}}}},
                "responses": {"204": {"description": "Taken"}, "410": {"description": "Never"}},
            }
        }
    },
    "components": {
        "parameters": {"sort": {"name": "sort", "in": "query", "schema": {"enum": ["name", "age"]}}},
        "schemas": {
            "Person": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "state": {"enum": ["new", "done"]},
                    "address": {"type": "object", "properties": {"city": {"type": "string"}}},
                },
                "required": ["name"],
            },
            "New": {
                "type": "object",
                "properties": {
                    "name": {"type": ["string", "null"], "maxLength": 50},
                    "age": {"type": "number"},
                    "kinds": {"type": "array", "items": {"enum": ["a", "b"]}},
                    "where": {"anyOf": [{"type": "string"}, {"$ref": "#/components/schemas/Place"}]},
                },
                "required": [],
            },
            "Place": {"type": "object", "properties": {"city": {"type": "string"}}},
            "Event": {"type": "object", "properties": {"id": {"type": "string"}, "said": {"type": "string"}}},
        },
    },
}


def changed(*steps: str | int, to: Any = None) -> Json:
    """With another value at this place; without what is there when it is None."""
    document: Json = copy.deepcopy(BEFORE)
    part: Any = document
    for step in steps[:-1]:
        part = part[step]
    if to is None:
        del part[steps[-1]]
    else:
        part[steps[-1]] = to
    return document


def within(name: str, *steps: str, to: Any = None) -> Json:
    return changed("components", "schemas", name, *steps, to=to)


LIST, MAKE = ("paths", "/people", "get"), ("paths", "/people", "post")
NEEDED = {"name": "by", "in": "header", "required": True, "schema": {}}
CAUGHT = [
    (changed("paths", "/ping"), "GET /ping: is gone"),
    (changed(*MAKE), "POST /people: is gone"),
    (changed(*LIST, "parameters", 0), "GET /people: query parameter limit is no longer taken"),
    (
        changed(*LIST, "parameters", 0, "schema", "maximum", to=100),
        "GET /people: query parameter limit must be at most 100 now (maximum)",
    ),
    (changed(*LIST, "parameters", 0, "required", to=True), "GET /people: query parameter limit is required now"),
    (changed(*MAKE, "parameters", to=[NEEDED]), "POST /people: header parameter by is required now"),
    (
        changed("components", "parameters", "sort", "schema", "enum", to=["name"]),
        "GET /people: query parameter sort may not be age any more",
    ),
    (changed(*LIST, "responses", "404"), "GET /people: 404 is no longer answered"),
    (changed(*LIST, "responses", "200", "headers"), "GET /people: 200 has no header ETag any more"),
    (
        changed(*LIST, "responses", "200", "content", to={"application/xml": {}}),
        "GET /people: 200 application/json is no longer given",
    ),
    (changed(*MAKE, "requestBody", "content", "text/csv"), "POST /people: text/csv is no longer taken"),
    (changed(*MAKE, "requestBody", "required", to=True), "POST /people: a body is required now"),
    (changed(*LIST, "security", to=[{"oauth2": ["read", "all"]}]), "GET /people: needs oauth2 read all now"),
    (changed("paths", "/ping", "get", "security"), "GET /ping: needs oauth2 read now"),
    (within("Person", "properties", "name"), "schema Person (in answers): name is no longer given"),
    (
        within("Person", "properties", "address", "properties", "city"),
        "schema Person (in answers): address.city is no longer given",
    ),
    (within("Person", "required", to=[]), "schema Person (in answers): name may be absent now"),
    (
        within("Person", "properties", "state", "enum", to=["new", "done", "lost"]),
        "schema Person (in answers): state may be lost now",
    ),
    (
        within("Person", "properties", "name", "type", to=["string", "null"]),
        "schema Person (in answers): name may be null now",
    ),
    (within("New", "required", to=["age"]), "schema New (in requests): age is required now"),
    (
        within("New", "properties", "name", "type", to="string"),
        "schema New (in requests): name may not be null any more",
    ),
    (
        within("New", "properties", "age", "type", to="integer"),
        "schema New (in requests): age may not be number any more",
    ),
    (
        within("New", "properties", "name", "maxLength", to=40),
        "schema New (in requests): name must be at most this long 40 now (maxLength)",
    ),
    (
        within("New", "properties", "name", "pattern", to="^[A-Z]"),
        "schema New (in requests): name has another pattern now",
    ),
    (
        within("New", "properties", "kinds", "items", "enum", to=["a"]),
        "schema New (in requests): kinds[] may not be b any more",
    ),
    (
        within("New", "additionalProperties", to=False),
        "schema New (in requests): the body takes no fields any more that are not described",
    ),
    (
        within("New", "properties", "where", "anyOf", to=[{"type": "string"}]),
        "schema New (in requests): where may not be Place any more",
    ),
    (
        within("Place", "required", to=["city"]),
        "schema Place (in requests): city is required now",
    ),
    (
        within("New", "allOf", to=[{"not": {"required": ["age", "kinds"]}}]),
        "schema New (in requests): the body must keep one more rule now (allOf 1)",
    ),
    (within("Event", "properties", "said"), "schema Event (in answers): said is no longer given"),
    (changed("webhooks", "told"), "webhook told: is gone"),
    (changed("webhooks", "told", "post", "responses", "410"), "webhook told: 410 is no longer understood"),
]
HARMLESS = [
    BEFORE,
    changed("paths", "/more", to={"get": {"responses": {}}}),
    changed("info", "version", to="2"),
    changed(*MAKE, "responses", "202", to={"description": "Later"}),
    changed(*MAKE, "parameters", to=[NEEDED | {"required": False}]),
    changed(*LIST, "parameters", 0, "schema", "maximum", to=500),
    changed(*LIST, "parameters", 0, "schema", "description", to="How many"),
    changed(*LIST, "security", to=[]),
    changed(*LIST, "security", to=[{"oauth2": ["read"]}, {"oauth2": ["all"]}]),
    changed("components", "parameters", "sort", "schema", "enum", to=["age", "name", "city"]),
    within("Person", "properties", "more", to={"type": "string"}),
    within("Person", "properties", "state", "enum", to=["new"]),
    within("Person", "required", to=["name", "state"]),
    within("New", "properties", "more", to={"type": "string"}),
    within("New", "properties", "name", "maxLength", to=60),
    within("New", "properties", "kinds", "items", "enum", to=["a", "b", "c"]),
    within("Event", "properties", "more", to={"type": "string"}),
    within("Place", "examples", to=[{"city": "Northdale"}]),
    within("New", "properties", "where", "anyOf", to=[{"type": "string"}, BEFORE["components"]["schemas"]["Place"]]),
    changed(*MAKE, "requestBody", "content", "application/json", "schema", to=BEFORE["components"]["schemas"]["New"]),
]


@pytest.mark.parametrize(("after", "told"), CAUGHT, ids=[told for _, told in CAUGHT])
def test_what_breaks_is_told_in_words(after: Json, told: str) -> None:
    assert told in breaks({"small.yaml": BEFORE}, {"small.yaml": after})


@pytest.mark.parametrize("after", HARMLESS)
def test_what_does_no_harm_is_not_told(after: Json) -> None:
    assert breaks({"small.yaml": BEFORE}, {"small.yaml": after}) == []


def test_a_renamed_field_is_told_once() -> None:
    after = within("Person", "properties", "title", to={"type": "string"})
    del after["components"]["schemas"]["Person"]["properties"]["name"]
    after["components"]["schemas"]["Person"]["required"] = ["title"]

    assert breaks({"small.yaml": BEFORE}, {"small.yaml": after}) == [
        "schema Person (in answers): name is no longer given"
    ]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The contract as it is, committed and tagged v1.0.0, with a changelog."""
    (tmp_path / "openapi").mkdir()
    for name in ("gateway.yaml", "platform.yaml", "r4.schema.json"):
        (tmp_path / "openapi" / name).write_text((ROOT / "openapi" / name).read_text("utf-8"), "utf-8")
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n\n## 1.0.0\n\nAll of it.\n", "utf-8")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "All of it")
    return tmp_path


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def guard(folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "tools.breaking"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "GIT_CEILING_DIRECTORIES": str(folder.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_changelog_must_name_what_breaks_with_the_last_tag(repository: Path) -> None:
    code, told = guard(repository)
    assert (code, "there is no tag yet" in told) == (0, True)

    git(repository, "tag", "v1.0.0")
    assert guard(repository) == (0, "")

    file, changes = repository / "openapi/platform.yaml", repository / "CHANGELOG.md"
    document = yaml.load(file.read_text("utf-8"), yaml.CSafeLoader)
    del document["components"]["schemas"]["ReferralView"]["properties"]["reference"]
    del document["paths"]["/platform/v1/referrals/{referral_id}/trace"]
    file.write_text(json.dumps(document), "utf-8")
    field = "schema ReferralView (in answers): reference is no longer given"
    gone = "GET /platform/v1/referrals/{referral_id}/trace: is gone"

    code, told = guard(repository)
    assert code == 1
    assert f"not in CHANGELOG.md: {field}" in told
    assert f"not in CHANGELOG.md: {gone}" in told

    text = changes.read_text("utf-8")
    changes.write_text(f"{text}\n- {field}\n- {gone}\n", "utf-8")
    assert guard(repository)[0] == 1  # below the tag's section is what was said of older ones

    named = f"- `{field}`\n- `{gone}`: nobody has asked for it\n"
    changes.write_text(re.sub("## Unreleased\n", f"## Unreleased\n\n{named}", text), "utf-8")
    code, told = guard(repository)
    assert code == 0
    assert told.count("named: ") == 2


@pytest.mark.parametrize(
    ("changelog", "said"),
    [
        ("# Changelog\n\n## Unreleased\nnew\n\n## 1.0.0\nold\n", "Unreleased new"),
        (
            "## Unreleased\n\n## [1.1.0] - 2026-03-02\nnew\n\n## [v1.0.0](x)\nold\n",
            "Unreleased [1.1.0] - 2026-03-02 new",
        ),
        ("## Unreleased\nnew\n\n## 1.0.1\nmended\n\n## 1.0.0\nold\n", "Unreleased new 1.0.1 mended"),
        ("## Unreleased\nnew\n\n## 1.0\nold\n", "Unreleased new"),  # 1.0 is not 1.0.0, so nobody knows where that is
        ("## Unreleased\nnew\n\n## 0.9\nold\n", "Unreleased new"),
        ("", ""),
    ],
)
def test_what_is_said_since_a_tag(changelog: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "CHANGELOG.md").write_text(changelog, "utf-8")
    assert said_since(tmp_path, "v1.0.0") == said


def test_another_version_that_begins_alike_is_another(tmp_path: Path) -> None:
    (tmp_path / "CHANGELOG.md").write_text("## 1.0.1\nmended\n\n## 1.0\nold\n", "utf-8")
    assert said_since(tmp_path, "v1.0") == "1.0.1 mended"


def test_where_nothing_can_be_compared_it_says_so(repository: Path, tmp_path: Path) -> None:
    git(repository, "tag", "v1.0.0")
    (repository / "openapi/platform.yaml").write_text("openapi: [", "utf-8")
    code, told = guard(repository)
    assert code == 2
    assert "openapi/platform.yaml cannot be read" in told

    (repository / ".git").rename(tmp_path / "not-git")
    code, told = guard(repository)
    assert code == 2
    assert "openapi/ cannot be compared: git" in told
