"""What each refusal of gateway/errors.py means to whoever called, and what to do: the words of /docs/rules."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gateway import errors
from gateway.errors import GatewayError

WORDS: dict[type[GatewayError], tuple[str, str]] = {
    errors.Unreadable: (
        "The body or a header cannot be read: it is not JSON, it was cut off, a name stands in it twice.",
        "Mend what the text names and send it again. Nothing was stored.",
    ),
    errors.BadRequest: (
        "It can be read, but not understood: an unknown parameter, a value of the wrong form, an X-Request-Id that is "
        "no UUID.",
        "Correct the parameter or header that the text names.",
    ),
    errors.TooCostly: (
        "It asks for more than one request may cost: too many entries, values or includes.",
        "Ask for less at a time: narrow the search, or cut the Bundle into several.",
    ),
    errors.Unauthorised: (
        "There is no bearer token, or one that has expired, or one that is not ours. Of a CDS Hooks call: its JWT does "
        "not hold.",
        "Get a token at /oauth2/token and send it as `Authorization: Bearer ...`. Tokens last five minutes unless the "
        "gateway is set otherwise: get a new one when a call is answered 401.",
    ),
    errors.Forbidden: (
        "The token is good, but lacks the scope that this needs.",
        "Ask for the scope with the token. When it is refused there: whoever runs the gateway must register it.",
    ),
    errors.NotFound: (
        "Nothing is here that you may see. What another organisation sent and what does not exist are answered alike.",
        "Check the address and the id, and as which client you call: an EPR sees what its own organisation sent, a "
        "platform what is at its hubs.",
    ),
    errors.MethodNotAllowed: (
        "The address does not take this method. Nothing is ever deleted.",
        "`Allow` names the methods that it takes. Instead of DELETE, update the resource with the status "
        "`entered-in-error`.",
    ),
    errors.NotAcceptable: (
        "`Accept` or `_format` asks for what the gateway does not speak, such as XML or another FHIR version.",
        "Ask for `application/fhir+json`, or leave `Accept` out.",
    ),
    errors.Duplicate: (
        "This is here already: the identifier that you gave the referral, or the id of the message, was used before.",
        "Do not send it again: it was received. The text names the referral. To change it, update it.",
    ),
    errors.Conflict: (
        "It does not fit what is stored: an X-Request-Id that named another request, a message that is older than what "
        "is stored, a question that was decided.",
        "Read what is stored, then decide. Each new request needs a new X-Request-Id.",
    ),
    errors.VersionConflict: (
        "It has changed since you read it, or a condition matches none or more than one.",
        "Read it again, make your change to the new version, and send that with its ETag as `If-Match`.",
    ),
    errors.TooLarge: (
        "The body is larger than the gateway takes (five million bytes unless it is set otherwise).",
        "Send less: cut a Bundle into several, and leave documents where they are, with their address.",
    ),
    errors.UnsupportedMediaType: (
        "`Content-Type` is missing or names what the door does not read.",
        "Send `application/fhir+json` at the FHIR door (a patch: `application/json-patch+json`), and "
        "`application/json` at the platform's.",
    ),
    errors.Rejected: (
        "It can be read, but breaks a rule of FHIR R4 or of a referral. All findings come at once.",
        "Each issue says which element (`expression`), which rule and what to do. Mend them all and send it again. "
        "`$validate` gives the same judgement and stores nothing.",
    ),
    errors.IllegalMove: (
        "The referral cannot go there from where it is, or not by you.",
        "Read it: `allowed_moves` says what may be done now. An EPR that cannot cancel any more asks, with an abort "
        "Task.",
    ),
    errors.Unavailable: (
        "The gateway cannot reach its database. Nothing was kept.",
        "Send the same request again, with the same X-Request-Id, after `Retry-After`. It is stored once at most.",
    ),
    errors.Contended: (
        "Others changed the same at this moment. Nothing was kept.",
        "Send the same request again, with the same X-Request-Id, after `Retry-After`.",
    ),
    errors.ServerError: (
        "Something is wrong on our side.",
        "Send the same request again, with the same X-Request-Id: it is stored once at most. When it stays so, report "
        "it with the correlation id from the answer.",
    ),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row; `anchor` is where it stands on /docs/rules."""

    anchor: str
    name: str
    error: type[GatewayError]
    means: str
    do: str


def refusals() -> Iterator[Refusal]:
    for error, (means, do) in WORDS.items():
        yield Refusal(anchor_of(error), in_words(error), error, means, do)


def anchor_of(error: type[GatewayError]) -> str:
    """E.g. error-illegal-move."""
    return f"error-{in_words(error).lower().replace(' ', '-')}"


def in_words(error: type[GatewayError]) -> str:
    """E.g. Illegal move."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", error.__name__).capitalize()
