"""Tables as CSV, for spreadsheets: what a cell begins with must not make a formula of it (OWASP, CSV injection)."""

import csv
import io
from collections.abc import Iterable, Sequence

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Text with a heading; a byte order mark before it, by which spreadsheets know UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return f"\ufeff{text.getvalue()}"


def _harmless(cell: str) -> str:
    cell = " ".join(cell.splitlines())  # a line of its own would begin a cell again
    return f"'{cell}" if cell.startswith(FORMULA) else cell
