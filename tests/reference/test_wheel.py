"""The built wheel shows the contract where there is no checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from gateway.reference.contract import FILES, folder

ROOT = Path(__file__).parents[2]
LOOK = """
from gateway.reference.contract import doors, folder
from gateway.reference.pages import own
print(folder(), len(doors()["fhir"].operations) > 40, len(own.list_templates()) > 10)
"""


def test_the_wheel_has_the_pages_and_what_they_show(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(installed)

    looked = subprocess.run(
        [sys.executable, "-c", LOOK],
        env=os.environ | {"PYTHONPATH": str(installed)}, cwd=tmp_path, capture_output=True, text=True, check=True,
        timeout=120,
    )  # fmt: skip

    kept = installed / "gateway" / "reference" / "openapi"
    assert looked.stdout.split() == [str(kept), "True", "True"]
    assert {file.name for file in kept.iterdir()} >= FILES
    assert all((kept / name).read_bytes() == (folder() / name).read_bytes() for name in FILES)
