"""The contract, openapi/: written from what the gateway serves, takes and answers.

python -m tools.contract           writes it anew
python -m tools.contract --check   exits 1 when the gateway does not do what it says
"""

import argparse
import asyncio
import sys
from difflib import unified_diff
from itertools import islice
from pathlib import Path

import yaml
from tools.contract.documents import Drift, Json, fhir_door, platform_door
from tools.contract.r4 import r4_schemas
from tools.contract.served import gaps
from tools.contract.story import tell
from tools.postman import collection

from gateway.telemetry import set_up_logging

FOLDER = Path("openapi")
HEAD = "# Written by `make contract`. Change the routes, the models, or the sources in tools/contract, not this file.\n"
MOST_LINES = 40
WIDTH = 160


def contract() -> dict[str, str]:
    """File name -> text. Raises Drift when the routes and their description differ."""
    app, told = asyncio.run(tell())
    gateway, platform = fhir_door(app, told), platform_door(app, told)
    if found := gaps(app, gateway, platform):
        raise Drift("\n".join(found))
    return {
        "gateway.yaml": as_yaml(gateway),
        "platform.yaml": as_yaml(platform),
        "r4.schema.json": r4_schemas(),
        "postman.json": collection({"fhir": gateway, "platform": platform}),
    }


class PlainYaml(yaml.SafeDumper):
    """Without anchors, and with longer texts as blocks."""

    def ignore_aliases(self, _data: object) -> bool:
        return True

    def words(self, text: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


PlainYaml.add_representer(str, PlainYaml.words)


def as_yaml(document: Json) -> str:
    return HEAD + yaml.dump(document, Dumper=PlainYaml, sort_keys=False, allow_unicode=True, width=WIDTH)


def differences(served: dict[str, str]) -> list[str]:
    """The lines by which the files and what is served differ, as a unified diff."""
    lines: list[str] = []
    for name, text in served.items():
        file = FOLDER / name
        written = file.read_text("utf-8").splitlines() if file.exists() else []
        lines += unified_diff(written, text.splitlines(), f"{file} (written)", f"{file} (served)", n=2, lineterm="")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.contract")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    arguments = parser.parse_args()
    set_up_logging("CRITICAL")  # the story provokes each refusal
    try:
        served = contract()
    except Drift as drift:
        print(drift, "Describe it in tools/contract/fhir_door/, or in the route's `responses`.", sep="\n")
        return 1
    if not arguments.check:
        for name, text in served.items():
            (FOLDER / name).write_text(text, "utf-8")
        return 0
    lines = differences(served)
    for line in islice(lines, MOST_LINES):
        print(line[:WIDTH])
    if lines:
        print(f"The gateway no longer does what {FOLDER}/ says ({len(lines)} lines of difference).")
        print("If that is meant: `make contract`, read the difference, and commit it with a line in CHANGELOG.md.")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
