"""Narratives are shown to people: only safe XHTML gets in."""

import pytest

from gateway.validation import check
from tests.validation.resources import PATIENT, but


@pytest.mark.parametrize(
    "div",
    [
        "<div><script>alert(1)</script></div>",
        "<div><p onclick='x()'>a</p></div>",
        "<div><a href='javascript:x()'>a</a></div>",
        "<div><a href=' JavaScript:x()'>a</a></div>",
        "<div><img src='https://elsewhere.example/pixel.gif'/></div>",
        "<div><img src='data:image/svg+xml;base64,AAAA'/></div>",
        "<div><iframe src='x'/></div>",
        "<div><p style='background: url(https://elsewhere.example/x)'>a</p></div>",
        "<div><p>never closed</div>",
        "<p>no div</p>",
        "<!DOCTYPE div [<!ENTITY e 'x'>]><div>&e;</div>",
        "just text",
        '<div xmlns="http://www.w3.org/1999/xhtml"> </div>',
        '<div xmlns="https://elsewhere.example">a</div>',
        "<div><p foo='x'>a</p></div>",
    ],
)
def test_an_unsafe_narrative_is_refused(div: str) -> None:
    found = check(but(PATIENT, text={"status": "generated", "div": div}))
    assert [(issue.code, issue.expression) for issue in found] == [("invariant", "Patient.text.div")]


@pytest.mark.parametrize(
    "div",
    [
        '<div xmlns="http://www.w3.org/1999/xhtml"><a href="https://example.org/leaflet#top">Leaflet</a></div>',
        '<div><img src="#photo"/><img src="data:image/png;base64,AAAA"/></div>',
        '<div><table class="grid"><tr><td>1 &lt; 2</td></tr></table></div>',
        '<div><p style="color: red; background: url(row.png)">a</p><a href="#x">x</a><a name="x"/></div>',
    ],
)
def test_a_safe_narrative_is_fine(div: str) -> None:
    assert check(but(PATIENT, text={"status": "generated", "div": div})) == []


def test_each_fault_of_a_narrative_is_told_once() -> None:
    div = "<div><script>x()</script><script>y()</script><p onclick='x()'>a</p></div>"
    assert [
        issue.text.split(" holds ")[1][:20] for issue in check(but(PATIENT, text={"status": "generated", "div": div}))
    ] == [
        "an element that a na",
        "an event attribute (",
    ]
