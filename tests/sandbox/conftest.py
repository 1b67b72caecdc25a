from collections.abc import Iterator

import pytest
from tests.sandbox.engineer import Engineer, Sandbox, running


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running(tmp_path_factory.mktemp("sandbox") / "tenants") as served:
        yield served


@pytest.fixture(scope="module")
def ann(sandbox: Sandbox) -> Engineer:
    """Of all tests of a module, whose referrals do not meet: a tenant takes half a second to make."""
    return sandbox.join()


@pytest.fixture
def own(sandbox: Sandbox) -> Engineer:
    """Of one test alone: it resets it, or puts its clock far ahead."""
    return sandbox.join()
