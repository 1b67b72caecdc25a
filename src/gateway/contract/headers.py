"""Names and values that HTTP allows in a header (RFC 9110, 5.1 and 5.5; of values, only what is ASCII)."""

import re
from typing import Annotated

from pydantic import AfterValidator

NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
VALUE = re.compile(r"([!-~]([ -~]*[!-~])?)?")
FRAMING = {"connection", "content-length", "host", "transfer-encoding"}  # the connection's own: wrong ones break it


def check_names(headers: dict[str, str]) -> dict[str, str]:
    """Raises ValueError: a request with such a header never leaves, which looks as if nobody were there."""
    for name in headers:
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a header: letters, digits and hyphens (RFC 9110, 5.1)")
    return headers


def check_headers(headers: dict[str, str]) -> dict[str, str]:
    """Raises ValueError, without the value, which may be a secret."""
    for name, value in check_names(headers).items():
        if name.lower() in FRAMING:
            raise ValueError(f"{name} belongs to the connection, and is set by the runner alone")
        if not VALUE.fullmatch(value):
            raise ValueError(f"the value of {name} has signs that no header may have (RFC 9110, 5.5)")
    return headers


Headers = Annotated[dict[str, str], AfterValidator(check_headers)]
