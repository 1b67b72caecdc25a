"""Who may see what in the mock's pages."""

import pytest
from tests.mock_rio.rio import MAGGIE, Rio


async def test_nothing_is_shown_before_sign_in(rio: Rio) -> None:
    for path in ("/", f"/clients/{MAGGIE}", f"/clients/{MAGGIE}/notes", f"/clients/{MAGGIE}/social-prescribing"):
        page = await rio.client.get(rio.url + path)
        assert "Sign in to the mock EPR" in page.text
        assert "Harrow" not in page.text.replace("HARROW", "Harrow")


@pytest.mark.parametrize(
    ("name", "password"), [("amara.osei", "wrong"), ("nobody", "demo"), ("", ""), ("j.weir", "demo")]
)
async def test_who_is_not_known_stays_outside(rio: Rio, name: str, password: str) -> None:
    answer = await rio.sign_in(name, password)

    assert answer.status_code == 401
    assert "do not fit" in answer.text


async def test_a_user_sees_their_own_teams_people(rio: Rio) -> None:
    await rio.sign_in("tor.lindqvist")

    caseload = (await rio.client.get(rio.url)).text
    closed = await rio.client.get(f"{rio.url}/clients/{MAGGIE}/social-prescribing")

    assert "OKAFOR" in caseload
    assert "HARROW" not in caseload
    assert closed.status_code == 403
    assert "not in your team" in closed.text
    assert "launch=" not in closed.text
    assert (await rio.client.post(f"{rio.url}/clients/{MAGGIE}/notes/1/validate")).status_code == 403


async def test_the_records_desk_sees_all_and_signs_out(rio: Rio) -> None:
    await rio.sign_in()
    assert "HARROW" in (await rio.client.get(rio.url)).text

    await rio.client.post(f"{rio.url}/sign-out")

    assert "Sign in to the mock EPR" in (await rio.client.get(rio.url)).text


async def test_a_record_opens_whoever_gives_no_cards(rio: Rio) -> None:
    """Nobody listens at the gateway's address in this test."""
    await rio.sign_in()

    assert "HARROW" in (await rio.client.get(f"{rio.url}/clients/{MAGGIE}")).text


async def test_the_frame_is_for_the_gateway_alone(rio: Rio) -> None:
    await rio.sign_in()

    policy = (await rio.client.get(f"{rio.url}/clients/{MAGGIE}/social-prescribing")).headers["content-security-policy"]

    assert "frame-src 'self' http://127.0.0.1:8000" in policy
    assert "frame-ancestors 'none'" in policy
