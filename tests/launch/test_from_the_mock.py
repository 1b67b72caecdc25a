"""From a record of the mock RiO into the pages, both on real ports, by a browser that follows where it is sent."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import httpx
import orjson
import pytest
from joserfc.jwk import ECKey, KeySet
from sqlalchemy import select
from tests.app import Running, start
from tests.mock_rio.face.launching import PETROV, frame_of
from tests.rio.story import SECRET
from tests.serving import serving

from adapters.rio.mock import App, build_mock, load_key
from adapters.rio.mock.smart import new_key
from gateway.demo.parties import MOCK, demo_parties
from gateway.parties import read_parties, register
from gateway.store.schema import launch_session, metadata


@dataclass
class Trust:
    """A gateway and the mock RiO that opens it: their addresses."""

    running: Running
    gateway: str
    rio: str

    @asynccontextmanager
    async def browser(self, user: str = "amara.osei") -> AsyncIterator[httpx.AsyncClient]:
        """Signed in at the mock. It keeps cookies and follows redirects."""
        async with httpx.AsyncClient(trust_env=False, follow_redirects=True, timeout=30) as http:
            signed_in = await http.post(f"{self.rio}/sign-in", data={"name": user, "password": "demo"})
            assert signed_in.status_code == 200
            yield http

    async def open(self, http: httpx.AsyncClient, tab: str = f"/clients/{PETROV}/social-prescribing") -> httpx.Response:
        """The page in the frame of a record."""
        record = await http.get(f"{self.rio}{tab}")
        return await http.get(frame_of(record.text))

    async def holding(self, text: str) -> list[str]:
        """The tables that hold this text."""
        async with self.running.store.reading() as connection:
            rows = {table.name: (await connection.execute(select(table))).all() for table in metadata.sorted_tables}
        return [name for name, held in rows.items() if text in str(held)]


@asynccontextmanager
async def opened_by_the_mock(
    database_url: str, folder: Path, registered: ECKey | None = None, key_file: Path | None = None
) -> AsyncIterator[Trust]:
    """`registered` is the gateway's key at the mock, `key_file` what it signs with: neither for a public client."""
    running = await start(database_url, folder)
    async with serving(running.app) as gateway:
        running.app.state.gateway.settings.base_url = gateway
        face = App(gateway=gateway, keys=KeySet([registered]) if registered else None)
        async with serving(build_mock(SECRET, face=face, key=load_key(folder / "keys" / f"{MOCK}.json"))) as rio:
            parties = demo_parties(folder / "keys", f"{rio}/FHIR/R4", f"{rio}/API/4.0")
            document = orjson.loads(parties.model_dump_json())
            document["organisations"][0]["eprs"][0]["key_file"] = str(key_file) if key_file else None
            await register(running.store, read_parties(document, "parties of a test"))
            yield Trust(running, gateway, rio)
    await running.stop()


@pytest.fixture
async def trust(database_url: str, tmp_path: Path) -> AsyncIterator[Trust]:
    async with opened_by_the_mock(database_url, tmp_path) as trust:
        yield trust


def kept(key: ECKey, folder: Path) -> Path:
    file = folder / "epr-key.json"
    file.write_text(json.dumps(key.as_dict(private=True)))
    return file


@pytest.mark.parametrize("confidential", [False, True])
async def test_a_record_opens_the_page_of_its_person(database_url: str, tmp_path: Path, confidential: bool) -> None:
    key = new_key() if confidential else None
    key_file = kept(key, tmp_path) if key else None
    async with opened_by_the_mock(database_url, tmp_path, key, key_file) as trust, trust.browser() as http:
        page = await trust.open(http)

        assert page.status_code == 200, page.text
        assert str(page.url).startswith(f"{trust.gateway}/app/p/")
        assert "Petrov" in page.text
        ways = [one.url.path for one in page.history]
        assert ways == ["/launch", "/oauth2/authorize", "/launch/callback"]


async def test_the_token_stays_with_the_gateway_and_is_kept_encrypted(trust: Trust) -> None:
    async with trust.browser() as http:
        page = await trust.open(http)
        form = await http.get(f"{page.url}/refer")
        seen = [(one.url, one.headers, one.text) for one in (*page.history, page, form)]

        async with trust.running.store.reading() as connection:
            [row] = (await connection.execute(select(launch_session))).all()
        token = trust.running.app.state.seal.open(row.token)
        assert token
        told = await http.get(f"{trust.rio}/FHIR/R4/Patient/{PETROV}", headers={"Authorization": f"Bearer {token}"})
        assert told.json()["id"] == PETROV  # it is the EPR's token, and a good one
        assert token not in str(seen)
        assert token not in str(list(http.cookies.jar))
        assert await trust.holding(token) == []
        assert await trust.holding(row.token) == ["launch_session"]


async def test_the_form_is_filled_from_what_that_token_may_read(trust: Trust) -> None:
    async with trust.browser() as http:
        page = await trust.open(http)
        form = await http.get(f"{page.url}/refer")

    assert '<option value="social-interaction" selected' in form.text  # the record's "Feeling lonely"
    assert 'value="Polish"' in form.text


async def test_the_team_opens_about_nobody(trust: Trust) -> None:
    async with trust.browser() as http:
        page = await http.get(f"{trust.rio}/team")

    assert page.status_code == 200, page.text
    assert re.fullmatch(rf"{trust.gateway}/app/p/[^/]+/team", str(page.url))
    assert "Recovery Team North" in page.text


async def test_a_team_that_is_not_active_gets_no_further(trust: Trust) -> None:
    async with trust.browser("tor.lindqvist") as http:
        page = await trust.open(http, "/clients/0045678/social-prescribing")

    assert page.status_code == 403
    assert "Early Intervention Team" in page.text
    assert "Okafor" not in page.text


async def test_who_is_not_signed_in_at_the_mock_gets_nowhere(trust: Trust) -> None:
    async with trust.browser() as http:
        record = await http.get(f"{trust.rio}/clients/{PETROV}/social-prescribing")
    async with httpx.AsyncClient(trust_env=False, follow_redirects=True, timeout=30) as stranger:
        page = await stranger.get(frame_of(record.text))

    assert (page.status_code, page.text) == (401, "Sign in to the record system first.")


async def test_what_the_mock_refuses_opens_nothing(trust: Trust) -> None:
    async with trust.browser() as http:
        record = await http.get(f"{trust.rio}/clients/{PETROV}/social-prescribing")
        assert (await http.get(frame_of(record.text))).status_code == 200
        again = await http.get(frame_of(record.text))  # this launch was used

    assert (again.status_code, again.url.path) == (403, "/launch/callback")
    assert "did not allow the launch" in again.text
    assert "Petrov" not in again.text


@pytest.mark.parametrize("how", ["another key", "no key", "no file", "no JWK"])
async def test_a_gateway_that_cannot_prove_who_it_is_opens_nothing(database_url: str, tmp_path: Path, how: str) -> None:
    files = {"another key": kept(new_key(), tmp_path), "no file": tmp_path / "gone.json", "no JWK": tmp_path / "empty"}
    (tmp_path / "empty").write_text("{}")
    async with opened_by_the_mock(database_url, tmp_path, new_key(), files.get(how)) as trust, trust.browser() as http:
        page = await trust.open(http)

        assert page.status_code == 502
        assert "did not answer as expected" in page.text
        assert str(tmp_path) not in page.text


async def test_cards_are_asked_for_as_the_gateway_demands_and_their_link_opens_the_form(trust: Trust) -> None:
    """The need that is coded in the record comes with the link, so that it is chosen in the form."""
    async with trust.browser() as http:
        overview = await http.get(f"{trust.rio}/clients/{PETROV}")
        [tab] = re.findall(r'href="([^"]+\?card=[^"]+)">Write the referral', overview.text)
        page = await trust.open(http, unescape(tab))
        async with trust.running.store.reading() as connection:
            [row] = (await connection.execute(select(launch_session))).all()

    assert "Refer to social prescribing? Social interaction" in unescape(overview.text)
    assert page.status_code == 200
    assert orjson.loads(row.content)["suggested"] == ["social-interaction"]


async def test_no_cards_for_a_team_that_is_not_active(trust: Trust) -> None:
    async with trust.browser("tor.lindqvist") as http:
        overview = await http.get(f"{trust.rio}/clients/0045678")

    assert overview.status_code == 200
    assert 'aria-label="Advice"' not in overview.text
