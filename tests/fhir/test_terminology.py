"""The vocabularies and maps at the FHIR base, and ConceptMap/$translate."""

from typing import Any
from urllib.parse import quote, urlencode

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.codesystem import CodeSystem
from fhir.resources.R4B.conceptmap import ConceptMap
from fhir.resources.R4B.parameters import Parameters
from fhir.resources.R4B.valueset import ValueSet
from tests.app import BASE, Json, Running, issues_of

from gateway.security import Caller
from gateway.validation import check
from mappings.terminology import published, value_set_of
from mappings.translate import names, vocabulary

OURS = "urn:social-prescribing-gateway"
REASONS = f"{OURS}:CodeSystem:referral-reason"
SNOMED = "http://snomed.info/sct"
MODELS: dict[str, Any] = {"CodeSystem": CodeSystem, "ConceptMap": ConceptMap, "ValueSet": ValueSet}
LONELY = {"code": "267076002", "system": SNOMED}


async def read(gateway: Running, path: str, client: str = "demo-epr", **headers: str) -> Any:
    return await gateway.call(client, "GET", f"/FHIR/R4/{path}", **headers)


@pytest.mark.parametrize("type_", MODELS)
async def test_each_vocabulary_and_map_can_be_read(gateway: Running, type_: str) -> None:
    wanted = names("ConceptMap" if type_ == "ConceptMap" else "CodeSystem")

    found = (await read(gateway, type_)).json()

    Bundle.model_validate(found)
    assert [entry["resource"]["id"] for entry in found["entry"]] == wanted
    for entry in found["entry"]:
        answer = await read(gateway, entry["fullUrl"].removeprefix(f"{BASE}/FHIR/R4/"))
        assert answer.json() == entry["resource"]
        assert answer.headers["etag"] == f'W/"{answer.json()["meta"]["versionId"]}"'
        MODELS[type_].model_validate(answer.json())


async def test_a_value_set_is_all_codes_of_its_system(gateway: Running) -> None:
    value_set = (await read(gateway, "ValueSet/referral-reason")).json()
    code_system = (await read(gateway, "CodeSystem/referral-reason")).json()

    assert value_set["compose"] == {"include": [{"system": REASONS, "version": code_system["version"]}]}
    assert code_system["valueSet"] == value_set["url"] == f"{OURS}:ValueSet:referral-reason"
    assert [concept["code"] for concept in code_system["concept"]] == list(vocabulary("referral-reason").displays)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("_id=urgency", ["urgency"]),
        (f"url={quote(REASONS)}", ["referral-reason"]),
        ("name=measure", ["measure-stage", "measure-tool"]),
        ("name:exact=MeasureTool", ["measure-tool"]),
        ("name:contains=GENC", ["urgency"]),
        ("name:exact=measuretool", []),
        ("_id=urgency,measure-tool&status=active", ["measure-tool", "urgency"]),
        ("_id=urgency&version=9.9.9", []),
        ("status=retired", []),
        ("_id=urgency&status=http://hl7.org/fhir/publication-status|active", ["urgency"]),
        ("_id=urgency&status=http://hl7.org/fhir/publication-status|", ["urgency"]),
        ("_id=urgency&status=https://elsewhere.example|active", []),
        ("_id=|urgency", ["urgency"]),
        ("_id=|", []),
        ("_id=urgency&version=https://elsewhere.example|1.0.0", []),
    ],
)
async def test_vocabularies_are_searched(gateway: Running, query: str, found: list[str]) -> None:
    by_get = (await read(gateway, f"CodeSystem?{query}")).json()
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    by_post = await gateway.call("demo-epr", "POST", "/FHIR/R4/CodeSystem/_search", query.encode(), **form)

    assert [entry["resource"]["id"] for entry in by_get.get("entry", [])] == found
    assert by_get["total"] == len(found)
    assert by_post.json() == by_get


async def test_a_parameter_that_is_not_known_is_left_out_or_refused(gateway: Running) -> None:
    lenient = (await read(gateway, "ValueSet?colour=blue&_id=urgency")).json()
    strict = await read(gateway, "ValueSet?colour=blue", Prefer="handling=strict")

    assert lenient["link"] == [{"relation": "self", "url": f"{BASE}/FHIR/R4/ValueSet?_id=urgency"}]
    assert (strict.status_code, issues_of(strict)[0][0]) == (400, "not-supported")


async def test_an_unchanged_vocabulary_is_not_sent_again(gateway: Running) -> None:
    first = await read(gateway, "CodeSystem/urgency")

    etag = first.headers["etag"]
    for known in (etag, etag.removeprefix("W/"), f'W/"1", {etag}', "*"):
        again = await read(gateway, "CodeSystem/urgency", If_None_Match=known)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert (await read(gateway, "CodeSystem/urgency", If_None_Match='W/"1"')).status_code == 200
    head = await gateway.call("demo-epr", "HEAD", "/FHIR/R4/CodeSystem/urgency")

    assert (head.status_code, head.headers["etag"]) == (200, first.headers["etag"])


@pytest.mark.parametrize("type_", MODELS)
async def test_they_come_page_by_page(gateway: Running, type_: str) -> None:
    whole, path, pages = (await read(gateway, type_)).json(), f"{type_}?_count=2", []

    while path:
        found = (await read(gateway, path)).json()
        assert (found["total"], len(found["entry"]) <= 2) == (whole["total"], True)
        pages += found["entry"]
        path = next((one["url"].split("/R4/")[1] for one in found["link"] if one["relation"] == "next"), "")

    assert pages == whole["entry"]
    for query in ("_count=0", "_summary=count"):
        counted = (await read(gateway, f"{type_}?{query}")).json()
        assert (counted["total"], "entry" in counted, len(counted["link"])) == (whole["total"], False, 1)
    assert (await read(gateway, f"{type_}?_count=few")).status_code == 400


@pytest.mark.parametrize(
    ("type_", "query", "there", "left_out"),
    [
        ("CodeSystem", "_summary=true", {"url", "status", "content", "valueSet"}, {"concept", "description"}),
        ("ConceptMap", "_summary=true", {"url", "sourceCanonical"}, {"group", "description"}),
        ("ValueSet", "_summary=data", {"url", "compose"}, set()),
        ("CodeSystem", "_elements=url", {"url", "status", "content"}, {"concept", "title"}),
        ("ConceptMap", "_elements=source,url", {"url", "status", "sourceCanonical"}, {"group", "targetCanonical"}),
    ],
)
async def test_parts_of_them(gateway: Running, type_: str, query: str, there: set[str], left_out: set[str]) -> None:
    whole = (await read(gateway, type_)).json()["entry"][0]["resource"]

    for shown in (
        (await read(gateway, f"{type_}?{query}")).json()["entry"][0]["resource"],
        (await read(gateway, f"{type_}/{whole['id']}?{query}")).json(),
    ):
        assert there <= shown.keys()
        assert not left_out & shown.keys()
        assert "SUBSETTED" in [tag["code"] for tag in shown["meta"]["tag"]]


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "CodeSystem"), ("PUT", "ValueSet/urgency"), ("PATCH", "ConceptMap/priority"), ("DELETE", "ConceptMap/a")],
)
async def test_nobody_writes_them(gateway: Running, method: str, path: str) -> None:
    answer = await gateway.call("demo-epr", method, f"/FHIR/R4/{path}", {"resourceType": path.partition("/")[0]})

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_they_belong_to_nobody_but_need_their_scope(gateway: Running) -> None:
    reader = Caller("demo-epr", "XND01", "epr", frozenset({"system/Task.rs", "system/ValueSet.r"}))
    gateway.tokens["reader"] = gateway.app.state.gatekeeper.issue(reader)

    assert (await read(gateway, "CodeSystem/urgency", "demo-epr-2")).status_code == 200
    statuses = [
        (await read(gateway, path, "reader")).status_code
        for path in ("ValueSet/urgency", "ValueSet", "ConceptMap/priority")
    ]
    assert statuses == [200, 403, 403]
    assert (await read(gateway, "CodeSystem/nothing")).status_code == 404


def matches(answer: Any) -> tuple[bool, list[tuple[str, str | None, str]]]:
    """result, and (equivalence, code, map) of each match."""
    assert answer.status_code == 200, answer.text
    parameters: Json = answer.json()
    assert check(parameters) == []
    Parameters.model_validate(parameters)
    result, found = None, []
    for parameter in parameters["parameter"]:
        if parameter["name"] == "result":
            result = parameter["valueBoolean"]
        elif parameter["name"] == "match":
            part = {one["name"]: one for one in parameter["part"]}
            code = part["concept"]["valueCoding"]["code"] if "concept" in part else None
            found.append((part["equivalence"]["valueCode"], code, part["source"]["valueUri"].rpartition(":")[2]))
    assert isinstance(result, bool)
    return result, found


def message(answer: Any) -> str:
    said: str = next(one["valueString"] for one in answer.json()["parameter"] if one["name"] == "message")
    return said


async def ask(gateway: Running, at: str = "", **query: str) -> Any:
    return await read(gateway, f"ConceptMap{at}/$translate?{urlencode(query)}")


async def send(gateway: Running, *parameters: Json, at: str = "") -> Any:
    body = {"resourceType": "Parameters", "parameter": list(parameters)}
    return await gateway.call("demo-epr", "POST", f"/FHIR/R4/ConceptMap{at}/$translate", body)


async def test_r27_a_code_is_translated(gateway: Running) -> None:
    expected = (True, [("wider", "social-interaction", "referral-reason")])

    assert matches(await ask(gateway, **LONELY)) == expected
    assert matches(await ask(gateway, "/referral-reason", **LONELY)) == expected
    assert matches(await ask(gateway, url=f"{OURS}:ConceptMap:referral-reason", **LONELY)) == expected
    assert matches(await ask(gateway, targetsystem=REASONS, **LONELY)) == expected
    ends = {"source": f"{SNOMED}?fhir_vs", "target": str(value_set_of(REASONS))}
    assert matches(await ask(gateway, **ends, **LONELY)) == expected


async def test_r27_a_coding_and_a_concept_are_translated(gateway: Running) -> None:
    other = {"system": "https://codes.northdale.example/reasons", "code": "RR17"}
    coding = await send(gateway, {"name": "coding", "valueCoding": LONELY})
    concept = await send(
        gateway, {"name": "codeableConcept", "valueCodeableConcept": {"coding": [other, LONELY], "text": "Lonely"}}
    )

    assert matches(coding) == matches(concept) == (True, [("wider", "social-interaction", "referral-reason")])


async def test_r27_reverse_leads_back(gateway: Running) -> None:
    parameters: list[Json] = [
        {"name": "code", "valueCode": "urgent"},
        {"name": "system", "valueUri": f"{OURS}:CodeSystem:urgency"},
        {"name": "reverse", "valueBoolean": True},
    ]

    answer = matches(await send(gateway, *parameters, at="/priority"))
    assert answer == (True, [("equivalent", "asap", "priority"), ("wider", "stat", "priority")])
    assert matches(await ask(gateway, code="soon", system=f"{OURS}:CodeSystem:urgency", reverse="true")) == (
        True,
        [("narrower", "urgent", "priority")],
    )


async def test_r27_what_no_map_knows_is_not_guessed(gateway: Running) -> None:
    unknown = await ask(gateway, code="44054006", system=SNOMED)
    elsewhere = await ask(gateway, targetsystem="http://loinc.org", **LONELY)
    unmatched = await ask(gateway, code="161152002", system=SNOMED)

    assert matches(unknown) == matches(elsewhere) == (False, [])
    assert "Nothing is guessed" in message(unknown)
    assert matches(unmatched) == (False, [("unmatched", None, "referral-reason")])
    assert "Too wide for one domain" in message(unmatched)


@pytest.mark.parametrize(
    ("at", "query", "status"),
    [
        ("", {}, 400),
        ("", {"code": "267076002"}, 400),
        ("", {"codes": "267076002", "system": SNOMED}, 400),
        ("", LONELY | {"reverse": "yes"}, 400),
        ("", LONELY | {"url": f"{OURS}:ConceptMap:nothing"}, 404),
        ("", LONELY | {"url": f"{OURS}:ConceptMap:referral-reason", "conceptMapVersion": "0.0.1"}, 404),
        ("/nothing", LONELY, 404),
        ("/referral-reason", LONELY | {"url": f"{OURS}:ConceptMap:referral-reason"}, 400),
    ],
)
async def test_r27_a_question_that_cannot_be_answered(
    gateway: Running, at: str, query: dict[str, str], status: int
) -> None:
    answer = await ask(gateway, at, **query)

    assert answer.status_code == status, answer.text
    assert answer.json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize(
    "parameters",
    [
        [{"name": "code", "valueInteger": 1}],
        [{"name": "wombat", "valueCode": "a"}],
        [{"name": "coding", "valueCoding": LONELY}, {"name": "code", "valueCode": "a"}],
        [{"name": "code", "valueCode": "a"}, {"name": "code", "valueCode": "b"}],
        [{"name": "codeableConcept", "valueCodeableConcept": {"text": "Feeling lonely"}}],
    ],
)
async def test_r27_parameters_that_do_not_fit(gateway: Running, parameters: list[Json]) -> None:
    assert (await send(gateway, *parameters)).status_code == 400


async def test_the_published_maps_say_what_the_gateway_does(gateway: Running) -> None:
    """A referral's reason becomes the domain that $translate gives for its code."""
    task = await gateway.refer()
    referral = (await gateway.call("demo-platform", "GET", f"/platform/v1/referrals/{task['id']}")).json()
    coding = {"system": SNOMED, "code": "871731000000106"}

    _, found = matches(await send(gateway, {"name": "coding", "valueCoding": coding}))

    assert {"code": found[0][1], "label": "Social prescribing"} in referral["referral"]["categories"]
    assert set(published("ConceptMap")) == set(names("ConceptMap"))
