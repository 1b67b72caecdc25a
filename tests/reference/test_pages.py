"""/docs: every operation with its samples, every rule and refusal at its anchor, and no link that leads nowhere."""

import gzip
from datetime import UTC, datetime
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from standardwebhooks import Webhook
from tests.reference.reading import Read

from gateway import errors
from gateway.profile import RULES
from gateway.reference.contract import DOORS, FILES, doors, folder
from gateway.reference.refusals import WORDS, anchor_of
from gateway.reference.samples import as_curl, as_python
from gateway.reference.words import in_html

OPERATIONS = [one for door in doors().values() for one in door.operations.values()]
PAGES = ["/docs", "/docs/rules", *(f"/docs/{door}/{page}" for door in DOORS for page in ("shapes", "pushes"))]
ELSEWHERE = {"hl7.org", "www.standardwebhooks.com"}


async def read(docs: httpx.AsyncClient, address: str) -> Read:
    answer = await docs.get(address)
    assert answer.status_code == 200, (address, answer.text[:300])
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return Read(answer.text)


async def test_the_start_lists_each_operation(docs: httpx.AsyncClient) -> None:
    start = await read(docs, "/docs")

    assert len(OPERATIONS) > 60
    assert {one.address for one in OPERATIONS} <= {*start.links}


async def test_each_operation_has_samples_in_curl_and_in_python(docs: httpx.AsyncClient) -> None:
    for one in OPERATIONS:
        assert one.examples, one.id
        page = await read(docs, one.address)
        assert [page.text[f"{example.name}-curl"].strip() for example in one.examples] == [
            as_curl(example.call).strip() for example in one.examples
        ]
        assert [page.text[f"{example.name}-python"].strip() for example in one.examples] == [
            as_python(example.call).strip() for example in one.examples
        ]
        assert {"parameters", "answers"} <= {*page.ids}
        assert ("body" in page.ids) is ("requestBody" in one.said)


async def test_each_rule_and_each_refusal_stands_at_its_anchor(docs: httpx.AsyncClient) -> None:
    page = await read(docs, "/docs/rules")
    table = {
        one
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, errors.GatewayError) and one is not errors.GatewayError
    }

    assert {f"rule-{rule.key}" for rule in RULES} <= {*page.ids}
    assert {*WORDS} == table
    assert {anchor_of(one) for one in table} <= {*page.ids}
    assert {"error-unauthorised", "error-version-conflict", "error-illegal-move"} <= {*page.ids}


async def test_each_link_leads_somewhere_and_nothing_is_named_twice(docs: httpx.AsyncClient) -> None:
    pages = {address: await read(docs, address) for address in [*PAGES, *(one.address for one in OPERATIONS)]}
    files = {f"/docs/openapi/{name}" for name in FILES}

    for address, page in pages.items():
        assert len(page.ids) == len({*page.ids}), address
        for link in page.links:
            to = urlsplit(urljoin(f"https://here{address}", link))
            if to.hostname != "here":
                assert (to.scheme, to.hostname in ELSEWHERE) == ("https", True), (address, link)
            elif to.path not in files:
                assert to.path in pages, (address, link)
                assert not to.fragment or to.fragment in pages[to.path].ids, (address, link)


async def test_a_strict_policy_goes_with_each_page_and_nothing_is_inline(docs: httpx.AsyncClient) -> None:
    for address in [*PAGES, *(one.address for one in OPERATIONS)]:
        answer = await docs.get(address)
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self'")
        assert Read(answer.text).inline == [], address


@pytest.mark.parametrize("name", sorted(FILES))
async def test_the_files_themselves_are_given(docs: httpx.AsyncClient, name: str) -> None:
    answer = await docs.get(f"/docs/openapi/{name}")

    assert answer.content == (folder() / name).read_bytes()
    assert answer.headers["content-type"] == f"application/{name.rpartition('.')[2]}"


async def test_who_takes_gzip_gets_it(docs: httpx.AsyncClient) -> None:
    plain = await docs.get("/docs/fhir/transaction", headers={"Accept-Encoding": "gzip;q=0"})
    async with docs.stream("GET", "/docs/fhir/transaction", headers={"Accept-Encoding": "gzip"}) as answer:
        sent = b"".join([chunk async for chunk in answer.aiter_raw()])

    assert "content-encoding" not in plain.headers
    assert gzip.decompress(sent) == plain.content
    assert len(sent) * 4 < len(plain.content)


@pytest.mark.parametrize(
    "address",
    [
        "/docs/",
        "/docs/nowhere",
        "/docs/fhir",
        "/docs/fhir/nothing",
        "/docs/fhir/move_referral",
        "/docs/elsewhere/shapes",
        "/docs/openapi/pyproject.toml",
        "/docs/openapi/..%2Fpyproject.toml",
        "/docs/openapi/%2e%2e/%2e%2e/pyproject.toml",
        "/docs/openapi/%2Fetc%2Fpasswd",
        "/docs/fhir/..%2f..%2fdocs-rules.html",
        "/docs/fhir/{operation}",
        "/docs/fhir/%3Cscript%3E",
    ],
)
async def test_what_is_not_there_is_said_as_elsewhere(docs: httpx.AsyncClient, address: str) -> None:
    answer = await docs.get(address)

    assert answer.status_code == 404
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert "script" not in answer.text


async def test_pages_are_only_read(docs: httpx.AsyncClient) -> None:
    answer = await docs.post("/docs/rules", content=b"x")

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_words_are_marked_and_nothing_in_them_is_markup() -> None:
    text = "**Both** `a < b` <b>\nas one\n\nOf these:\n- one\n  and more\n- https://hl7.org/fhir, https://x.example/Id"

    assert in_html(text) == (
        "<p><strong>Both</strong> <code>a &lt; b</code> &lt;b&gt; as one</p>\n<p>Of these:</p>"
        '<ul class="nhsuk-list nhsuk-list--bullet"><li>one and more</li>'
        '<li><a href="https://hl7.org/fhir">https://hl7.org/fhir</a>, <code>https://x.example/Id</code></li></ul>'
    )


async def test_the_check_of_a_signature_is_one(docs: httpx.AsyncClient) -> None:
    page = await read(docs, "/docs/fhir/pushes")
    names: dict[str, object] = {}
    exec(page.text["verify-python"], names)
    check = names["is_from_the_gateway"]
    assert callable(check)
    secret, body = "whsec_" + "c29jaWFsLXByZXNjcmliaW5nLXRlc3Rz", b'{"resourceType": "Task"}'
    moment = datetime.now(UTC)
    headers = {"webhook-id": "1", "webhook-timestamp": str(int(moment.timestamp()))}
    headers["webhook-signature"] = Webhook(secret).sign("1", moment, body.decode())

    assert check(secret, headers, body) is True
    assert check(secret, headers, body + b" ") is False
