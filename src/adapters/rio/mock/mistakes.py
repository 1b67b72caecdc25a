"""What the mock is given and cannot use."""


class MockError(Exception):
    """The text says in which file, where, and what was expected."""


def read_address(text: str) -> tuple[str, int]:
    """A host and port. Raises MockError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise MockError(f"{text}: must be host:port, e.g. 127.0.0.1:2575")
    return host, int(port)


class NotGranted(Exception):
    """`error` is a code of RFC 6749, 5.2."""

    def __init__(self, error: str, text: str) -> None:
        super().__init__(text)
        self.error = error
