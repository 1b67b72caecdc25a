"""Each fault of src/adapters/rio/mock/README.md acts as its table says; neither more nor less are there."""

import re

from tests.mock_rio.faults import test_answers, test_callers, test_colleagues, test_way
from tests.mock_rio.rio import FOLDER

from adapters.rio.mock.kinds import KINDS

README = (FOLDER / "mock/README.md").read_text("utf-8")


def test_readme_code_and_tests_know_the_same_faults() -> None:
    table = README.partition("| Fault |")[2].partition("##")[0]
    told = re.findall(r"^\| `([a-z-]+)` \| .+ \| .+ \|$", table, re.MULTILINE)
    names = [name for module in (test_way, test_answers, test_callers, test_colleagues) for name in dir(module)]
    tested = [found[1].replace("_", "-") for name in names if (found := re.match(r"test_fault_(\w+?)(__\w+)?$", name))]

    assert sorted(told) == sorted(KINDS)
    assert set(tested) == set(KINDS)
