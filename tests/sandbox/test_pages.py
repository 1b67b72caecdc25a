"""The pages of a tenant stand under its address: links, forms, assets and cookies."""

import re
from collections.abc import Iterator

import httpx
import pytest
from tests.sandbox.engineer import ACCEPTED, DEAD, Engineer, wait_for

LINK = re.compile(r'(?:href|src|action)="(/[^"]*)"')


@pytest.fixture
def browser(ann: Engineer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=ann.sandbox.url, follow_redirects=True, timeout=30) as http:
        yield http


def test_an_operator_signs_in_and_all_links_stay_inside(ann: Engineer, browser: httpx.Client) -> None:
    task = ann.refer(DEAD)
    wait_for(lambda: ann.deliveries(task)[0]["attempts"])
    prefix = f"/t/{ann.tenant}"
    page = browser.get(f"{prefix}/app/deliveries")
    assert page.url.path == f"{prefix}/app/sign-in"
    page = browser.post(f"{prefix}/app/sign-in", data={"token": ann.token("sandbox-operator")})
    assert page.url.path == f"{prefix}/app/deliveries"
    assert "Sandbox" in page.text or "sandbox" in page.text
    links = LINK.findall(page.text)
    assert links
    assert all(one.startswith(f"{prefix}/") for one in links), links
    for one in links:
        if "/assets/" in one:
            assert browser.get(one).status_code == 200
    cookies = [one for one in browser.cookies.jar if one.name == "gateway-session"]
    assert [one.path for one in cookies] == [f"{prefix}/app"]


def test_the_session_of_one_tenant_is_none_of_another(ann: Engineer, browser: httpx.Client) -> None:
    browser.post(f"/t/{ann.tenant}/app/sign-in", data={"token": ann.token("sandbox-operator")})
    bob = ann.sandbox.join("Bob")
    assert browser.get(f"/t/{bob.tenant}/app/deliveries").url.path == f"/t/{bob.tenant}/app/sign-in"


def test_each_answer_leads_to_its_rules(ann: Engineer) -> None:
    rules = f"<{ann.told['base_url']}/docs/rules"
    unknown = ann.call("sandbox-epr", "GET", "/FHIR/R4/Task/nobody")
    assert unknown.headers["link"] == f'{rules}#error-not-found>; rel="help"'
    unread = ann.call("sandbox-epr", "POST", "/FHIR/R4", None)
    assert "#error-" in unread.headers["link"]
    nobody = ann.sandbox.http.get(f"{ann.told['base_url']}/FHIR/R4/Task/1")
    assert nobody.headers["link"] == f'{rules}#error-unauthorised>; rel="help"'
    assert "link" not in ann.call("sandbox-epr", "POST", "/FHIR/R4", ann.bundle(ACCEPTED)).headers
    warned = ann.call("sandbox-epr", "POST", "/FHIR/R4", ann.bundle("9990100128"))
    assert warned.headers["link"] == f'{rules}#rule-alive>; rel="help"'
    moved = ann.call("sandbox-platform", "POST", f"/platform/v1/referrals/{ann.refer(ACCEPTED)['id']}/transitions", {})
    assert "#error-rejected>" in moved.headers["link"]
    front = ann.sandbox.http.get("/sandbox/nothing")
    assert front.headers["link"] == f'<{ann.sandbox.url}/docs/rules#error-not-found>; rel="help"'


def test_the_rules_stand_where_the_links_lead(ann: Engineer, browser: httpx.Client) -> None:
    for base in (ann.told["base_url"], ann.sandbox.url):
        page = browser.get(f"{base}/docs/rules")
        assert page.status_code == 200
        for place in ("error-not-found", "rule-alive", "error-rejected"):
            assert f'id="{place}"' in page.text
        links = LINK.findall(page.text)
        prefix = base.removeprefix(ann.sandbox.url)
        assert links
        assert all(one.startswith(f"{prefix}/") for one in links), links
        for one in sorted(set(links))[:8]:
            assert browser.get(one).status_code == 200, one
    start = browser.get(f"{ann.told['base_url']}/docs")
    assert ann.told["base_url"] in start.text  # its samples are for this tenant


def test_every_page_of_the_reference_stays_inside(ann: Engineer, browser: httpx.Client) -> None:
    prefix = f"/t/{ann.tenant}"
    for page in ("", "/fhir/shapes", "/platform/shapes", "/fhir/transaction", "/fhir/pushes"):
        links = LINK.findall(browser.get(f"{prefix}/docs{page}").text)
        assert links
        assert all(one.startswith(f"{prefix}/") for one in links), (page, links)
