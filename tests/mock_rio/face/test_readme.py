"""What README.md of the mock says of its users, options, addresses and launches is so."""

import inspect
import re

from tests.mock_rio.rio import FOLDER, SECRET

from adapters.rio.mock import build_mock, smart
from adapters.rio.mock.fhir_reads import ABOUT_PATIENT
from adapters.rio.mock.signing_in import USER, may_open
from adapters.rio.mock.store import Store
from gateway.commands.mock_rio import mock_rio

README = (FOLDER / "mock/README.md").read_text("utf-8")
RULES = dict(re.findall(r"^\| (L\d) \| (.+) \|$", README, re.MULTILINE))


def table(heading: str) -> list[list[str]]:
    """The rows below the line of this heading, by cell."""
    rows = README.partition(f"| {heading} |")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def test_the_options_are_those_of_the_command() -> None:
    told = {option for cells in table("Option") for option in re.findall(r"--[a-z-]+", cells[0])}

    assert told == {f"--{name.replace('_', '-')}" for name in inspect.signature(mock_rio).parameters}


def test_each_page_is_among_the_addresses() -> None:
    app = build_mock(SECRET)
    told = README.partition("## Addresses")[2].partition("## Faults")[0]
    served = {re.sub(r"{\w+}", "{}", path) for path in app.openapi()["paths"]}  # as FastAPI lists what it serves

    addresses = {re.sub(r"{\w+}", "{}", one) for one in re.findall(r"(/[\w.{}/-]*)", told)}

    assert {"/", "/team", "/clients/{}", "/clients/{}/notes", "/clients/{}/social-prescribing"} <= addresses & served
    assert {one for one in served if one.startswith(("/oauth2", "/FHIR/R4/.well-known"))} <= addresses


def test_the_users_are_those_who_can_sign_in_and_see_what_it_says() -> None:
    store = Store()
    try:
        users = {user["UserName"]: user for user in store.all(f"{USER} 1")}
        clients = [one["ClientID"] for one in store.all("SELECT ClientID FROM Client")]
        rows = {cells[0].strip("`"): cells for cells in table("User name")}
        assert set(rows) == set(users)
        for name, (_, password, who, sees) in rows.items():
            user = users[name]
            assert password == f"`{user['Password']}`"
            assert user["Name"].removeprefix("Records desk") in who
            seen = {client for client in clients if may_open(store, user, client)}
            assert seen == (set(clients) if sees == "everybody" else set(re.findall(r"\d{5,}", sees)))
    finally:
        store.close()


def test_the_rules_of_launches_name_what_the_code_has() -> None:
    assert list(RULES) == [f"L{number}" for number in range(1, len(RULES) + 1)]
    assert f"{smart.LAUNCH_SECONDS} seconds" in RULES["L1"]
    assert f"{smart.CODE_SECONDS} seconds" in RULES["L3"]
    assert f"({smart.ACCESS_SECONDS} seconds)" in RULES["L4"]
    assert set(re.findall(r"`([^`]+)`", RULES["L5"])) == smart.SCOPES
    assert all(f"`{type_}`" in RULES["L6"] for type_ in ABOUT_PATIENT)
