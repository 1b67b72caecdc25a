"""What can go wrong, as a table, and the one place where it becomes an OperationOutcome.

Each class below is a row: HTTP status, FHIR issue code (http://hl7.org/fhir/issue-type), NHS code
(https://fhir.nhs.uk/CodeSystem/http-error-codes, prefix REC_ = the receiver, us) and a default text.
Texts and diagnostics name elements, rules and remedies; never a value that came from a patient's record.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

FHIR_JSON = "application/fhir+json"
NHS_ERROR_SYSTEM = "https://fhir.nhs.uk/CodeSystem/http-error-codes"
MOST_LINKS = 25  # to rules, in one answer: proxies bound what headers hold
NO_DELETE = (
    "Nothing of a health record is deleted here: update it, with the status entered-in-error (a Subscription with off)."
)


@dataclass(frozen=True, slots=True)
class Issue:
    """One finding about one element.

    `code` is a FHIR issue type, `expression` the FHIRPath of the element (with indexes, from the root resource),
    `text` says what rule is broken and what to do, without repeating the value. `rule` is the key of the rule of the
    profile, where it is one.
    """

    code: str
    text: str
    expression: str | None = None
    severity: str = "error"
    rule: str | None = None


_MOST_SHOWN = 64  # a name is no patient data, but it could be anything


def shown(name: str) -> str:
    """What a caller named, as it may stand in a path: cut short, without control characters and quotes."""
    cut = "..." if len(name) > _MOST_SHOWN else ""
    return "".join(sign for sign in name[:_MOST_SHOWN] if sign.isprintable() and sign != "'") + cut


def quoted(name: str) -> str:
    """The same in a text: in quotes, so that it can be hidden again."""
    return f"'{shown(name)}'"


class GatewayError(Exception):
    """The base of the table; `issues` holds one finding or many."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "exception"
    nhs_code: ClassVar[str] = "REC_SERVER_ERROR"
    text: ClassVar[str] = "Something went wrong on our side. Quote the correlation id when you report it."

    def __init__(
        self,
        text: str | None = None,
        *,
        issues: list[Issue] | None = None,
        expression: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(text or self.text)
        self.issues = issues or [Issue(self.code, text or self.text, expression)]
        self.headers = headers or {}


class Unreadable(GatewayError):
    status, code, nhs_code = 400, "structure", "REC_BAD_REQUEST"
    text = "The request cannot be read."


class BadRequest(GatewayError):
    status, code, nhs_code = 400, "invalid", "REC_BAD_REQUEST"
    text = "The request is not understood."


class TooCostly(GatewayError):
    status, code, nhs_code = 400, "too-costly", "REC_BAD_REQUEST"
    text = "This asks for more than one request may cost. Narrow it."


class Unauthorised(GatewayError):
    status, code, nhs_code = 401, "login", "REC_UNAUTHORIZED"
    text = "Send a bearer token from /oauth2/token in the Authorization header."

    def __init__(self, text: str | None = None, *, challenge: str = 'Bearer realm="gateway"') -> None:
        super().__init__(text, headers={"WWW-Authenticate": challenge})


class Forbidden(GatewayError):
    status, code, nhs_code = 403, "forbidden", "REC_FORBIDDEN"
    text = "Your token does not allow this."


class NotFound(GatewayError):
    status, code, nhs_code = 404, "not-found", "REC_NOT_FOUND"
    text = "There is nothing here under this address that you may see."


class MethodNotAllowed(GatewayError):
    status, code, nhs_code = 405, "not-supported", "REC_METHOD_NOT_ALLOWED"
    text = "This address does not take this method."


class NotAcceptable(GatewayError):
    status, code, nhs_code = 406, "processing", "REC_NOT_ACCEPTABLE"
    text = "The gateway answers application/fhir+json (FHIR R4, 4.0.1) only. Ask for that in Accept."


class Duplicate(GatewayError):
    status, code, nhs_code = 409, "duplicate", "REC_CONFLICT"
    text = "This has been received before."


class Conflict(GatewayError):
    status, code, nhs_code = 409, "conflict", "REC_CONFLICT"
    text = "This does not fit what is stored now."


class VersionConflict(GatewayError):
    status, code, nhs_code = 412, "conflict", "REC_CONFLICT"
    text = "The resource has changed since it was read. Read it again before you change it."


class TooLarge(GatewayError):
    status, code, nhs_code = 413, "too-long", "REC_BAD_REQUEST"
    text = "The body is larger than the gateway takes."


class UnsupportedMediaType(GatewayError):
    status, code, nhs_code = 415, "not-supported", "REC_UNSUPPORTED_MEDIA_TYPE"
    text = "Send application/fhir+json (FHIR R4, 4.0.1)."


class Rejected(GatewayError):
    """Readable, but against a rule of FHIR R4 or of a referral."""

    status, code, nhs_code = 422, "invariant", "REC_UNPROCESSABLE_ENTITY"
    text = "The request breaks a rule."


class IllegalMove(GatewayError):
    """A change of state that the life cycle does not know from here, or not for this actor."""

    status, code, nhs_code = 422, "business-rule", "REC_UNPROCESSABLE_ENTITY"
    text = "This change is not allowed now."


class Unavailable(GatewayError):
    status, code, nhs_code = 503, "transient", "REC_UNAVAILABLE"
    text = "The gateway cannot reach its database at the moment. Nothing was kept; send it again later."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "5"})


class Contended(Unavailable):
    text = "Others changed the same at this moment. Nothing was kept; send it again."


class ServerError(GatewayError):
    pass


def outcome(error: GatewayError, correlation_id: str) -> dict[str, Any]:
    """The OperationOutcome for an error (R4 operationoutcome.html; NHS code in details.coding)."""
    coding = {
        "system": NHS_ERROR_SYSTEM,
        "code": error.nhs_code,
        "display": f"{error.status}: {error.text}",
    }
    return {
        "resourceType": "OperationOutcome",
        "issue": [issue_json(issue, coding) for issue in error.issues]
        + (
            [{"severity": "information", "code": "informational", "diagnostics": f"Correlation id: {correlation_id}"}]
            if error.status >= 500
            else []
        ),
    }


def warnings_outcome(warnings: list[Issue]) -> dict[str, Any]:
    """The OperationOutcome that goes with a success: what was noticed but did not refuse."""
    return {"resourceType": "OperationOutcome", "issue": [issue_json(issue, None) for issue in warnings]}


def issue_json(issue: Issue, coding: dict[str, str] | None) -> dict[str, Any]:
    details: dict[str, Any] = {"text": issue.text}
    if coding:
        details = {"coding": [coding], "text": issue.text}
    shown: dict[str, Any] = {
        "severity": issue.severity,
        "code": issue.code,
        "details": details,
        "diagnostics": issue.text,
    }
    if issue.expression:
        shown["expression"] = [issue.expression]
    return shown


def explained(base_url: str | None, issues: Iterable[Issue], error: GatewayError | None = None) -> dict[str, str]:
    """The header that leads from an answer to the rules behind it (RFC 8288): {base_url}/docs/rules, at the error's row
    of this table (#error-...), and at each rule of the profile (#rule-...)."""
    places = [f"rule-{key}" for key in dict.fromkeys(one.rule for one in issues if one.rule)]
    row = next((kind for kind in type(error).__mro__ if kind.__module__ == __name__), GatewayError)
    if error and row is not GatewayError:
        places.insert(0, f"error-{kebab(row.__name__)}")
    if not (base_url and places):
        return {}
    return {"Link": ", ".join(f'<{base_url}/docs/rules#{place}>; rel="help"' for place in places[:MOST_LINKS])}


def kebab(name: str) -> str:
    """IllegalMove -> illegal-move."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def answer(error: GatewayError, correlation_id: str, base_url: str | None = None) -> Response:
    """The HTTP answer to an error; at `base_url` its rules are explained."""
    return Response(
        orjson.dumps(outcome(error, correlation_id)),
        status_code=error.status,
        headers=error.headers | explained(base_url, error.issues, error),
        media_type=FHIR_JSON,
    )


def install(app: FastAPI) -> None:
    """Turns everything that is raised while answering into an OperationOutcome."""
    app.add_exception_handler(GatewayError, _known)
    app.add_exception_handler(HTTPException, _unrouted)
    app.add_exception_handler(RequestValidationError, _misfit)


def _correlation_id(request: Request) -> str:
    return str(request.state.context.correlation_id)


def _base_url(request: Request) -> str | None:
    url: str | None = request.app.state.base_url
    return url


async def _known(request: Request, error: Exception) -> Response:
    assert isinstance(error, GatewayError)
    request.state.refused = error  # for gateway.again and gateway.audit
    return answer(error, _correlation_id(request), _base_url(request))


async def _unrouted(request: Request, error: Exception) -> Response:
    """Starlette's own: no such address, or not with this method."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if "Allow" in headers:
        headers["Allow"] = ", ".join(sorted(headers["Allow"].split(", ")))
    known: GatewayError = NotFound(headers=headers)
    if error.status_code == 405:
        text = f"This address takes {headers.get('Allow', 'other methods')} only."
        known = MethodNotAllowed(f"{text} {NO_DELETE}" if request.method == "DELETE" else text, headers=headers)
    elif error.status_code == 400:
        known = Unreadable("The body could not be read to its end. Send it again.")
    return answer(known, _correlation_id(request), _base_url(request))


async def _misfit(request: Request, error: Exception) -> Response:
    """A platform request that does not fit its model; pydantic's own text may repeat the value, so ours does not."""
    assert isinstance(error, RequestValidationError)
    issues = []
    for found in error.errors():
        place = ".".join(str(part) for part in found["loc"] if part not in {"body", "query", "path"})
        if found["type"] == "extra_forbidden":  # its name is the caller's own: quoted, as everywhere
            text = f"There is no {quoted(place)}. Leave it out. See openapi/platform.yaml."
            issues.append(Issue("value", text, place))
            continue
        code, status_text = ("required", "is missing") if found["type"] == "missing" else ("value", "does not fit")
        expected = found.get("ctx", {}).get("expected")
        hint = f": expected {expected}" if expected else f" ({found['type'].replace('_', ' ')})"
        issues.append(
            Issue(code, f"{place or 'The body'} {status_text}{hint}. See openapi/platform.yaml.", place or None)
        )
    broken_json = any(found["type"] == "json_invalid" for found in error.errors())
    known = Unreadable("The body is not JSON.") if broken_json else Rejected(issues=issues)
    return await _known(request, known)
