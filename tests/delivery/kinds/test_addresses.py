"""Destinations that no adapter calls: the same for each kind."""

import socket
from pathlib import Path
from typing import Any

import pytest
from tests.certificates import certificate, server_side
from tests.delivery.kinds.told import to
from tests.delivery.neighbours import Asked, answer, neighbour

from adapters.ports import Adapter


def lead_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """The DNS leads the invented host to these, one after the other; returns the names that were looked up."""
    looked_up: list[str] = []

    def getaddrinfo(host: Any, port: Any, *_: Any, **__: Any) -> list[Any]:
        looked_up.append(str(host))
        address = addresses[min(len(looked_up), len(addresses)) - 1]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return looked_up


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.5",
        "172.16.0.1",
        "192.168.1.1",
        "127.0.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1",
        "fd00::1",
        "::ffff:10.0.0.5",
        "::ffff:169.254.169.254",
        "64:ff9b::a00:5",  # 10.0.0.5 by NAT64
        "64:ff9b::a9fe:a9fe",
    ],
)
async def test_a_name_that_leads_into_a_private_network_is_not_called(
    adapter: Adapter, secret: str, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    lead_to(monkeypatch, address)

    answered = await adapter.send(to("https://epr.example/FHIR/R4", secret))

    assert (answered.delivered, answered.phase, answered.milliseconds) == (False, "connect", 0)
    assert answered.answer == "The host has an address that the gateway does not call."


@pytest.mark.parametrize("address", ["169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fe80::1"])
async def test_where_clouds_keep_their_secrets_is_never_called(
    adapter: Adapter, secret: str, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    lead_to(monkeypatch, address)

    answered = await adapter.send(to("https://epr.example/FHIR/R4", secret, private=True))

    assert answered.answer == "The host has an address that the gateway does not call."


@pytest.mark.parametrize(
    "url", ["http://localhost:{port}", "http://127.0.0.1:{port}", "http://[::ffff:127.0.0.1]:{port}"]
)
async def test_this_machine_is_called_only_when_it_is_registered_so(adapter: Adapter, secret: str, url: str) -> None:
    called = []

    async def take(asked: Asked, writer: Any) -> None:
        called.append(asked)
        answer(writer, 200)

    async with neighbour(take) as there:
        place = url.format(port=there.rpartition(":")[2])
        refused = await adapter.send(to(place, secret))
        assert (refused.delivered, called) == (False, [])
        if "ffff" not in url:
            assert (await adapter.send(to(place, secret, private=True))).delivered


@pytest.mark.parametrize(
    "url", ["http://epr.example/FHIR", "ftp://epr.example/", "https://a:b@epr.example/", "https://x/?a"]
)
async def test_what_is_no_destination_is_not_called(adapter: Adapter, secret: str, url: str) -> None:
    answered = await adapter.send(to(url, secret, private=True))

    assert (answered.delivered, answered.phase) == (False, "connect")
    assert answered.answer.startswith("The address must")


async def test_a_name_that_no_dns_can_hold_is_no_crash(adapter: Adapter, secret: str) -> None:
    answered = await adapter.send(to(f"https://{'a' * 64}.example/", secret))

    assert (answered.delivered, answered.answer) == (False, "The host has no address.")


async def test_the_address_that_was_checked_is_the_one_that_is_called(
    adapter: Adapter, secret: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = []

    async def take(asked: Asked, writer: Any) -> None:
        hosts.append(asked.headers["host"])
        answer(writer, 200)

    pem, key = certificate(tmp_path, "epr", host="epr.example")
    async with neighbour(take, server_side(pem, key)) as there:
        port = there.rpartition(":")[2]
        looked_up = lead_to(monkeypatch, "127.0.0.1", "10.0.0.5")
        place = to(f"https://epr.example:{port}", secret, private=True, tls={"authority": str(pem)})
        answers = [await adapter.send(place) for _ in range(3)]

    assert [one.delivered for one in answers] == [True] * 3
    assert looked_up == ["epr.example"]  # once, so that the second answer of the DNS changes nothing
    assert hosts == [f"epr.example:{port}"] * 3
