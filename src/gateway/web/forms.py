"""What forms of the pages inside an EPR send."""

import hmac
from urllib.parse import parse_qs

from starlette.requests import Request

from gateway.errors import BadRequest, Forbidden, TooLarge
from gateway.launch.session import LaunchSession
from gateway.web.session import refuse_other_sites

MOST_BYTES = 200_000
MOST_FIELDS = 200

Form = dict[str, list[str]]


async def read_launched_form(request: Request, session: LaunchSession) -> Form:
    """The fields, each with all its values, line ends as \\n. Raises Forbidden when it is not a form of this session's,
    BadRequest and TooLarge when it cannot be read."""
    refuse_other_sites(request)
    body = await request.body()
    if len(body) > MOST_BYTES:
        raise TooLarge("There is more text in this form than it takes. Make it shorter.")
    try:
        form = parse_qs(
            body.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=MOST_FIELDS,
            errors="strict",
            strict_parsing=bool(body),
        )
    except ValueError:
        raise BadRequest("This form cannot be read. Go back and send it again.") from None
    if not hmac.compare_digest(first(form, "proof").encode(), session.proof.encode()):
        raise Forbidden("This form is not of your session. Go back, read the page again and repeat it.")
    return {name: [one.replace("\r\n", "\n") for one in values] for name, values in form.items()}


def first(form: Form, name: str) -> str:
    return form.get(name, [""])[0]
