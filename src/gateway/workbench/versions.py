"""Another version of the maps: a folder, or a revision of the repository that one stands in."""

import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from mappings.check import read_maps
from mappings.translate import Maps

IN_REPOSITORY = "src/mappings/maps"
SECONDS = 60


class VersionError(ValueError):
    """Neither a folder nor a revision; the text says what was expected."""


@contextmanager
def maps_of(version: str) -> Iterator[Maps]:
    """The maps of a folder, or of a git revision (v1.2, HEAD~3; or REVISION:FOLDER). Raises VersionError, and
    UnreadableMap for what is no map."""
    if Path(version).is_dir():
        yield read_maps(Path(version))
        return
    with tempfile.TemporaryDirectory(prefix="gateway-maps-") as folder:
        with tarfile.open(fileobj=BytesIO(_archive(version))) as archive:
            archive.extractall(folder, filter="data")
        yield read_maps(Path(folder))


def _archive(version: str) -> bytes:
    """The folder of maps at a revision, as tar."""
    tree = version if ":" in version else f"{version}:{IN_REPOSITORY}"
    expected = f"{version}: expected a folder of maps, or a git revision that has {IN_REPOSITORY}"
    if version.startswith("-"):
        raise VersionError(f"{expected}.")
    try:
        top = _git("rev-parse", "--show-toplevel").decode().strip()
        return _git("-C", top, "archive", "--format=tar", tree)
    except (OSError, subprocess.TimeoutExpired):
        raise VersionError(f"{expected}; git cannot be run here.") from None
    except subprocess.CalledProcessError as trouble:
        why = trouble.stderr.decode(errors="replace").strip().splitlines()
        raise VersionError(f"{expected}; git says: {why[-1] if why else 'nothing'}") from None


def _git(*arguments: str) -> bytes:
    command = ["git", *arguments]
    return subprocess.run(command, check=True, capture_output=True, timeout=SECONDS).stdout  # noqa: S603 - no shell
