"""Server processes of a benchmark, and the processor time that they and their children take."""

import contextlib
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


class Process:
    def __init__(self, pid: int) -> None:
        self.pid = pid

    def cpu_seconds(self) -> float:
        """User and system time of the process and all below it (Linux: /proc)."""
        total = 0
        for pid in _family(self.pid):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / TICKS

    def memory(self) -> float:
        """Resident MB of the process itself."""
        [line] = [one for one in Path(f"/proc/{self.pid}/status").read_text().splitlines() if one.startswith("VmRSS")]
        return int(line.split()[1]) / 1024


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in _family(int(child)))]


@contextlib.contextmanager
def running(environment: dict[str, str], command: list[str], port: int) -> Iterator[Process]:
    """The command, once it answers on its port; stopped at the end."""
    child = subprocess.Popen(command, env=environment)
    try:
        until = time.monotonic() + 20
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1)
            except urllib.error.HTTPError:  # it answers, if only that there is nothing at this address
                break
            except OSError:
                pass
            else:
                break
            if time.monotonic() > until or child.poll() is not None:
                raise SystemExit(f"{' '.join(command)} did not come up")
            time.sleep(0.1)
        yield Process(child.pid)
    finally:
        child.terminate()
        child.wait()
