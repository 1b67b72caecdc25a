"""Who may look: users with their team's caseload, and nobody else."""

from typing import Any

import pytest
from tests.mock_rio.face.launching import PETROV
from tests.mock_rio.rio import MAGGIE, Rio

OKAFOR = "0045678"  # of the Early Intervention Team
MARSH = "0050005"  # sensitive
TABS = ("", "/notes", "/social-prescribing", "/social-prescribing/signed")


async def look(rio: Rio, path: str) -> tuple[int, str]:
    answer = await rio.client.get(rio.url + path)
    return answer.status_code, answer.text


async def test_the_caseload_is_that_of_the_users_team(rio: Rio) -> None:
    status, asked = await look(rio, "/")
    assert (status, "HARROW" in asked) == (200, False)
    assert "amara.osei" in asked  # whoever tries it out finds the names and passwords there

    signed_in = await rio.sign_in("amara.osei")

    kept = signed_in.headers["set-cookie"].lower()
    assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/")
    assert "httponly" in kept
    assert "samesite=lax" in kept
    _, page = await look(rio, "/")
    assert "Caseload of Recovery Team North" in page
    assert "HARROW, Margaret Anne" in page
    assert "OKAFOR" not in page

    await rio.sign_in("tor.lindqvist")
    _, page = await look(rio, "/")
    assert "OKAFOR, Denise" in page
    assert "HARROW" not in page


@pytest.mark.parametrize(("name", "password"), [("amara.osei", "demo1"), ("nobody", "demo"), ("", ""), ("JWEIR", "é")])
async def test_no_session_without_the_right_password(rio: Rio, name: str, password: str) -> None:
    refused = await rio.sign_in(name, password)

    assert refused.status_code == 401
    assert "set-cookie" not in refused.headers
    assert "do not fit" in refused.text


@pytest.mark.parametrize("tab", TABS)
async def test_a_record_opens_for_its_own_team_alone(rio: Rio, tab: str) -> None:
    status, page = await look(rio, f"/clients/{MAGGIE}{tab}")
    assert (status, "Harrow" in page.title()) == (401, False)

    await rio.sign_in("amara.osei")
    status, page = await look(rio, f"/clients/{OKAFOR}{tab}")
    assert (status, "not in your team" in page, "Denise" in page) == (403, True, False)
    status, page = await look(rio, f"/clients/9{tab}")
    assert (status, "No client has this ClientID" in page) == (404, True)


async def test_signing_out_ends_the_session(rio: Rio) -> None:
    await rio.sign_in("amara.osei")
    cookie = dict(rio.client.cookies)
    assert (await look(rio, f"/clients/{PETROV}"))[0] == 200

    await rio.client.post(f"{rio.url}/sign-out")

    rio.client.cookies.update(cookie)  # of whoever kept it
    assert (await look(rio, f"/clients/{PETROV}"))[0] == 401


async def test_a_sensitive_record_says_so(rio: Rio) -> None:
    await rio.sign_in("amara.osei")

    for tab in ("", "/notes", "/social-prescribing"):
        assert "Closed to connected systems" in (await look(rio, f"/clients/{MARSH}{tab}"))[1]


async def test_no_page_runs_script_or_is_framed(rio: Rio) -> None:
    await rio.sign_in("amara.osei")

    for path in ("/", f"/clients/{MAGGIE}", f"/clients/{OKAFOR}", "/clients/9"):
        policy = (await rio.client.get(rio.url + path)).headers["content-security-policy"].split("; ")
        assert {"script-src 'none'", "frame-ancestors 'none'", "form-action 'self'"} < set(policy)
        assert "frame-src 'self' http://127.0.0.1:8000" in policy


async def test_a_note_is_validated_once_by_somebody_who_may_see_it(rio: Rio, note: dict[str, Any]) -> None:
    await rio.call("AddProgressNote", **note)
    await rio.call("AddProgressNote", **note)
    await rio.call("AmendProgressNote", ClientID=MAGGIE, NoteNum=2, SubNum=1, EnteredInError=True)
    address = f"{rio.url}/clients/{MAGGIE}/notes"

    async def validated() -> list[Any]:
        return [chain[-1]["VerifiedBy"] for chain in (await rio.chart())["notes"]]

    assert (await rio.client.post(f"{address}/1/validate")).status_code == 401
    await rio.sign_in("tor.lindqvist")
    assert (await rio.client.post(f"{address}/1/validate")).status_code == 403
    await rio.sign_in("amara.osei")
    await rio.client.post(f"{rio.url}/clients/{PETROV}/notes/1/validate")  # a note of somebody else
    assert await validated() == [None, None]

    for number in (1, 2):
        answer = await rio.client.post(f"{address}/{number}/validate")
        assert (answer.status_code, answer.headers["location"]) == (303, f"/clients/{MAGGIE}/notes")
    assert "Validated by Dr Amara Osei" in (await rio.client.get(address)).text
    await rio.sign_in("records")
    await rio.client.post(f"{address}/1/validate")

    assert await validated() == ["AOSEI", None]  # by the first; not what was entered in error


async def test_script_in_any_text_is_shown_inert(
    rio: Rio, referral: dict[str, Any], note: dict[str, Any], document: dict[str, Any]
) -> None:
    script = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    await rio.call("CreateReferral", **referral | {"Comment": script})
    await rio.call("AddProgressNote", **note | {"NoteText": script})
    await rio.call("AddDocument", **document | {"Title": script, "FileName": script, "Content": script.encode()})
    await rio.call("AddAlternativeId", ClientID=MAGGIE, System=script, Value=script)
    await rio.sign_in("amara.osei")

    pages = [(await look(rio, f"/clients/{MAGGIE}{tab}"))[1] for tab in ("", "/notes")]

    assert [page.count("<script") + page.count("<img") for page in pages] == [0, 0]
    assert all("&lt;script&gt;alert(1)" in page for page in pages)
