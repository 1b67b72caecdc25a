"""Which addresses lead to a registered server, and which only look as if they did."""

import asyncio

import pytest

from adapters.http import DestinationError, addresses_of
from adapters.source.address import Server, check_base, locate

EPR = Server("https://epr.example/FHIR/R4", "Bearer secret")
TENANT = Server("https://epr.example/FHIR/R4/tenant")
HERE = Server("http://127.0.0.1:8080/fhir", private=True)
SERVERS = [EPR, TENANT, HERE]


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        ("https://epr.example/FHIR/R4/ServiceRequest/12", "https://epr.example/FHIR/R4/ServiceRequest/12"),
        ("HTTPS://EPR.example:443/FHIR/R4/ServiceRequest/12", "https://epr.example/FHIR/R4/ServiceRequest/12"),
        ("https://epr.example/FHIR/R4/Patient/a-1.b/_history/3", "https://epr.example/FHIR/R4/Patient/a-1.b"),
        ("https://epr.example/FHIR/R4/tenant/Patient/1", "https://epr.example/FHIR/R4/tenant/Patient/1"),
        ("http://127.0.0.1:8080/fhir/Patient/1", "http://127.0.0.1:8080/fhir/Patient/1"),
    ],
)
def test_an_absolute_reference_under_a_registered_base(reference: str, url: str) -> None:
    place = locate(reference, SERVERS)

    assert place is not None
    assert place.url == url


def test_a_relative_reference_is_on_the_server_of_its_holder() -> None:
    place = locate("Patient/1/_history/2", SERVERS, TENANT)

    assert place is not None
    assert (place.url, place.type) == ("https://epr.example/FHIR/R4/tenant/Patient/1", "Patient")
    assert locate("Patient/1", SERVERS) is None


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "#contained",
        "urn:uuid:6b1f0c52-4a3e-4a1e-9f65-0d7c2f1a9e05",
        "http://epr.example/FHIR/R4/Patient/1",
        "https://epr.example:8443/FHIR/R4/Patient/1",
        "https://epr.example.evil.example/FHIR/R4/Patient/1",
        "https://epr.example@evil.example/FHIR/R4/Patient/1",
        "https://evil.example\\@epr.example/FHIR/R4/Patient/1",
        "https://evil.example#@epr.example/FHIR/R4/Patient/1",
        "https://epr.example./FHIR/R4/Patient/1",
        "https://ePR.example/fhir/r4/Patient/1",
        "https://epr.examp\u217ee/FHIR/R4/Patient/1",
        "https://\u212aepr.example/FHIR/R4/Patient/1",
        "https://epr.example/FHIR/R4/Patient/../Patient/1",
        "https://epr.example/FHIR/R4/Patient/..",
        "https://epr.example/FHIR/R4/Patient/.",
        "https://epr.example/FHIR/R4/../R4/Patient/1",
        "https://epr.example/FHIR/R4/%2e%2e/admin/Patient/1",
        "https://epr.example/FHIR/R4/Patient/1%2f..",
        "https://epr.example/FHIR/R4//Patient/1",
        "https://epr.example/FHIR/R40/Patient/1",
        "https://epr.example/FHIR/R4/Patient/1/",
        "https://epr.example/FHIR/R4/Patient/1/$everything",
        "https://epr.example/FHIR/R4/Patient?name=x",
        "https://epr.example/FHIR/R4/Patient/1?_format=xml",
        "https://epr.example/FHIR/R4/Patient/1\n",
        " https://epr.example/FHIR/R4/Patient/1",
        "https://epr.example/FHIR/R4/patient/1",
        f"https://epr.example/FHIR/R4/Patient/{'1' * 65}",
        "https:epr.example/FHIR/R4/Patient/1",
        "file:///FHIR/R4/Patient/1",
        "gopher://epr.example/FHIR/R4/Patient/1",
        "https://[::1]/FHIR/R4/Patient/1",
    ],
)
def test_anything_else_leads_nowhere(reference: str) -> None:
    assert locate(reference, SERVERS) is None


def test_a_relative_reference_cannot_leave_the_base() -> None:
    for reference in (
        "Patient/..",
        "../Patient/1",
        "Patient/1/../../x",
        "/Patient/1",
        "Patient/1?a",
        "//evil.example/Patient/1",
    ):
        assert locate(reference, SERVERS, EPR) is None


@pytest.mark.parametrize(
    "base",
    [
        "http://epr.example/FHIR",
        "https://user:password@epr.example/FHIR",
        "https://epr.example/FHIR?tenant=1",
        "https://epr.example/a/../FHIR",
        "https://epr.example/a%2fFHIR",
        "https://épr.example/FHIR",
        "https://",
        "ftp://epr.example",
    ],
)
def test_a_base_that_cannot_be_registered(base: str) -> None:
    with pytest.raises(DestinationError):
        check_base(base)


def test_a_base_is_kept_without_its_last_slash() -> None:
    assert check_base("https://epr.example/FHIR/R4/") == "https://epr.example/FHIR/R4"


PRIVATE = [
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "127.0.0.1",
    "2130706433",
    "[::1]",
    "[fd00::1]",
    "[::ffff:10.0.0.1]",
    "[64:ff9b::a00:1]",
]
NEVER = [
    "169.254.169.254",
    "0.0.0.0",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "[fe80::1]",
    "[ff02::1]",
    "[::]",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
]


@pytest.mark.parametrize("host", PRIVATE)
async def test_private_addresses_are_called_only_where_they_are_registered(host: str) -> None:
    with pytest.raises(DestinationError):
        await addresses_of(f"https://{host}/FHIR", private=False)
    assert len(await addresses_of(f"https://{host}/FHIR", private=True)) == 1


@pytest.mark.parametrize("host", NEVER)
async def test_addresses_of_links_groups_and_nobody_are_never_called(host: str) -> None:
    with pytest.raises(DestinationError):
        await addresses_of(f"https://{host}/FHIR", private=True)


@pytest.mark.parametrize("host", ["93.184.215.14", "[2606:2800:21f:cb07:6820:80da:af6b:8b2c]", "[64:ff9b::5db8:d70e]"])
async def test_public_addresses_are_called(host: str) -> None:
    assert len(await addresses_of(f"https://{host}/FHIR", private=False)) == 1


async def test_one_private_address_among_others_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    async def both(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(2, 1, 6, "", ("93.184.215.14", 443)), (2, 1, 6, "", ("10.0.0.1", 443))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", both)
    with pytest.raises(DestinationError):
        await addresses_of("https://epr.example/FHIR", private=False)
    assert await addresses_of("https://epr.example/FHIR", private=True) == ["93.184.215.14", "10.0.0.1"]
