"""A network of its own for one process, on a link that can be cut (Linux, root, iproute2)."""

import os
import subprocess

NOBODY = "02:00:00:00:00:99"


class NotPermittedError(Exception):
    """This machine does not let us; the text is what it said."""


def run(*command: str) -> None:
    """Raises NotPermittedError."""
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as refusal:
        raise NotPermittedError(f"{' '.join(command)}: {refusal.stderr.strip()}") from None
    except FileNotFoundError:
        raise NotPermittedError(f"{command[0]} is not installed") from None


class Link:
    """`here` is our address on the link, `subnet` both ends."""

    here, there, subnet = "10.213.77.1", "10.213.77.2", "10.213.77.0/30"

    def __init__(self) -> None:
        self.name = f"gwc{os.getpid()}"
        inside = ("ip", "-n", self.name)
        run("ip", "netns", "add", self.name)
        try:
            run("ip", "link", "add", "gwc-here", "type", "veth", "peer", "name", "gwc-there", "netns", self.name)
            run("ip", "addr", "add", f"{self.here}/30", "dev", "gwc-here")
            run("ip", "link", "set", "gwc-here", "up")
            run(*inside, "addr", "add", f"{self.there}/30", "dev", "gwc-there")
            run(*inside, "link", "set", "gwc-there", "up")
            run(*inside, "link", "set", "lo", "up")
        except NotPermittedError:
            self.close()
            raise

    def within(self, command: list[str]) -> list[str]:
        return ["ip", "netns", "exec", self.name, *command]

    def cut(self) -> None:
        """Without a word: packets go to a hardware address that nobody has. Were an end taken down, each side would
        be told at once."""
        for inside, other in self._ends():
            run(*inside, "neigh", "replace", *other, "lladdr", NOBODY, "nud", "permanent")

    def mend(self) -> None:
        for inside, other in self._ends():
            run(*inside, "neigh", "del", *other)

    def _ends(self) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
        return [(("ip",), (self.there, "dev", "gwc-here")), (("ip", "-n", self.name), (self.here, "dev", "gwc-there"))]

    def close(self) -> None:
        run("ip", "netns", "del", self.name)  # its end of the link goes with it, and so ours
