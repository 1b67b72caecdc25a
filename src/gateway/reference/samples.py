"""Code that sends a request, in curl and in Python: both of the same description. Pure.

What is the reader's own comes from the environment: BASE, where the gateway is, and TOKEN (or ASSERTION, or CDS_JWT).
An id in the address stands alone on the first line, to be replaced.
"""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

REQUEST_ID = "X-Request-Id"
FORM = "application/x-www-form-urlencoded"
WIDTH = 88
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    `path` is the template that `at` fills, e.g. /FHIR/R4/{type}/{id}; `secret` names the variable of the bearer token,
    `signed` the field of the form that a variable fills; `named` when it must carry an X-Request-Id. `answer` is json,
    text or nothing.
    """

    method: str
    path: str
    at: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str | None = None
    body: Any = None
    secret: str | None = None
    signed: Mapping[str, str] = field(default_factory=dict)
    named: bool = False
    answer: str = "json"

    @property
    def ids(self) -> dict[str, str]:
        """What the reader replaces: the ids in the address that a gateway made."""
        return {name: value for name, value in self.at.items() if UUID.fullmatch(value)}


def as_curl(call: Call) -> str:
    """For bash."""
    lines = [f"{name.upper()}={value}  # yours" for name, value in call.ids.items()]
    if call.named:
        lines.append("REQUEST_ID=$(uuidgen 2>/dev/null || cat /proc/sys/kernel/random/uuid)  # a retry keeps it")
    address = PLACE.sub(lambda found: _in_shell(call, found[1]), call.path.replace("$", r"\$"))
    asks = call.method == "GET" and call.query
    if call.query and not asks:
        address += f"?{urlencode(call.query, quote_via=quote)}"
    words = ["curl --fail-with-body"]
    if call.method != ("GET" if call.body is None else "POST"):
        words[0] += f" -X {call.method}"
    words[0] += f'{" -G" if asks else ""} "$BASE{address}"'
    if call.secret:
        words.append(f'-H "Authorization: Bearer ${call.secret}"')
    if call.named:
        words.append(f'-H "{REQUEST_ID}: $REQUEST_ID"')
    words += [f"-H {shlex.quote(f'{name}: {value}')}" for name, value in _headers(call).items()]
    given = call.query if asks else call.body if call.media_type == FORM else {}
    words += [_field(name, value, call.signed) for name, value in given.items()]
    ending = ""
    if call.body is not None and call.media_type != FORM:
        words.append("--data-binary @- <<'JSON'")
        ending = f"\n{laid_out(call.body, JSON)}\nJSON"
    return "\n".join([*lines, " \\\n  ".join(words)]) + ending + "\n"


def _in_shell(call: Call, name: str) -> str:
    return f"${name.upper()}" if name in call.ids else quote(call.at[name])


def _headers(call: Call) -> dict[str, str]:
    typed = {"Content-Type": call.media_type} if call.media_type and call.media_type != FORM else {}
    return typed | dict(call.headers)


def _field(name: str, value: Any, signed: Mapping[str, str]) -> str:
    return (
        f'--data-urlencode "{name}=${signed[name]}"' if name in signed else f"--data-urlencode {_quoted(name, value)}"
    )


def _quoted(name: str, value: Any) -> str:
    return shlex.quote(f"{name}={value}")


def as_python(call: Call) -> str:
    """For Python 3 with httpx."""
    lines = ["import os", *(["import uuid"] if call.named else []), "", "import httpx", ""]
    lines += [f'{_variable(name)} = "{value}"  # yours' for name, value in call.ids.items()]
    address = PLACE.sub(
        lambda found: f"{{{_variable(found[1])}}}" if found[1] in call.ids else quote(call.at[found[1]]), call.path
    )
    given = [f"f\"{{os.environ['BASE']}}{address}\""]
    headers = {name: laid_out(value, PYTHON) for name, value in _headers(call).items()}
    if call.secret:
        headers = {"Authorization": f"f\"Bearer {{os.environ['{call.secret}']}}\""} | headers
    if call.named:
        headers[REQUEST_ID] = "str(uuid.uuid4())"
    if headers:
        given.append(f"headers={_listed(headers)}")
    if call.query:
        given.append(f"params={_indented(call.query)}")
    if call.media_type == FORM:
        fields = {
            name: f'os.environ["{call.signed[name]}"]' if name in call.signed else laid_out(value, PYTHON)
            for name, value in call.body.items()
        }
        given.append(f"data={_listed(fields)}")
    elif call.body is not None:
        given.append(f"json={_indented(call.body)}")
    told = {"json": "print(answer.json())", "text": "print(answer.text)"}.get(call.answer, "print(answer.status_code)")
    request = f"answer = httpx.{call.method.lower()}(\n" + "".join(f"    {one},\n" for one in given) + ")"
    return "\n".join([*lines, request, "answer.raise_for_status()", told]) + "\n"


def _variable(name: str) -> str:
    return "id_" if name == "id" else name  # `id` is Python's own


def _listed(fields: Mapping[str, str]) -> str:
    """A dict whose values are code."""
    lines = (f"        {json.dumps(name)}: {code}," for name, code in fields.items())
    return "{\n" + "\n".join(lines) + "\n    }"


def _indented(value: Any) -> str:
    return laid_out(value, PYTHON, 4).lstrip()


JSON = {True: "true", False: "false", None: "null"}
PYTHON = {True: "True", False: "False", None: "None"}


def laid_out(value: Any, words: Mapping[bool | None, str], indent: int = 0) -> str:
    """JSON, or the same as a Python literal: on one line what fits there."""
    if value is None or isinstance(value, bool):
        return words[value]
    if not isinstance(value, dict | list):
        return _text(value, words)
    step = 4 if words is PYTHON else 2
    inner = [
        (f"{json.dumps(name, ensure_ascii=False)}: " if name is not None else "") + laid_out(one, words, indent + step)
        for name, one in (value.items() if isinstance(value, dict) else ((None, one) for one in value))
    ]
    first, last = "{}" if isinstance(value, dict) else "[]"
    line = f"{first}{', '.join(inner)}{last}"
    if len(line) + indent <= WIDTH and "\n" not in line:
        return line
    blank, comma = " " * (indent + step), "," if words is PYTHON else ""
    return f"{first}\n" + ",\n".join(f"{blank}{one}" for one in inner) + f"{comma}\n{' ' * indent}{last}"


def _text(value: Any, words: Mapping[bool | None, str]) -> str:
    quoted = json.dumps(value, ensure_ascii=False)  # is a literal of Python, too
    if words is PYTHON and '\\"' in quoted and "'" not in quoted:
        return "'" + quoted[1:-1].replace('\\"', '"') + "'"
    return quoted
