"""The scores of one outcome measure as the points of a small line chart, and as a table. Pure geometry, no markup."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mappings.clinician import uk_date, uk_moment
from mappings.translate import vocabulary

Json = dict[str, Any]

WIDTH, HEIGHT = 320, 170  # of the drawing, in its own units
LEFT, RIGHT, TOP, BOTTOM = 32, 316, 22, 140
INSET = 30  # of the first and the last point, so that their scores stay clear of the scale
LEAST, MOST = 7, 35  # of SWEMWBS
GRID = (7, 14, 21, 28, 35)

CAVEAT = "SWEMWBS: 1 to 3 points can matter to one person; scores alone do not show that support caused a change."
NOTICE = (
    "SWEMWBS: copyright NHS Health Scotland, University of Warwick and University of Edinburgh, 2008, all rights "
    "reserved."
)


@dataclass(frozen=True, slots=True)
class Point:
    """A result in the drawing, and in words."""

    x: float
    y: float
    score: str
    stage: str
    day: str


@dataclass(frozen=True, slots=True)
class Chart:
    """`title` says the change in words, for who does not see the drawing; `line` are the points of a polyline."""

    title: str
    points: list[Point]
    line: str
    grid: list[tuple[float, int]]
    count: str


def chart_of(measures: Sequence[Json]) -> Chart | None:
    """The SWEMWBS results, the first first; None when there are none."""
    taken = sorted((one for one in measures if one["tool"] == "swemwbs"), key=lambda one: str(one["at"]))
    if not taken:
        return None
    moments = [uk_moment(one["at"]).timestamp() for one in taken]
    points = [
        Point(x, _y(one["score"]), f"{one['score']:.2f}", _stage(one), uk_date(one["at"]))
        for one, x in zip(taken, _spread(moments), strict=True)
    ]
    count = "1 measurement" if len(points) == 1 else f"{len(points)} measurements"
    line = " ".join(f"{one.x:g},{one.y:g}" for one in points)
    return Chart(_title(taken, points), points, line, [(_y(one), one) for one in GRID], count)


def _spread(moments: Sequence[float]) -> list[float]:
    """Across the drawing by time; one alone, or several of one moment, evenly."""
    first, last = moments[0], moments[-1]
    if first == last:
        steps = [(at + 0.5) / len(moments) for at in range(len(moments))]
    else:
        steps = [(one - first) / (last - first) for one in moments]
    return [round(LEFT + INSET + step * (RIGHT - LEFT - 2 * INSET), 1) for step in steps]


def _y(score: float) -> float:
    share = (min(max(score, LEAST), MOST) - LEAST) / (MOST - LEAST)
    return round(BOTTOM - share * (BOTTOM - TOP), 1)


def _stage(measure: Json) -> str:
    return vocabulary("measure-stage").display(measure["stage"])


def _title(taken: Sequence[Json], points: Sequence[Point]) -> str:
    first, last = points[0], points[-1]
    if len(points) == 1:
        return f"SWEMWBS {first.score} on {first.day}. One measurement shows no change."
    change = round(taken[-1]["score"], 2) - round(taken[0]["score"], 2)
    return f"SWEMWBS from {first.score} on {first.day} to {last.score} on {last.day} ({change:+.2f})."
