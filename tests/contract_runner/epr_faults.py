"""How an EPR goes wrong that is told of its referrals: each fault around the healthy mock RiO."""

import asyncio
import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from standardwebhooks import Webhook
from starlette.responses import Response
from tests.contract_runner.between import Call, Fault, Json, Pass, Seen

from gateway.contract.asking import ANOTHER_SECRET
from gateway.ids import new_id

SECRET = "whsec_" + "c29jaWFsLXByZXNjcmliaW5nLXRlc3Rz"
CONFLICT = '{"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "conflict"}]}'

DUPLICATE = CONFLICT.replace("conflict", "duplicate")


def is_update(call: Call) -> bool:
    return call.method == "PUT"


def version_of(task: Json) -> int:
    return int(task.get("meta", {}).get("versionId", 0))


# Signatures


def is_unsigned(call: Call) -> bool:
    return is_update(call) and "webhook-signature" not in call.headers


def fits(secret: str = SECRET, body: bytes | None = None) -> Callable[[Call], bool]:
    """Whether it is signed so, whatever its time; over this body rather than its own."""

    def is_so(call: Call) -> bool:
        if not is_update(call) or is_unsigned(call):
            return False
        id_, stamp = call.headers["webhook-id"], call.headers["webhook-timestamp"]
        text = f"{id_}.{stamp}.".encode() + (call.body if body is None else body)
        mac = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), text, hashlib.sha256)
        return call.headers["webhook-signature"] == f"v1,{base64.b64encode(mac.digest()).decode()}"

    return is_so


def is_from_the_future(call: Call) -> bool:
    return fits()(call) and int(call.headers["webhook-timestamp"]) > time.time() + 60


def has_a_signature_of_now(call: Call) -> bool:
    return is_update(call) and abs(int(call.headers.get("webhook-timestamp", "0")) - time.time()) < 60


is_of_another_key = fits(ANOTHER_SECRET)
is_of_another_body = fits(body=b"{}")


def believe(call: Call) -> Call:
    """Signed as it should be."""
    id_, moment = call.headers.get("webhook-id", new_id()), datetime.now(UTC)
    return call.with_headers(
        webhook_id=id_,
        webhook_timestamp=str(int(moment.timestamp())),
        webhook_signature=Webhook(SECRET).sign(id_, moment, call.body.decode()),
    )


def rewritten(change: Callable[[Call, Json], Json]) -> Callable[[Call], Call]:
    """With another body, if it is JSON, rightly signed."""
    return lambda call: believe(replace(call, body=json.dumps(change(call, call.json)).encode()))


async def use_up_what_is_refused(call: Call, pass_on: Pass, seen: Seen) -> Response:
    if seen.get(call.headers.get("webhook-id", "")):
        return Response(status_code=200)
    answer = await pass_on(call)
    if is_update(call) and answer.status_code == 401 and "authorization" in call.headers:
        seen[call.headers.get("webhook-id", "none")] = True
    return answer


# Versions and repeats


async def held(call: Call, pass_on: Pass) -> Json:
    """The Task that the healthy one holds at this address; empty when there is none."""
    answer = await pass_on(replace(call, method="GET", body=b""))
    return dict(json.loads(bytes(answer.body))) if answer.status_code == 200 else {}


async def apply_the_old(call: Call, pass_on: Pass, seen: Seen) -> Response:
    """Takes an older version for the newest."""
    answer = await pass_on(call)
    if is_update(call) and answer.status_code == 409:
        seen[call.path] = call.body
        return Response(status_code=200)
    old = seen.get(call.path) if call.method == "GET" and answer.status_code == 200 else None
    return Response(old, 200, media_type="application/fhir+json") if old else answer


def is_in(*statuses: str) -> Callable[[Call], bool]:
    return lambda call: is_update(call) and call.json.get("status") in statuses


has_ended = is_in("completed", "rejected", "cancelled", "failed")


def tells_an_end(call: Call, answer: Response) -> bool:
    """Whether the healthy one is asked for what it holds, and that has ended."""
    return call.method == "GET" and has_ended(replace(call, method="PUT", body=bytes(answer.body)))


async def close(call: Call, pass_on: Pass, _seen: Seen) -> Response:
    """Refuses a newer version of what has ended."""
    before = await held(call, pass_on) if is_update(call) else {}
    ended = before.get("status") in {"completed", "rejected", "cancelled", "failed"}
    return Response(CONFLICT, 409) if ended and version_of(call.json) > version_of(before) else await pass_on(call)


async def compare_versions_as_text(call: Call, pass_on: Pass, _seen: Seen) -> Response:
    new, old = version_of(call.json), version_of(await held(call, pass_on)) if is_update(call) else 0
    return Response(CONFLICT, 409) if new > old and str(new) < str(old) else await pass_on(call)


async def want_no_gap(call: Call, pass_on: Pass, _seen: Seen) -> Response:
    """Files version 3 only after version 2."""
    new, old = version_of(call.json), version_of(await held(call, pass_on)) if is_update(call) else 0
    return Response(CONFLICT, 409) if new > old + 1 else await pass_on(call)


async def merge(call: Call, pass_on: Pass, seen: Seen) -> Response:
    """Keeps what an older version said and the newer does not."""
    answer = await pass_on(call)
    if is_update(call) and answer.status_code == 200 and version_of(call.json) > version_of(seen.get(call.path, {})):
        seen[call.path] = seen.get(call.path, {}) | call.json
    merged = seen.get(call.path, {})
    if call.method == "GET" and answer.status_code == 200 and version_of(merged) > 1:
        return Response(json.dumps(merged), 200, {"etag": answer.headers["etag"]}, "application/fhir+json")
    return answer


def knowing_repeats(by: Callable[[Call], str], status: int, body: str = "") -> Fault:
    """Answers so to what it has filed already, known by its webhook-id, say."""

    async def answer_repeat(call: Call, pass_on: Pass, seen: Seen) -> Response:
        if is_update(call) and by(call) in seen:
            return Response(body, status)
        if is_update(call) and "authorization" in call.headers and fits()(call):
            seen[by(call)] = True
        return await pass_on(call)

    return answer_repeat


def webhook_id(call: Call) -> str:
    return call.headers.get("webhook-id", new_id())


def version(call: Call) -> str:
    """Task and version, whatever the webhook-id."""
    return f"{call.path} {version_of(call.json)}"


async def know_no_webhook_ids(call: Call, pass_on: Pass, _seen: Seen) -> Response:
    """Judges a repeat by its version alone."""
    if is_update(call) and fits()(call) and version_of(call.json) < version_of(await held(call, pass_on)):
        return Response(CONFLICT, 409)
    return await pass_on(call)


def counting_versions(repeats_too: bool) -> Fault:
    """Counts the versions of each Task on its own; `repeats_too`: it files a repeat as another one."""

    async def count(call: Call, pass_on: Pass, seen: Seen) -> Response:
        before = await held(call, pass_on) if is_update(call) else {}
        answer = await pass_on(call)
        if is_update(call) and answer.status_code == 200:
            new = repeats_too or before != await held(call, pass_on)
            seen[call.path] = seen.get(call.path, 40) + new
        if call.method == "GET" and answer.status_code == 200 and call.path in seen:
            text = re.sub(r'("versionId":\s*)"\d+"', rf'\1"{seen[call.path]}"', bytes(answer.body).decode())
            return Response(text, 200, {"etag": f'W/"{seen[call.path]}"'}, "application/fhir+json")
        return answer

    return count


async def answer_before_it_files(call: Call, pass_on: Pass, seen: Seen) -> Response:
    """The next to read sees what was there before."""
    if call.method == "GET":
        return seen.pop(call.path, None) or await pass_on(call)
    before = await pass_on(replace(call, method="GET", body=b""))
    answer = await pass_on(call)
    if answer.status_code == 200:
        seen[call.path] = before
    return answer


async def trip_over_two_at_once(call: Call, pass_on: Pass, seen: Seen) -> Response:
    """Fails the second of two that come at the same time."""
    if seen.get(call.path):
        return Response(status_code=500)
    if not is_update(call):
        return await pass_on(call)
    seen[call.path] = True
    await asyncio.sleep(0.1)
    answer = await pass_on(call)
    del seen[call.path]
    return answer


async def hang(call: Call, pass_on: Pass, _seen: Seen) -> Response:
    await asyncio.sleep(1 if is_update(call) else 0)
    return await pass_on(call)


async def look_at_if_match_first(call: Call, pass_on: Pass, _seen: Seen) -> Response:
    match = call.headers.get("if-match")
    if is_update(call) and match and match != f'W/"{version_of(await held(call, pass_on))}"':
        return Response(status_code=412)
    return await pass_on(call)


def without(*names: str) -> Callable[[Call], Call]:
    return lambda call: replace(call, headers={name: call.headers[name] for name in call.headers if name not in names})


async def want_if_match(call: Call, pass_on: Pass, seen: Seen) -> Response:
    """No fault: where updates are conditional, one without If-Match that is no repeat may be refused."""
    if is_update(call) and fits()(call) and "if-match" not in call.headers and webhook_id(call) not in seen:
        old = version_of(await held(call, pass_on))
        if old and old != version_of(call.json):
            return Response(status_code=412)
    answer = await pass_on(call)
    if is_update(call) and answer.status_code == 200:
        seen[webhook_id(call)] = True
    return answer
