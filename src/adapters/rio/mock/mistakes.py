"""What the mock is given and cannot use."""


class MockError(Exception):
    """The text says in which file, where, and what was expected."""
