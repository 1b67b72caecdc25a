"""SWEMWBS: seven answers, a published table, and no score when one is missing."""

import pytest

from mappings.measures import SWEMWBS_METRIC, swemwbs, swemwbs_metric


@pytest.mark.parametrize(
    ("answers", "raw", "metric"),
    [([1] * 7, 7, 7.0), ([3] * 7, 21, 19.25), ([5, 4, 4, 4, 4, 4, 4], 29, 26.02), ([5] * 7, 35, 35.0)],
)
def test_seven_answers_give_a_metric_score(answers: list[int | None], raw: int, metric: float) -> None:
    assert swemwbs(answers) == (raw, metric)
    assert swemwbs_metric(raw) == metric


def test_a_higher_total_is_always_a_higher_score() -> None:
    assert list(SWEMWBS_METRIC) == list(range(7, 36))
    assert sorted(SWEMWBS_METRIC.values()) == list(SWEMWBS_METRIC.values())


@pytest.mark.parametrize("answers", [[3, 3, None, 3, 3, 3, 3], [3] * 6, [3] * 8, []])
def test_a_missing_answer_makes_it_invalid(answers: list[int | None]) -> None:
    with pytest.raises(ValueError, match="needs all 7 answers"):
        swemwbs(answers)


@pytest.mark.parametrize("answers", [[0, 3, 3, 3, 3, 3, 3], [3, 3, 3, 3, 3, 3, 6]])
def test_an_answer_outside_1_to_5_is_refused(answers: list[int | None]) -> None:
    with pytest.raises(ValueError, match="from 1 to 5"):
        swemwbs(answers)


@pytest.mark.parametrize("raw", [6, 36, True])
def test_a_total_outside_the_table_is_refused(raw: int) -> None:
    with pytest.raises(ValueError, match="from 7 to 35"):
        swemwbs_metric(raw)
