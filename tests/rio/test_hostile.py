"""Answers that were made to do harm: none is read, and none is believed."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI, Response
from tests.rio.story import Story
from tests.serving import serving

from adapters.rio.adapter import RioRecord

BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE bomb [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">
<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;"><!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;"><!ENTITY f "&e;&e;&e;&e;&e;&e;&e;&e;">]>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><x>&f;&f;&f;&f;&f;&f;</x></s:Body></s:Envelope>"""
OUTSIDE = b"""<!DOCTYPE s [<!ENTITY file SYSTEM "file:///etc/hostname">]>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><x>&file;</x></s:Body></s:Envelope>"""
DEEP = b"<a>" * 100_000
NAMED = (
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Client</faultcode>'
    b'<faultstring>Harrow</faultstring><detail><f:ApiFault xmlns:f="urn:social-prescribing-gateway:rio-like:API:4.0">'
    b"<f:Code>MARGARET_HARROW</f:Code><f:Message>9992047186</f:Message></f:ApiFault></detail></s:Fault></s:Body>"
    b"</s:Envelope>"
)


@pytest.fixture
async def hostile(story: Story) -> AsyncIterator[Response]:
    """What the server at the story's address answers to everything; a test fills it in."""
    answer, app = Response(media_type="text/xml"), FastAPI()

    @app.post("/API/4.0/ApiService")
    async def call() -> Response:
        return Response(
            answer.body, answer.status_code, dict(answer.headers) | {"content-length": str(len(answer.body))}
        )

    async with serving(app) as url:
        story.url = f"{url}/API/4.0"
        yield answer


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (BOMB, "it has a DTD"),
        (BOMB.decode().encode("utf-16"), "it has a DTD"),
        (OUTSIDE, "it has a DTD"),
        (DEEP, "cannot be read as the WSDL says"),
        (b" " * 5_000_000, "larger than 4,000,000 bytes"),
        (b"<ok/>", "cannot be read as the WSDL says"),
        (b"", "cannot be read as the WSDL says"),
        (b"\xff\xfe\x00saved", "cannot be read as the WSDL says"),
    ],
)
async def test_it_is_not_read(adapter: RioRecord, hostile: Response, story: Story, body: bytes, told: str) -> None:
    hostile.body = body

    answer = await adapter.send(story.tell("submitted"))

    assert not answer.delivered
    assert answer.phase == "answer"
    assert told in answer.answer


async def test_a_redirect_is_not_followed(adapter: RioRecord, hostile: Response, story: Story) -> None:
    hostile.status_code = 307
    hostile.headers["location"] = "http://127.0.0.1:9/elsewhere"

    answer = await adapter.send(story.tell("submitted"))

    assert (answer.delivered, answer.status) == (False, 307)


async def test_of_a_fault_only_a_known_code_is_kept(adapter: RioRecord, hostile: Response, story: Story) -> None:
    hostile.body = NAMED

    answer = await adapter.send(story.tell("submitted"))

    assert answer.answer == "UNKNOWN: RiO refuses with a code that its WSDL does not name."
