"""The SOAP door keeps rules S1 ... S3 and S13 of src/adapters/rio/README.md, as an independent client sees it."""

import random
import re
from typing import Any

import httpx
import pytest
from lxml import etree
from tests.mock_rio import test_soap_record
from tests.mock_rio.rio import FOLDER, MAGGIE, Rio, Serve

from adapters.rio.mock.contract import NAMESPACE

README = (FOLDER / "README.md").read_text("utf-8")
XS = "{http://www.w3.org/2001/XMLSchema}"
WSDL = etree.parse(FOLDER / "api-v40.wsdl")


def test_each_rule_of_the_readme_has_its_test() -> None:
    rules = set(re.findall(r"^\| (S\d+) \|", README, re.MULTILINE))

    names = [*globals(), *dir(test_soap_record)]
    assert rules == {found[1].upper() for name in names if (found := re.match(r"test_(s\d+)_", name))}


def test_the_readme_tells_every_fault_code() -> None:
    told = re.findall(r"^\| `([A-Z_]+)` \|", README, re.MULTILINE)
    [codes] = [one for one in WSDL.iter(f"{XS}simpleType") if one.get("name") == "FaultCode"]

    assert sorted(told) == sorted(one.get("value", "") for one in codes.iter(f"{XS}enumeration"))


async def post(rio: Rio, body: str | bytes, operation: str = "GetTeams", **headers: str) -> httpx.Response:
    given = {"Content-Type": "text/xml", "SOAPAction": f'"{NAMESPACE}/ApiService/{operation}"'}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    return await rio.client.post(f"{rio.url}/API/4.0/ApiService", content=body, headers=given)


def envelope(body: str, token: str | None = None, namespace: str = NAMESPACE) -> str:
    held = f"<t:Token>{token}</t:Token>" if token else ""
    return (
        f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:t="{namespace}"><s:Header>'
        f"<t:Authentication><t:PlatformType>x</t:PlatformType><t:SystemName>y</t:SystemName>{held}"
        f"</t:Authentication></s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )


async def test_s1_the_door_gives_its_wsdl_with_its_own_address(rio: Rio) -> None:
    given = await rio.client.get(f"{rio.url}/API/4.0/ApiService?wsdl")

    found = etree.fromstring(given.content).xpath("//*[local-name()='address']/@location")
    assert found == [f"{rio.url}/API/4.0/ApiService"]


async def test_s1_it_takes_soap_11_and_nothing_else(rio: Rio) -> None:
    good = envelope("<t:GetTeams/>", rio.token)

    assert (await post(rio, good)).status_code == 200
    assert (await post(rio, good, Content_Type="application/soap+xml")).status_code == 415
    for unreadable in (
        "",
        "GetTeams",
        "<GetTeams/>",
        envelope("", rio.token),
        envelope("<t:GetEverything/>", rio.token),
        envelope("<t:GetTeams/>", rio.token, "urn:social-prescribing-gateway:rio-like:API:4.1"),
        good.encode("utf-16")[:-3],
    ):
        answer = await post(rio, unreadable)
        assert (answer.status_code, "INVALID_REQUEST" in answer.text) == (400, True)


@pytest.mark.parametrize(
    "bomb",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
    ],
)
async def test_s1_entities_and_dtds_are_refused(rio: Rio, bomb: str) -> None:
    answer = await post(rio, bomb + envelope("<t:GetTeams/>", rio.token))

    assert (answer.status_code, "without DTD" in answer.text) == (400, True)


@pytest.mark.parametrize(
    "body",
    [
        "<t:GetClient/>",
        "<t:GetClient><t:ClientID>12-34</t:ClientID></t:GetClient>",
        "<t:GetClient><t:ClientID>1</t:ClientID><t:NHSNumber>9992047186</t:NHSNumber></t:GetClient>",
    ],
)
async def test_s1_what_the_wsdl_does_not_allow_is_told_without_the_value(rio: Rio, body: str) -> None:
    answer = await post(rio, envelope(body, rio.token), "GetClient")

    assert (answer.status_code, "INVALID_REQUEST" in answer.text) == (200, True)
    assert "12-34" not in answer.text


async def test_s1_soapaction_and_body_must_be_of_one_operation(rio: Rio) -> None:
    answer = await post(rio, envelope("<t:GetTeams/>", rio.token), "GetClient")

    assert (answer.status_code, "SOAPAction" in answer.text) == (200, True)


async def test_s2_a_token_comes_from_a_password_or_a_device(serve: Serve) -> None:
    async with serve() as rio:
        plain = await rio.authenticate()
        device = await rio.authenticate(authenticationType="DEVICE", token="mock-rio-device")

        assert plain.Token != device.Token
        assert plain.LifetimeSeconds == 1200
        assert len(await rio.call("GetTeams")) == 5


async def test_s2_who_is_not_known_gets_a_401(serve: Serve) -> None:
    async with serve() as rio:
        wrong = {"authenticationType": "PLAIN", "userName": "gateway", "password": "guess"}
        assert await rio.refused("Authenticate", **wrong) == "NOT_AUTHENTICATED"
        assert await rio.refused("Authenticate", authenticationType="DEVICE", token="?") == "DEVICE_NOT_REGISTERED"
        assert await rio.refused("GetTeams") == "NOT_AUTHENTICATED"
        answer = await post(rio, envelope("<t:GetTeams/>", "made-up"))
        assert (answer.status_code, "SESSION_EXPIRED" in answer.text) == (401, True)


async def test_s2_a_session_ends_after_its_time_however_busy(serve: Serve) -> None:
    async with serve(session_seconds=0) as rio:
        await rio.authenticate()

        assert await rio.refused("GetTeams") == "SESSION_EXPIRED"


async def test_s3_a_refusal_is_a_soap_fault_inside_a_200(rio: Rio) -> None:
    body = "<t:GetAlerts><t:ClientID>999</t:ClientID></t:GetAlerts>"

    answer = await post(rio, envelope(body, rio.token), "GetAlerts")

    assert (answer.status_code, "CLIENT_NOT_FOUND" in answer.text) == (200, True)
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"


async def test_s13_each_write_is_counted_with_its_key(rio: Rio, referral: dict[str, Any], note: dict[str, Any]) -> None:
    await rio.call("CreateReferral", **referral)
    rio.headers["X-Request-Id"] = "d-17"
    await rio.call("AddProgressNote", **note)
    await rio.call("AddProgressNote", **note)

    effects = (await rio.client.get(f"{rio.url}/effects")).json()

    assert [(one["Target"], one["Key"]) for one in effects] == [
        ("Referral/1/1", "SP-4821-0937-5564"),
        ("ProgressNote/1/1", "d-17"),
        ("ProgressNote/2/1", "d-17"),
    ]
    assert effects[1]["Digest"] == effects[2]["Digest"] != effects[0]["Digest"]  # the same was written twice


async def test_s1_broken_requests_are_refused_and_break_nothing(rio: Rio, note: dict[str, Any]) -> None:
    good = envelope(
        f"<t:AddProgressNote><t:ClientID>{MAGGIE}</t:ClientID><t:NoteDateTime>2026-01-13T09:00:00Z</t:NoteDateTime>"
        "<t:NoteType>SOCPRES</t:NoteType><t:NoteText>Zoë &amp; Ödön</t:NoteText></t:AddProgressNote>",
        rio.token,
    ).encode()
    dice = random.Random(4)
    seen = set()
    for _ in range(300):
        broken = bytearray(good)
        for _ in range(dice.randint(1, 3)):
            place = dice.randrange(len(broken))
            broken[place : place + dice.randint(0, 8)] = dice.randbytes(dice.randint(0, 4))
        seen.add((await post(rio, bytes(broken), "AddProgressNote")).status_code)

    assert seen <= {200, 400, 401}
    await rio.call("AddProgressNote", **note)
