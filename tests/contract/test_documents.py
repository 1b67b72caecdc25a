"""Both documents are OpenAPI 3.1, describe what is served and no more, and show an example of everything."""

import copy
from typing import Any

import pytest
from fastapi import FastAPI
from openapi_spec_validator import OpenAPIV31SpecValidator
from tests.contract.written import FOLDER, Written
from tools.contract.__main__ import as_yaml
from tools.contract.documents import Drift, fhir_door, operations_of
from tools.contract.served import gaps, served
from tools.contract.telling import Exchange

Json = dict[str, Any]
Story = tuple[FastAPI, list[Exchange]]


@pytest.fixture(params=["gateway", "platform"])
def document(request: pytest.FixtureRequest, written: Written) -> Json:
    chosen: Json = getattr(written, request.param)
    return chosen


def test_each_document_is_openapi_3_1(document: Json) -> None:
    found = OpenAPIV31SpecValidator(document, base_uri=f"{FOLDER.as_uri()}/").iter_errors()

    assert document["openapi"].startswith("3.1")
    assert [error.message for error in found] == []


def test_what_is_served_is_described_and_no_more(written: Written, story: Story) -> None:
    app, _ = story

    assert {("POST", "/FHIR/R4"), ("GET", "/_ping"), ("GET", "/platform/v1/referrals")} <= served(app)
    assert gaps(app, written.gateway, written.platform) == []


def test_a_gap_is_told_from_both_sides(written: Written, story: Story) -> None:
    gateway, platform = copy.deepcopy(written.gateway), copy.deepcopy(written.platform)
    platform["paths"]["/platform/v1/wishes"] = {"get": platform["paths"].pop("/platform/v1/referrals")["get"]}
    gateway["paths"]["/FHIR/R4/{type}"]["get"]["parameters"].append({"name": "_contained", "in": "query"})
    gateway["components"]["parameters"]["type"]["schema"]["enum"].remove("Patient")

    assert gaps(story[0], gateway, platform) == [
        "The operation GET /platform/v1/referrals is served, but not described.",
        "The operation GET /platform/v1/wishes is described, but not served.",
        "The resource type Patient is served, but not described.",
        "The search parameter _contained is described, but not served.",
    ]


def test_an_answer_that_is_not_described_cannot_become_an_example(story: Story) -> None:
    app, told = story
    ping = next(one for one in told if one.request.path == "/_ping")
    teapot = Exchange(ping.name, ping.summary, ping.request, 418, "short and stout", "text/plain")

    with pytest.raises(Drift, match=r"GET /_ping answered 418 text/plain, which is not described"):
        fhir_door(app, [*told, teapot])


def test_each_operation_shows_what_it_takes_and_what_it_gives(document: Json) -> None:
    silent = []
    for (method, path), operation in operations_of(document).items():
        gives = next(response for status, response in operation["responses"].items() if status < "300")
        for content in [operation.get("requestBody", {"content": {}})["content"], gives.get("content", {})]:
            silent += [(method, path, media_type) for media_type in content if not content[media_type].get("examples")]
        assert operation["summary"]
        assert operation["operationId"]
    assert silent == []


def test_each_refusal_shows_what_is_really_said(document: Json) -> None:
    refusals = document["components"]["responses"]

    for status, response in refusals.items():
        examples = response["content"]["application/fhir+json"]["examples"]
        assert examples, status
        for example in examples.values():
            issue = example["value"]["issue"][0]
            assert issue["details"]["coding"][0]["display"].startswith(status)


@pytest.mark.parametrize("text", ["0012399", "0017", "1e3", "-5", "0o17", "0x1F", "12.50"])
def test_a_text_that_looks_like_a_number_is_quoted(text: str) -> None:
    """PyYAML reads YAML 1.1; to readers of 1.2, such as those of JavaScript, 0012399 is the number 12399."""
    assert as_yaml({"value": text}).endswith(f"value: '{text}'\n")
