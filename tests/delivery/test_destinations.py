"""Where updates may be sent: by TLS, or to this machine."""

import pytest

from adapters.http import DestinationError, check_destination


@pytest.mark.parametrize(
    "url", ["https://epr.example/FHIR/R4", "http://127.0.0.1:8001/FHIR/R4", "http://[::1]:1/x", "http://localhost:8001"]
)
def test_destinations_that_are_allowed(url: str) -> None:
    check_destination(url)


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("http://epr.example/FHIR/R4", "https"),
        ("http://127.0.0.1.evil.example/", "https"),
        ("http://2130706433/", "https"),
        ("ftp://127.0.0.1/", "https"),
        ("file:///etc/passwd", "no host"),
        ("/FHIR/R4", "no host"),
        ("https://user:word@epr.example/", "user name"),
        ("https://user@epr.example/", "user name"),
        ("https://epr.example/?a=b", "without"),
        ("https://epr.example/#a", "without"),
        ("https://epr.example:port/", "cannot be read"),
        ("https://epr.example/\r\nX: y", "cannot be read"),
    ],
)
def test_destinations_that_are_refused(url: str, rule: str) -> None:
    with pytest.raises(DestinationError, match=rule):
        check_destination(url)
