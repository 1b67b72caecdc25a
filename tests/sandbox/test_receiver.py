"""The sandbox's own receiver does what any EPR must (src/adapters/rio/README.md)."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import orjson
import pytest
from standardwebhooks import Webhook
from tests.sandbox.engineer import Engineer


def _put(ann: Engineer, task: str, body: bytes, *, secret: str | None = None, **more: str) -> httpx.Response:
    at, id_ = datetime.now(UTC), uuid4().hex
    if "late" in more:
        at -= timedelta(minutes=int(more.pop("late")))
    headers = {
        "webhook-id": id_,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret or ann.told["webhook_secret"]).sign(id_, at, body.decode()),
        "content-type": "application/fhir+json",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    return ann.sandbox.http.put(_at(ann, task), content=body, headers=headers)


def _at(ann: Engineer, task: str) -> str:
    return f"/t/{ann.tenant}/receiver/{ann.sandbox.tenants.find(ann.tenant).kept.receiver_key}/Task/{task}"


def _task(id_: str, version: int) -> bytes:
    return orjson.dumps({"resourceType": "Task", "id": id_, "meta": {"versionId": str(version)}})


def test_versions_are_taken_in_order_and_once(ann: Engineer) -> None:
    at = _at(ann, "1")
    assert ann.sandbox.http.get(at).status_code == 404  # R9
    assert _put(ann, "1", _task("1", 1)).status_code == 201  # R3
    assert _put(ann, "1", _task("1", 3)).status_code == 200
    assert _put(ann, "1", _task("1", 3)).status_code == 200  # R4
    older = _put(ann, "1", _task("1", 2))
    assert (older.status_code, older.json()["issue"][0]["code"]) == (409, "conflict")  # R5
    assert _put(ann, "1", _task("1", 4), if_match='W/"2"').status_code == 412  # R10
    assert _put(ann, "1", _task("1", 4), if_match='W/"3"').status_code == 200
    held = ann.sandbox.http.get(at)
    assert (held.content, held.headers["etag"]) == (_task("1", 4), 'W/"4"')  # R9


@pytest.mark.parametrize("late", ["-6", "6"])
def test_a_signature_of_another_time_is_none(ann: Engineer, late: str) -> None:
    assert _put(ann, "2", _task("2", 1), late=late).status_code == 401  # R2


def test_a_signature_with_another_secret_is_none(ann: Engineer) -> None:
    other = ann.sandbox.join("Bob").told["webhook_secret"]
    assert _put(ann, "2", _task("2", 1), secret=other).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        _task("9", 1),
        b'{"resourceType":"Task","id":"2"}',
        _task("2", 1).replace(b'"1"', b'"x"'),
    ],
)
def test_what_is_no_task_of_this_address_is_refused(ann: Engineer, body: bytes) -> None:
    assert _put(ann, "2", body).status_code == 400  # R1
