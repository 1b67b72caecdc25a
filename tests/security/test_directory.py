"""Registering parties, and looking them up."""

from typing import Any

import pytest
from sqlalchemy import Table, select, update

from gateway.errors import Rejected
from gateway.hearing import Heard
from gateway.parties import Directory, Parties, read_parties, register
from gateway.store.engine import Store
from gateway.store.schema import client, destination, hub, organisation


async def rows(store: Store, table: Table) -> list[Any]:
    async with store.reading() as connection:
        return list((await connection.execute(select(table).order_by(*table.primary_key))).all())


@pytest.fixture
async def directory(store: Store, parties: Parties) -> Directory:
    await register(store, parties)
    directory = Directory(store)
    await directory.refresh()
    return directory


async def test_registering_twice_changes_nothing(store: Store, parties: Parties) -> None:
    await register(store, parties)
    first = [await rows(store, table) for table in (organisation, hub, client, destination)]

    await register(store, parties)

    assert [await rows(store, table) for table in (organisation, hub, client, destination)] == first
    assert [len(found) for found in first] == [2, 2, 2, 1]


async def test_registering_again_brings_up_to_date_and_leaves_the_rest(
    store: Store, parties: Parties, document: dict[str, Any]
) -> None:
    await register(store, parties)
    async with store.transaction() as connection:
        await connection.execute(update(destination).values(state="disabled"))
    document["hubs"][0]["phone"] = "01632 960099"
    document["destinations"][0]["url"] = "https://new.example/FHIR/R4"
    del document["hubs"][1], document["clients"][1]

    await register(store, read_parties(document, "changed"))

    directory = Directory(store)
    await directory.refresh()
    assert (directory.hub("aldmoor") or {})["phone"] == "01632 960099"
    assert directory.hub("birchley") is not None
    assert [(row.url, row.state) for row in await rows(store, destination)] == [
        ("https://new.example/FHIR/R4", "disabled")  # its state is about its deliveries
    ]


async def test_a_directory_knows_what_is_registered(directory: Directory, document: dict[str, Any]) -> None:
    assert directory.client("platform") == document["clients"][1]
    assert (directory.organisation("XAA01") or {})["name"] == "Aldmoor Trust"
    assert (directory.hub("aldmoor") or {})["advisors"] == []
    assert directory.heard_by("XAA01", "aldmoor", []) == [Heard("aldmoor-rio")]
    assert (directory.client("nobody"), directory.organisation("XZZ99"), directory.hub("x")) == (None, None, None)
    assert directory.heard_by("XBB01", "aldmoor", []) == []


@pytest.mark.parametrize(("state", "hears"), [("paused", True), ("disabled", True), ("retired", False)])
async def test_only_a_retired_destination_hears_nothing(
    store: Store, directory: Directory, state: str, hears: bool
) -> None:
    async with store.transaction() as connection:
        await connection.execute(update(destination).values(state=state))

    fresh = Directory(store)
    await fresh.refresh()

    assert bool(fresh.heard_by("XAA01", None, [])) == hears


async def test_news_that_was_not_heard_of_is_read_when_the_old_has_aged(
    store: Store, parties: Parties, database_url: str
) -> None:
    impatient, patient = Directory(store, seconds=0), Directory(store, seconds=3600)
    for directory in (impatient, patient):
        await directory.refresh()
    elsewhere = Store(database_url, connections=1)  # of another process; nobody watches here
    await register(elsewhere, parties)
    await elsewhere.close()
    for directory in (impatient, patient):
        await directory.refresh()

    assert impatient.hub("aldmoor") is not None
    assert patient.hub("aldmoor") is None


DOS = "https://fhir.nhs.uk/Id/dos-service-id"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"performers": [(DOS, "2000099001")], "postcode": "XB1 1AA"}, "aldmoor"),
        ({"performers": [("HTTPS://fhir.nhs.uk/Id/dos-service-id/", " 2000099001 ")]}, "aldmoor"),
        ({"performers": [("urn:social-prescribing-gateway:Id:hub", "aldmoor")]}, "aldmoor"),
        ({"performers": [("urn:other", "2000099001"), ("", ""), (DOS, "1")], "postcode": "XB1 1AA"}, "birchley"),
        ({"requested_hub": " birchley  HUB ", "postcode": "XA1 1AA"}, "birchley"),
        ({"requested_hub": "No such hub", "postcode": "XA1 1AA"}, "aldmoor"),
        ({"postcode": "xb12aa"}, "birchley"),  # XB1 2AA
        ({"postcode": "XB12 2AA"}, "birchley"),
        ({"postcode": "XA1"}, "aldmoor"),
        ({"postcode": "XA1 1AA", "places": ["Birchley"]}, "aldmoor"),
        ({"postcode": "ZZ99 3VZ", "places": [None, "birchley "]}, "birchley"),
    ],
)
async def test_a_hub_is_found_by_performer_then_name_then_address(
    directory: Directory, asked: dict[str, Any], found: str
) -> None:
    assert directory.find_hub("XBB01", **asked)["id"] == found


async def test_a_found_hub_says_what_a_referral_keeps_of_it(directory: Directory) -> None:
    assert directory.find_hub("XBB01", postcode="XA1 1AA") == {
        "id": "aldmoor",
        "name": "Aldmoor Hub",
        "phone": "01632 960001",
        "response_days": 5,
    }


async def test_an_address_leads_only_where_the_organisation_has_an_agreement(directory: Directory) -> None:
    assert directory.find_hub("XAA01", postcode="XB1 1AA", places=["Birchley"])["id"] == "aldmoor"


async def test_without_any_trace_the_organisations_default_takes_it(directory: Directory) -> None:
    assert directory.find_hub("XAA01")["id"] == "aldmoor"


@pytest.mark.parametrize("postcode", [None, "", "nonsense", "XZ1 1AA"])
async def test_without_a_default_the_sender_is_told_to_name_a_hub(directory: Directory, postcode: str | None) -> None:
    with pytest.raises(Rejected) as refused:
        directory.find_hub("XBB01", postcode=postcode)

    assert refused.value.issues[0].expression == "ServiceRequest.performer"
