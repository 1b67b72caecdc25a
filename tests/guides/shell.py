"""A reader's terminal: one bash for all that a document has them type, in a folder that looks like the checkout."""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import httpx
from tests.guides.blocks import ROOT, Block

from gateway.demo.story import free_port

SECONDS = 60.0  # that one block may take
MARK = "the block has ended"
PRELUDE = f"""
set -euo pipefail
# A request that is refused fails the block, unless the document has curl print the status.
curl() {{ case " $* " in *http_code*) command curl "$@" ;; *) command curl --fail-with-body "$@" ;; esac; }}
export -f curl
tried() {{ . "$1" </dev/null; echo {shlex.quote(MARK)}; }}
"""


class Failed(AssertionError):
    """A block did not do what the document says."""


class Shell:
    """What one block sets, the next one has. `told`: the document's addresses, and what stands for them here."""

    def __init__(self, folder: Path, environment: Mapping[str, str], told: Mapping[str, str]) -> None:
        self.folder = folder
        self._told = dict(told)
        self._bash = subprocess.Popen(
            ["bash", "--norc"],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._say(PRELUDE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._bash.stdin
        self._kill_all()
        self._bash.communicate()

    def here(self, text: str) -> str:
        """The text with this test's addresses."""
        for address, stands_for in self._told.items():
            text = text.replace(address, stands_for)
        return text

    def there(self, text: str) -> str:
        """The text with the document's addresses."""
        for address, stands_for in self._told.items():
            text = text.replace(stands_for, address)
        return text

    def run(self, block: Block) -> str:
        """What the block prints. Raises Failed when a command in it fails, or when it takes too long."""
        if block.language == "python":
            script = self._write(block.text, f"{block.place}.py")
            return self.type(f".venv/bin/python {shlex.quote(str(script))}\n", block.place)
        return self.type(block.text, block.place)

    def _write(self, text: str, name: str) -> Path:
        script = self.folder / f".{name.replace('/', '-')}"
        script.write_text(self.here(text), "utf-8")
        return script

    def type(self, commands: str, name: str) -> str:
        script = self._write(commands, name)
        timer = threading.Timer(SECONDS, self._kill_all)
        timer.start()
        printed = []
        try:
            self._say(f"tried {shlex.quote(str(script))}\n")
            assert self._bash.stdout
            for line in self._bash.stdout:
                if line.rstrip("\n").endswith(MARK):
                    printed.append(line.rstrip("\n").removesuffix(MARK))
                    return self.there("".join(printed))
                printed.append(line)
        finally:
            timer.cancel()
        raise Failed(f"{name} fails:\n{commands}\nIt printed:\n{''.join(printed)}")

    def make_room(self, address: str) -> None:
        """What the document has left running at this address gets a port of its own."""
        self._told[urlsplit(address).netloc] = f"127.0.0.1:{free_port()}"

    def leave_running(self, block: str, name: str, address: str) -> None:
        """Starts what serves at the address, for the rest of the document. Raises Failed when it does not come up."""
        port, own = urlsplit(address).port, urlsplit(self.here(address)).port
        command, said = re.subn(rf"\b{port}\b", str(own), block.strip())
        command = command if said else f"{command} --port {own}"
        self.type(f"{command} >left-running.log 2>&1 &\n", name)
        until = time.monotonic() + SECONDS
        while True:
            try:
                httpx.get(self.here(address), trust_env=False, timeout=1)
            except httpx.TransportError:
                if time.monotonic() > until:
                    raise Failed(f"{name}: {address} does not come up") from None
                time.sleep(0.05)
            else:
                return

    def _say(self, text: str) -> None:
        assert self._bash.stdin
        self._bash.stdin.write(text)
        self._bash.stdin.flush()

    def _kill_all(self) -> None:
        """The bash, and whatever it has left running."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGTERM)


def lay_out(folder: Path, commands: Path, keys: Path) -> None:
    """Makes the folder look like a checkout in which `make serve` runs, with its keys in var."""
    (folder / "var").mkdir()
    (folder / "var" / "keys").symlink_to(keys)
    for name in ("src", "docs", "openapi", "tests"):
        (folder / name).symlink_to(ROOT / name)
    bin_folder = folder / ".venv" / "bin"
    bin_folder.mkdir(parents=True)
    (bin_folder / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    # A token is asked for where this test's gateway is, unless the document says where.
    (bin_folder / "gateway").write_text(
        '#!/bin/sh\ncase "$1 $*" in token*--url*) ;; token*) set -- "$@" --url "$GATEWAY_HERE" ;; esac\n'
        f'exec {sys.executable} -S {Path(__file__).with_name("forked.py")} {commands} "$@"\n'
    )
    for file in bin_folder.iterdir():
        file.chmod(0o755)
