"""Each address answers the methods it does not take with 405, and Allow tells those it takes."""

import pytest
from tests.app import Running


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "metadata", "GET, HEAD"),
        ("PUT", ".well-known/smart-configuration", "GET, HEAD"),
        ("PUT", "Task/$validate", "POST"),
        ("PUT", "Task/_search", "POST"),
        ("GET", "Task/_search", "POST"),
        ("GET", "CodeSystem/_search", "POST"),
        ("PUT", "Task/_history", "GET, HEAD"),
        ("PUT", "Questionnaire/$populate", "POST"),
        ("PUT", "Subscription/$status", "GET, HEAD, POST"),
        ("OPTIONS", "CodeSystem", "GET, HEAD"),
        ("OPTIONS", "$process-message", "POST"),
        ("TRACE", "Task/1", "GET, HEAD, PATCH, PUT"),
        ("DELETE", "Task/1", "GET, HEAD, PATCH, PUT"),
    ],
)
async def test_allow_tells_what_the_address_takes(gateway: Running, method: str, path: str, allowed: str) -> None:
    answer = await gateway.call("demo-epr", method, f"/FHIR/R4/{path}")

    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
