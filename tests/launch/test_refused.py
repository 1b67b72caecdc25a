"""A SMART launch that is not one of ours, or that the EPR does not do its part of: a page that says so, no more."""

import pytest
from tests.launch.launcher import NOBODY, Launcher


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?iss=&launch=",
        f"?iss={NOBODY}",
        "?launch=abc",
        f"?iss={NOBODY}&launch={'x' * 2001}",
    ],
)
async def test_a_launch_that_lacks_something(launcher: Launcher, query: str) -> None:
    answer = await launcher.browser().get(f"/launch{query}")

    assert answer.status_code == 400
    assert "Open it from a record" in answer.text


@pytest.mark.parametrize(
    "issuer",
    [
        "https://evil.example/FHIR/R4",
        "http://127.0.0.1:1/FHIR/R4/..",
        "http://127.0.0.1:1/FHIR/R4/x",
        "http://127.0.0.1:1@evil.example/FHIR/R4",
        "northdale-rio-pages",  # the id of its entry is no issuer
    ],
)
async def test_another_issuer_opens_nothing(launcher: Launcher, issuer: str) -> None:
    answer = await launcher.browser().get("/launch", params={"iss": issuer, "launch": "abc"})

    assert answer.status_code == 403
    assert "not registered here" in answer.text
    assert "location" not in answer.headers


async def test_an_epr_that_does_not_answer(launcher: Launcher) -> None:
    answer = await launcher.browser().get("/launch", params={"iss": NOBODY, "launch": "abc"})

    assert answer.status_code == 502
    assert "open social prescribing again" in answer.text


@pytest.mark.parametrize("query", ["", "?state=x&code=y", "?state=&code=", "?error=access_denied", "?state=%00&code=y"])
async def test_coming_back_from_nowhere(launcher: Launcher, query: str) -> None:
    answer = await launcher.browser().get(f"/launch/callback{query}")

    assert answer.status_code == 400
    assert "set-cookie" not in answer.headers


async def test_pages_of_no_session(launcher: Launcher) -> None:
    for page in ("/app/p/none/refer", "/app/p/01999999-9999-7999-8999-999999999999/refer", "/app/p/%00/refer"):
        answer = await launcher.browser().get(page)
        assert answer.status_code in {400, 401, 404}, page
        assert answer.headers.get("content-security-policy", "frame-ancestors 'none'").endswith(
            "frame-ancestors 'none'"
        )
