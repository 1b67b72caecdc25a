"""The scripts of the collection's requests, as lines."""

import json
from typing import Any

Json = dict[str, Any]

SECONDS = 240  # how long what is signed is good


def check(status: int | None, shape: Json | None, got: list[tuple[str, str]], then: str | None) -> list[str]:
    """Status (None: any success) and shape of the answer; keeps its ids; `then` comes next in a run."""
    lines = [f'pm.test("answers {status}", () => pm.response.to.have.status({status}));']
    if status is None:
        lines = ['pm.test("succeeds", () => pm.response.to.be.success);']
    if shape:
        schema = json.dumps(shape, ensure_ascii=False, separators=(",", ":"))
        lines.append(f'pm.test("answers as the contract says", () => pm.response.to.have.jsonSchema({schema}));')
    if got:
        lines.append("const answer = pm.response.json();")
        lines.append("const id = (text) => text.match(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/)[0];")
    lines += [f'pm.collectionVariables.set("{name}", id(answer{_path(pointer)}));' for name, pointer in got]
    return [*lines, _next(then)]


def need(variable: str, then: str | None) -> list[str]:
    """Leaves the request out of a run when this is not set."""
    return [f'if (!pm.variables.get("{variable}")) {{', f"  {_next(then)}", "  pm.execution.skipRequest();", "}"]


def need_key(who: str, then: str | None) -> list[str]:
    return [*need(f"{who}_key", then), f'pm.variables.set("exp", Math.floor(Date.now() / 1000) + {SECONDS});']


def take_token(who: str, then: str) -> list[str]:
    """The request carried an assertion that Postman signed, for scripts cannot sign; it is given for a token."""
    return [
        'const assertion = pm.request.headers.get("Authorization").slice("Bearer ".length);',
        "const form = {",
        '  grant_type: "client_credentials",',
        '  client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",',
        "  client_assertion: assertion,",
        "};",
        "const urlencoded = Object.entries(form).map(([key, value]) => ({ key, value }));",
        'const url = pm.variables.replaceIn("{{baseUrl}}/oauth2/token");',
        'pm.sendRequest({ url, method: "POST", body: { mode: "urlencoded", urlencoded } }, (error, answer) => {',
        '  pm.test("a token is given", () => pm.expect(error || answer.code).to.eql(200));',
        f'  pm.collectionVariables.set("{who}_token", answer.json().access_token);',
        "});",
        _next(then),
    ]


def keep_assertion(_who: str, then: str) -> list[str]:
    kept = 'pm.request.headers.get("Authorization").slice("Bearer ".length)'
    return [f'pm.collectionVariables.set("assertion", {kept});', _next(then)]


def _next(name: str | None) -> str:
    return f"pm.execution.setNextRequest({json.dumps(name, ensure_ascii=False)});"


def _path(pointer: str) -> str:
    return "".join(f"[{step}]" if step.isdigit() else f"[{json.dumps(step)}]" for step in pointer.split("/")[1:])
