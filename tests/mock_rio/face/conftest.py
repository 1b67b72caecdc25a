"""A launch from the mock's pages."""

import pytest
from tests.mock_rio.face.launching import Launching
from tests.mock_rio.rio import Rio


@pytest.fixture
def launching(rio: Rio) -> Launching:
    return Launching(rio)
