"""No secret in a report or on a screen, wherever a counterpart repeats it; and no signs that break either."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey
from starlette.types import Receive, Scope, Send
from tests.contract_runner.test_targets import ONE, answering, run_beside
from tests.serving import serving

from gateway.contract.config import Account, Config
from gateway.contract.exchange import Exchange
from gateway.contract.masking import Mask
from gateway.contract.reports import fhir_report, junit, page
from gateway.contract.results import Report, Result
from gateway.contract.suite import suite_of

WHSEC = "whsec_" + base64.b64encode(b"s" * 32).decode()
CONFIG = Config(
    headers={"X-Partner": 'open "sesame" & <42>'},
    secret=WHSEC,
    clients={"default": Account(token="fixed-token-of-ours")},
)
SECRETS = ["sesame", WHSEC, "fixed-token-of-ours", *(f"private-{number:02}" for number in range(20))]


def an_exchange(**more: Any) -> Exchange:
    return replace(Exchange("POST", "http://127.0.0.1/FHIR/R4", {}, b"", status=200), **more)


EXCHANGES = [
    an_exchange(sent_headers={"x-partner": 'open "sesame" & <42>', "proxy-authorization": "Basic private-00"}),
    an_exchange(headers={"x-partner": "private-01", "set-cookie": "s=private-02", "x-auth-token": "private-03"}),
    an_exchange(sent_headers={"authorization": "Bearer private-04"}, body=b"You are private-04, by private-04."),
    an_exchange(sent_body=b"grant_type=x&client_assertion=private-05&assertion=private-06&client_secret=private-07"),
    an_exchange(
        body=b'{"access_token": "private-08", "refresh_token":"private-09", "in": [{"client_secret": 5550123}]}'
    ),
    an_exchange(body=b'  {"access_token": {"value": "private-10"}, "text": "it was 5550123"}'),
    an_exchange(body=b'cut off {"refresh_token": "private-11 a \\" private-11", "client_secret"'),
    an_exchange(body=json.dumps({"text": json.dumps({"access_token": "private-12"})}).encode()),
    an_exchange(body=b"moved to https://user:private-13@127.0.0.1/?access_token=private-14&b=1"),
    an_exchange(sent_body=b"client_assertion=private%2D15", body=b"no: private-15"),
    an_exchange(body=json.dumps({"said": 'open "sesame" & <42>'}).encode()),
    an_exchange(body=f"{WHSEC} and fixed-token-of-ours".encode()),
    Exchange("GET", "http://127.0.0.1/x?access_token=private-16", {}, b"", status=200),
    an_exchange(body=b'{"access\\u005ftoken": "private-17"}', headers={"www-authenticate": "Bearer realm=x"}),
]


def test_no_report_holds_one() -> None:
    suite, mask = suite_of("subscriber"), Mask(CONFIG)
    for exchange in EXCHANGES:
        mask.learn(exchange)
    told = [mask.sentence(f"There is {one}.") for one in ("private-04", WHSEC, "private-08", 'open "sesame" & <42>')]
    assert told == ["There is (not shown)."] * 4
    results = [Result(suite.tests[0], "fail", told, 1, EXCHANGES)]
    report = Report(suite, "http://user:private-18@127.0.0.1", "2026-03-02T09:00:00.000Z", results, "", mask)
    for text in (page(report), junit(report), fhir_report(report)):
        assert [one for one in [*SECRETS, "5550123"] if one in text] == []
    assert "Bearer realm=x" in page(report)
    assert "&amp;b=1" in page(report)


def test_short_values_are_known_by_their_names_alone() -> None:
    mask = Mask(Config(headers={"X-Version": "1"}))
    assert mask.headers({"X-Version": "1", "age": "1"}) == {"X-Version": "(not shown)", "age": "1"}
    assert mask.text("1 of 1") == "1 of 1"


def test_a_message_that_is_made_of_tokens() -> None:
    mask = Mask(Config())
    mask.learn(an_exchange(body=json.dumps([{"access_token": f"token-{one:05}"} for one in range(50_000)]).encode()))
    assert mask.text("token-00003 token-30000") == "(not shown) token-30000"


def test_a_token_that_is_no_text() -> None:
    mask = Mask(Config())
    mask.learn(an_exchange(body=rb'{"access_token": "private \ud800 0"}'))
    assert mask.sentence("There is private \ud800 0.") == "There is (not shown)."


SAYING = ONE.replace("resourceType = 'CapabilityStatement'", "access_token = 'x'")


async def test_nothing_is_told_on_the_screen(tmp_path: Path) -> None:
    suite, config = tmp_path / "suite.yaml", tmp_path / "config.yaml"
    suite.write_text(SAYING)
    config.write_text("headers: { X-Partner: open-sesame }")
    async with serving(answering(200, b'{"access_token": "private-00"}')) as url:
        failed = await run_beside(suite, url, "--config", str(config))
        echoed = await run_beside(suite, url.replace("//", "//user:open-sesame@"), "--config", str(config))
    assert (failed.exit_code, echoed.exit_code) == (1, 2)
    assert "There is (not shown)." in failed.output
    told = failed.output + echoed.output + "".join(one.read_text() for one in (tmp_path / "report").iterdir())
    assert "private-00" not in told
    assert "open-sesame" not in told


async def _echo_the_form(scope: Scope, receive: Receive, send: Send) -> None:
    """A token address that repeats in its refusal what it was sent, and elsewhere a server that says it is one."""
    asked = (await receive()).get("body", b"").decode()
    said = json.dumps({"error_description": f"not this: {asked[asked.rfind('=') + 1 :]}"}).encode()
    await answering(400 if scope["method"] == "POST" else 200, said)(scope, receive, send)


async def test_a_token_address_that_repeats_the_assertion(tmp_path: Path) -> None:
    key = ECKey.generate_key("P-384", auto_kid=True).as_dict(private=True)
    (tmp_path / "key.json").write_text(json.dumps(key))
    suite, config = tmp_path / "suite.yaml", tmp_path / "config.yaml"
    suite.write_text(ONE)
    async with serving(_echo_the_form) as url:
        client = {"client_id": "me", "key_file": "key.json", "token_url": f"{url}/token"}
        config.write_text(json.dumps({"clients": {"default": client}}))
        result = await run_beside(suite, url, "--config", str(config))
    assert result.exit_code == 2
    assert "No token for default (me)" in result.output
    assert "(not shown)" in result.output
    assert "eyJ" not in result.output


TITLE = r'title: "It [red]answers[/] [/] [bold"'
ODD = [
    rb'{"resourceType": "half \ud800 a pair"}',
    b'{"resourceType": "\\u001b[2J\\u0007\\u009b2J"}',
    '{"resourceType": "\U0001f9d1 é"}'.encode(),
    b'{"resourceType": "one\\n1/1 pass GWY-01"}',
]


@pytest.mark.parametrize("body", ODD)
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
async def test_signs_that_nobody_can_show(body: bytes, encoding: str, tmp_path: Path) -> None:
    suite = tmp_path / "suite.yaml"
    suite.write_text(ONE.replace("title: It answers", TITLE))
    async with serving(answering(200, body)) as url:
        result = await run_beside(suite, url, charset=encoding)
    assert result.exit_code == 1, result.output
    assert "It [red]answers[/] [/] [bold" in result.output
    assert "There is " in result.output
    assert "\x1b" not in result.output
    assert "\n1/1 pass" not in result.output
    for file in (tmp_path / "report").iterdir():
        assert not {"\x1b", "\x9b", "\x07"} & set(file.read_text("utf-8"))
