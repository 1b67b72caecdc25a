"""How an EPR spoils what it holds: seen when it is read back."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime

from starlette.responses import Response
from tests.contract_runner.between import Call, Fault, Json, Pass, Seen


def reading(change: Callable[[str], str]) -> Fault:
    """Tells what it holds changed so, as it would when it was filed so."""

    async def read(call: Call, pass_on: Pass, _seen: Seen) -> Response:
        answer = await pass_on(call)
        if call.method != "GET" or answer.status_code != 200 or "/Task/" not in call.path:
            return answer
        headers = {name: answer.headers[name] for name in ("etag", "content-type")}
        return Response(change(bytes(answer.body).decode()), 200, headers)

    return read


def reading_task(change: Callable[[Json], object]) -> Fault:
    """`change` works on the Task in place. Its numbers are spelt as they came."""

    def changed(text: str) -> str:
        task = json.loads(text, parse_float=lambda digits: f"<{digits}>")
        change(task)
        return re.sub(r'"<([\d.]+)>"', r"\1", json.dumps(task))

    return reading(changed)


def round_decimals(text: str) -> str:
    return json.dumps(json.loads(text))


def to_utc(text: str) -> str:
    """Turns each time with an hour's offset to UTC."""
    return re.sub(
        r'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\+01:00"',
        lambda found: (
            '"' + datetime.fromisoformat(found[1] + "+01:00").astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") + '"'
        ),
        text,
    )


def lose_offsets(text: str) -> str:
    return re.sub(r"(T\d\d:\d\d:\d\d)\+01:00", r"\1", text)


def lose_milliseconds(text: str) -> str:
    return re.sub(r"(T\d\d:\d\d:\d\d)\.\d+Z", r"\1Z", text)


def make_midnight(text: str) -> str:
    return re.sub(r'"(\d{4}-\d\d-\d\d)"', r'"\1T00:00:00Z"', text)


def make_numbers(text: str) -> str:
    return re.sub(r'("value": )"0+(\d+)"', r'\1"\2"', text)


def in_latin_1(text: str) -> str:
    return text.encode("latin-1", "replace").decode("latin-1")


def without_emoji(text: str) -> str:
    return "".join(sign for sign in text if ord(sign) < 0x10000)


def truncate_notes(task: Json) -> None:
    for note in task.get("note", []):
        note["text"] = note["text"][:4000]


def lose_extensions(task: Json) -> None:
    task.pop("extension", None)
    task.get("owner", {}).pop("extension", None)


def lose_unknown_status(task: Json) -> None:
    known = {"awaiting-triage", "allocated", "delivery-failed"}
    if {one["code"] for one in task.get("businessStatus", {}).get("coding", [])} - known:
        del task["businessStatus"]


def keep_one_status(task: Json) -> None:
    del task.get("businessStatus", {}).get("coding", [])[1:]


def losing(element: str) -> Callable[[Json], object]:
    return lambda task: task.pop(element, None)


def lose_words_of_the_reason(task: Json) -> None:
    task.get("statusReason", {}).pop("text", None)


def keep_notes(which: slice) -> Callable[[Json], object]:
    return lambda task: task.update(note=task.get("note", [])[which])


def keep_one_number(task: Json) -> None:
    del task.get("identifier", [])[1:]
