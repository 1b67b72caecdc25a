"""The words of which the entries of the parties file are made, with their checks."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def shaped(pattern: str, expected: str) -> AfterValidator:
    """A text of this shape; who gives another is told what was expected."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"expected {expected}")
        return text

    return AfterValidator(check)


Id = Annotated[str, shaped(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "1 to 64 letters, digits, dots, dashes or underscores")]
OdsCode = Annotated[str, shaped(r"[A-Z0-9]{3,12}", "an ODS code: 3 to 12 capitals and digits")]
Token = Annotated[str, shaped(r"[^|\s]+\|\S+", "system|value, as in a FHIR search")]
OutwardCode = Annotated[str, shaped(r"[A-Z]{1,2}[0-9][A-Z0-9]?", "the first half of a postcode, e.g. AB12")]
Name = Annotated[str, Field(min_length=1)]
System = Annotated[str, shaped(r"[^|\s]+:[^|\s]+", "the URI of an identifier system")]


class Party(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
