"""ISO 8601 durations, as far as a clock can be put forward by one: weeks, days, hours, minutes, seconds."""

import re
from datetime import timedelta

# Years and months are of no one length, so nobody could say which moment P1M leads to.
_DURATION = re.compile(
    r"P(?:(?P<weeks>\d{1,5})W)?(?:(?P<days>\d{1,5})D)?"
    r"(?:T(?:(?P<hours>\d{1,6})H)?(?:(?P<minutes>\d{1,6})M)?(?:(?P<seconds>\d{1,7})S)?)?",
    re.ASCII,
)
EXPECTED = "expected an ISO 8601 duration of weeks, days, hours, minutes or seconds, e.g. P3D, PT36H or P1DT30M"


def read_duration(text: str) -> timedelta:
    """Raises ValueError, saying what was expected."""
    found = _DURATION.fullmatch(text)
    parts = {name: int(value) for name, value in found.groupdict().items() if value} if found else {}
    if not parts or text.endswith("T"):
        raise ValueError(EXPECTED)
    return timedelta(**parts)
