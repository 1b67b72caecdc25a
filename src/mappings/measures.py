"""Scoring of outcome measures.

SWEMWBS, the Short Warwick-Edinburgh Mental Well-being Scale: (c) NHS Health Scotland, University of Warwick and
University of Edinburgh, 2008, all rights reserved. Its users register with the University of Warwick and print the
notice. Only the scoring stands here, not the wording of the items.
"""

from collections.abc import Sequence

# Raw total -> metric score: the published conversion table (Rasch model, Stewart-Brown and others, 2009).
SWEMWBS_METRIC = {
    7: 7.00, 8: 9.51, 9: 11.25, 10: 12.40, 11: 13.33, 12: 14.08, 13: 14.75, 14: 15.32, 15: 15.84, 16: 16.36,
    17: 16.88, 18: 17.43, 19: 17.98, 20: 18.59, 21: 19.25, 22: 19.98, 23: 20.73, 24: 21.54, 25: 22.35, 26: 23.21,
    27: 24.11, 28: 25.03, 29: 26.02, 30: 27.03, 31: 28.13, 32: 29.31, 33: 30.70, 34: 32.55, 35: 35.00,
}  # fmt: skip


def swemwbs(items: Sequence[int | None]) -> tuple[int, float]:
    """Raw total (7-35) and metric score (7.00-35.00) of the seven answers, each 1-5.

    Raises ValueError when an answer is missing or out of range: a SWEMWBS with a gap has no score.
    """
    answers = [item for item in items if item is not None]
    if len(items) != 7 or len(answers) != 7:
        raise ValueError("SWEMWBS needs all 7 answers. With one missing it has no score: record it as not completed.")
    if any(not 1 <= answer <= 5 for answer in answers):
        raise ValueError("Each SWEMWBS answer is a whole number from 1 to 5.")
    return sum(answers), SWEMWBS_METRIC[sum(answers)]


def swemwbs_metric(raw: int) -> float:
    """The metric score for a raw total. Raises ValueError when the total is not a whole number from 7 to 35."""
    if isinstance(raw, bool) or raw not in SWEMWBS_METRIC:
        raise ValueError("A SWEMWBS raw total is a whole number from 7 to 35, the sum of 7 answers from 1 to 5.")
    return SWEMWBS_METRIC[raw]
