"""Real FHIR files written by others: none that is valid is refused, and nearly all others are, for the right reason.

The files stay outside the project (tools/corpus_table.py says where they are looked for, and judges them); each
exception is listed there with its reason.
"""

import pytest
from tools import corpus_table as corpus

pytestmark = pytest.mark.skipif(not corpus.MANIFEST.exists(), reason=f"no corpus at {corpus.CORPUS}: set FHIR_CORPUS")


def test_no_valid_file_is_refused() -> None:
    refused = {corpus.name(row): found for row in corpus.rows("valid") if (found := corpus.faults(row))}
    assert {name: found for name, found in refused.items() if name not in corpus.REFUSED} == {}


def test_invalid_files_are_refused_with_the_right_code_at_or_above_the_fault() -> None:
    invalid = corpus.rows("invalid")
    missed = [row for row in invalid if not corpus.is_caught(row)]
    undecided = [row for row in missed if corpus.reason(row) == corpus.UNKNOWN_QUESTIONNAIRE]
    assert [corpus.name(row) for row in missed if corpus.reason(row) == "unknown"] == []
    assert 1 - (len(missed) - len(undecided)) / (len(invalid) - len(undecided)) >= 0.985
