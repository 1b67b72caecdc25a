"""Requests made from openapi/ by schemathesis, right ones and wrong ones: the answers are as the contract says.

FHIR bodies are made elsewhere (test_doors.py): the contract's schema of them is R4's own, too large to draw from.
"""

import asyncio
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.app import BASE, Running, start
from tests.contract.written import read_contract
from tests.fuzz.seeds import Story, tell
from tests.fuzz.test_doors import CASES, NIGHTLY

SHARE = max(CASES // 8, 1) if NIGHTLY else 40  # for each document
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def simplified(value: Any) -> Any:
    """The document without R4's own schemas."""
    if isinstance(value, dict):
        if str(value.get("$ref", "")).startswith("./r4."):
            return {"type": "object"}
        return {key: simplified(inner) for key, inner in value.items()}
    return [simplified(inner) for inner in value] if isinstance(value, list) else value


def requests_of(document: Any) -> st.SearchStrategy[Case[Any]]:
    """Requests to all operations alike, half of them wrong in something."""
    schema = schemathesis.openapi.from_dict(simplified(document))
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    return st.one_of([operation.as_strategy(generation_mode=mode) for operation in operations for mode in modes])


async def send(gateway: Running, case: Case[Any], client: str) -> httpx.Response:
    asked = case.as_transport_kwargs(base_url=BASE)
    headers = {name: str(value) for name, value in asked["headers"].items()}
    headers["Authorization"] = f"Bearer {gateway.tokens[client]}"
    content: dict[str, Any] = {name: asked[name] for name in ("json", "data") if name in asked}
    if isinstance(content.get("data"), bytes | str):
        content = {"content": content["data"]}
    return await gateway.http.request(
        asked["method"],
        asked["url"],
        params=asked["params"] or None,
        headers=[(name.encode(), value.encode()) for name, value in headers.items()],
        **content,
    )


def aim(case: Case[Any], story: Story) -> None:
    """At what is there: an id drawn at random is nobody's."""
    known = {
        "referral_id": story.task["id"],
        "prescription_id": story.prescription,
        "id": story.task["id"],
        "type": "Task",
    }
    for name in known.keys() & (case.path_parameters or {}).keys():
        case.path_parameters[name] = known[name]


@pytest.mark.parametrize(("door", "client"), [("gateway", "demo-epr"), ("platform", "demo-platform")])
def test_the_contract_holds_for_any_request(sqlite_url: str, tmp_path: Path, door: str, client: str) -> None:
    troubles: dict[str, str] = {}
    statuses: Counter[int] = Counter()
    with asyncio.Runner() as loop:
        gateway = loop.run(start(sqlite_url, tmp_path, token_seconds=86_400))
        story = loop.run(tell(gateway))

        @settings(
            max_examples=SHARE,
            derandomize=not NIGHTLY,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(requests_of(getattr(read_contract(), door)), st.sampled_from([True, True, False]))
        def ask(case: Case[Any], at_known: bool) -> None:
            if at_known:
                aim(case, story)
            answer = loop.run(send(gateway, case, client))
            statuses[answer.status_code] += 1
            try:
                case.validate_response(answer, checks=CHECKS)
            except FailureGroup as group:
                for found in group.exceptions:
                    kind = f"{case.operation.label}: {answer.status_code} {type(found).__name__}"
                    troubles.setdefault(kind, f"{found} {answer.request.url} {answer.request.content[:400]!r}")

        ask()
        loop.run(gateway.http.aclose())
        loop.run(gateway.store.close())
    if NIGHTLY:
        told = ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))
        line = f"contract of the {door}: {statuses.total()} sent, {len(troubles)} troubles; {told}"
        print(line, file=sys.stderr, flush=True)
    assert troubles == {}, "\n\n".join(f"{kind}\n  {text[:1500]}" for kind, text in troubles.items())
