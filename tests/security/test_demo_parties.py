"""The demo's parties, and getting a token as one of them over a real connection."""

import asyncio
import socket
import stat
from pathlib import Path

import pytest
from joserfc.jwk import import_key
from starlette.applications import Starlette
from starlette.routing import Route
from tests.serving import serving

from gateway.demo.parties import demo_parties, private_key
from gateway.parties import Directory, register
from gateway.security import Gatekeeper, fetch_token, token_endpoint
from gateway.store.engine import Store


def test_each_machine_makes_its_own_keys_once(tmp_path: Path) -> None:
    first = demo_parties(tmp_path)

    assert demo_parties(tmp_path) == first
    for client in first.clients:
        assert stat.S_IMODE((tmp_path / f"{client.id}.json").stat().st_mode) == 0o600
        key = private_key(client.id, tmp_path)
        assert [import_key(key).as_dict(private=False)] == client.jwks.keys


def test_the_callback_is_where_the_mock_listens(tmp_path: Path) -> None:
    parties = demo_parties(tmp_path, "http://127.0.0.1:9/FHIR/R4")

    assert {destination.url for destination in parties.destinations} == {"http://127.0.0.1:9/FHIR/R4"}


def test_an_unknown_client_is_told_whom_there_is(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="make serve"):
        private_key("demo-epr", tmp_path)
    demo_parties(tmp_path)
    with pytest.raises(LookupError, match="demo-epr, demo-epr-2, demo-investigator, demo-operator, demo-platform"):
        private_key("demo-erp", tmp_path)


async def test_a_demo_client_gets_its_token(store: Store, tmp_path: Path) -> None:
    await register(store, demo_parties(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        base_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        gatekeeper = Gatekeeper("a secret of the tests, forty characters..", base_url)
        endpoint = token_endpoint(store, Directory(store), gatekeeper)
        app = Starlette(routes=[Route("/oauth2/token", endpoint, methods=["POST"])])
        async with serving(app, listening):
            key = private_key("demo-epr", tmp_path)
            answer = await asyncio.to_thread(fetch_token, base_url, "demo-epr", key, "system/Task.rs")
            with pytest.raises(PermissionError, match="invalid_client"):
                await asyncio.to_thread(fetch_token, base_url, "demo-platform", key)

    caller = gatekeeper.caller(f"Bearer {answer['access_token']}")
    assert (caller.client_id, caller.organisation) == ("demo-epr", "XND01")
    assert caller.scopes == {"system/Task.rs"}
