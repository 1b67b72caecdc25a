"""R22: names that hold within one Bundle become addresses here, wherever they stand."""

import json
from typing import Any
from uuid import uuid4

import pytest
from tests.app import BASE, Json, Running, issues_of, resource_of
from tests.fhir.rest.calls import asks, bundle, named, patient, send, stored

from gateway.store.schema import resource


async def transact(gateway: Running, *entries: Json) -> Json:
    answer = await send(gateway, "POST", "", bundle("transaction", *entries), Prefer="return=representation")
    assert answer.status_code == 200, answer.text
    told: Json = answer.json()
    return told


@pytest.mark.parametrize(
    "name",
    [
        "urn:uuid:6b1f0c52-4a3e-4a1e-9f65-0d7c2f1a9e01",
        "urn:oid:1.2.826.0.1.3680043.10",
        "https://northdale.example/fhir/Organization/77",
    ],
)
async def test_r22_names_of_entries_become_addresses(gateway: Running, name: str) -> None:
    told = await transact(
        gateway,
        asks("POST", "Patient", patient(managingOrganization={"reference": name}), f"urn:uuid:{uuid4()}"),
        asks("POST", "Organization", {"resourceType": "Organization", "name": "Northdale"}, name),
    )

    person, trust = resource_of(told, "Patient"), resource_of(told, "Organization")
    assert person["managingOrganization"] == {"reference": f"Organization/{trust['id']}"}


async def test_r22_type_and_id_of_the_sender_with_a_restful_name(gateway: Running) -> None:
    told = await transact(
        gateway,
        asks(
            "POST", "Organization", {"resourceType": "Organization", "name": "N"}, "https://a.example/Organization/77"
        ),
        asks("POST", "Patient", patient(managingOrganization={"reference": "Organization/77"})),
    )

    trust = resource_of(told, "Organization")
    assert resource_of(told, "Patient")["managingOrganization"] == {"reference": f"Organization/{trust['id']}"}


async def test_r22_a_name_of_what_is_updated_or_there_already(gateway: Running) -> None:
    updated, there = await stored(gateway, patient()), await stored(gateway, patient())
    names = [f"urn:uuid:{uuid4()}" for _ in range(2)]
    group = {
        "resourceType": "Group",
        "type": "person",
        "actual": True,
        "member": [{"entity": {"reference": name}} for name in names],
    }

    told = await transact(
        gateway,
        asks("POST", "Group", group),
        asks("PUT", f"Patient/{updated['id']}", updated | {"active": True}, names[0]),
        asks("POST", "Patient", there, names[1], ifNoneExist=f"identifier={named(there)}"),
    )

    members = [one["entity"]["reference"] for one in resource_of(told, "Group")["member"]]
    assert members == [f"Patient/{updated['id']}", f"Patient/{there['id']}"]


LINK = "urn:uuid:6b1f0c52-4a3e-4a1e-9f65-0d7c2f1a9e01"
DIV = '<div xmlns="http://www.w3.org/1999/xhtml"><a href="{}">the trust</a> {}</div>'


def extension(**value: str) -> Json:
    return {"url": "https://northdale.example/StructureDefinition/link", **value}


async def test_r22_links_in_elements_and_in_the_narrative(gateway: Running) -> None:
    sent = patient(
        text={"status": "generated", "div": DIV.format(LINK, LINK)},
        extension=[
            extension(valueUri=LINK),
            extension(valueUrl=LINK),
            extension(valueUuid=LINK),
            extension(valueString=LINK),
        ],
        photo=[{"url": LINK}],
    )
    sent["identifier"].append({"system": "urn:ietf:rfc:3986", "value": LINK})

    told = await transact(
        gateway,
        asks("POST", "Organization", {"resourceType": "Organization", "name": "Northdale"}, LINK),
        asks("POST", "Patient", sent),
    )

    person, address = resource_of(told, "Patient"), f"Organization/{resource_of(told, 'Organization')['id']}"
    assert person["text"]["div"] == DIV.format(address, LINK)  # the words are the sender's
    assert [list(one.values())[1] for one in person["extension"]] == [
        address,
        address,
        f"urn:uuid:{address.split('/')[1]}",  # a uuid cannot hold more of it
        LINK,
    ]
    assert person["photo"] == [{"url": address}]
    assert person["identifier"][1]["value"] == LINK  # a string, not a link
    again = await send(gateway, "PUT", f"Patient/{person['id']}", person | {"active": True})
    assert again.status_code == 200, again.text  # what was made of it is still valid


async def test_r22_a_link_in_a_list(gateway: Running) -> None:
    plan = {"resourceType": "CarePlan", "status": "active", "intent": "plan", "instantiatesUri": [LINK]}
    person = patient()
    told = await transact(
        gateway,
        asks("POST", "Patient", person, LINK),
        asks("POST", "CarePlan", plan | {"subject": {"reference": LINK}}),
    )

    address = f"Patient/{resource_of(told, 'Patient')['id']}"
    assert resource_of(told, "CarePlan")["instantiatesUri"] == [address]


async def test_r22_a_condition_in_place_of_a_reference(gateway: Running) -> None:
    trust = {"resourceType": "Organization", "identifier": [{"system": "https://a.example", "value": uuid4().hex}]}
    kept = await stored(gateway, trust)

    told = await transact(
        gateway,
        asks("POST", "Patient", patient(managingOrganization={"reference": f"Organization?identifier={named(trust)}"})),
    )

    assert resource_of(told, "Patient")["managingOrganization"] == {"reference": f"Organization/{kept['id']}"}


@pytest.mark.parametrize("matches", [0, 2])
async def test_r22_a_condition_that_matches_none_or_several(gateway: Running, matches: int) -> None:
    trust = {"resourceType": "Organization", "identifier": [{"system": "https://a.example", "value": "7"}]}
    for _ in range(matches):
        await stored(gateway, trust)
    link: Any = {"reference": f"Organization?identifier={named(trust)}"}

    answer = await send(
        gateway, "POST", "", bundle("transaction", asks("POST", "Patient", patient(managingOrganization=link)))
    )

    place = "Bundle.entry[0].resource.managingOrganization.reference"
    assert (answer.status_code, issues_of(answer)[0][1]) == (412, place)
    assert await gateway.count(resource) == matches


async def test_r22_a_name_that_no_entry_has_is_refused(gateway: Running) -> None:
    link = {"reference": f"urn:uuid:{uuid4()}"}

    answer = await send(
        gateway, "POST", "", bundle("transaction", asks("POST", "Patient", patient(managingOrganization=link)))
    )

    assert answer.status_code == 422
    assert {code for code, _ in issues_of(answer)} == {"not-found"}


async def test_r22_an_address_here_is_kept_short(gateway: Running) -> None:
    kept = await stored(gateway, {"resourceType": "Organization", "name": "Northdale"})
    link = {"reference": f"{BASE}/FHIR/R4/Organization/{kept['id']}"}

    told = await transact(gateway, asks("POST", "Patient", patient(managingOrganization=link)))

    assert resource_of(told, "Patient")["managingOrganization"] == {"reference": f"Organization/{kept['id']}"}
    assert json.dumps(told).count(kept["id"]) == 1


# --- entries of several servers -----------------------------------------------------------------------------------

A, B = "https://a.example/fhir", "https://b.example/fhir"
CONDITION = {"resourceType": "Condition", "code": {"text": "Lonely"}}


def about(reference: str) -> Json:
    return CONDITION | {"subject": {"reference": reference}}


async def test_r22_type_and_id_mean_what_the_entrys_own_server_calls_so(gateway: Running) -> None:
    told = await transact(
        gateway,
        asks("POST", "Patient", patient(), f"{A}/Patient/77"),
        asks("POST", "Patient", patient(), f"{B}/Patient/77"),
        asks("POST", "Condition", about("Patient/77"), f"{B}/Condition/5"),
        asks("POST", "Condition", about(f"{A}/Patient/77"), f"{B}/Condition/6"),
    )

    first, second, *conditions = (entry["resource"] for entry in told["entry"])
    subjects = [one["subject"]["reference"] for one in conditions]
    assert subjects == [f"Patient/{second['id']}", f"Patient/{first['id']}"]


@pytest.mark.parametrize("name", [f"{B}/Condition/5", "urn:uuid:0198a1d2-3b4c-7d5e-8f60-718293a4b5c6", None])
async def test_r22_another_servers_person_is_never_meant(gateway: Running, name: str | None) -> None:
    """Without a server of its own an entry is of this gateway, which calls nobody so."""
    sent = bundle(
        "transaction",
        asks("POST", "Patient", patient(), f"{A}/Patient/77"),
        asks("POST", "Organization", {"resourceType": "Organization", "name": "N"}, f"{B}/Organization/1"),
        asks("POST", "Condition", about("Patient/77"), name),
    )

    answer = await send(gateway, "POST", "", sent)

    assert (answer.status_code, issues_of(answer)) == (
        422,
        [("not-found", "Bundle.entry[2].resource.subject.reference")],
    )
    assert await gateway.count(resource) == 0


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        (LINK, LINK.upper()),
        (LINK.upper(), LINK),
        (f"{A}/Patient/77", f"{A}/Patient/77/_history/3"),
        (f"{A}/Patient/77", "Patient/77/_history/3"),
    ],
)
async def test_r22_other_spellings_of_a_name_and_versions_of_the_senders(
    gateway: Running, name: str, reference: str
) -> None:
    told = await transact(
        gateway, asks("POST", "Patient", patient(), name), asks("POST", "Condition", about(reference))
    )

    person, condition = (entry["resource"] for entry in told["entry"])
    assert condition["subject"] == {"reference": f"Patient/{person['id']}"}


async def test_r22_a_version_of_this_gateways_stays(gateway: Running) -> None:
    kept = await stored(gateway, patient())
    path = f"Patient/{kept['id']}"

    told = await transact(
        gateway,
        asks("PUT", path, kept | {"active": True}, f"{BASE}/FHIR/R4/{path}"),
        asks("POST", "Condition", about(f"{path}/_history/1")),
    )

    assert resource_of(told, "Condition")["subject"] == {"reference": f"{path}/_history/1"}


async def test_r22_an_unknown_name_is_refused_however_it_is_spelt(gateway: Running) -> None:
    answer = await send(gateway, "POST", "", bundle("transaction", asks("POST", "Condition", about(LINK.upper()))))

    assert (answer.status_code, issues_of(answer)[0][1]) == (422, "Bundle.entry[0].resource.subject.reference")
