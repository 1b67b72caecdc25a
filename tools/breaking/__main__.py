"""python -m tools.breaking: what of openapi/ breaks with the last tag, in words, and whether CHANGELOG.md says so.

Exit codes: 0 nothing breaks, or all of it is named; 1 something breaks that is not named; 2 it could not be compared.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from tools.breaking.documents import breaks

FOLDER, CHANGES = "openapi", "CHANGELOG.md"
VERSION = re.compile(r"\[?v?([^\]\s(]+)")  # `1.0.0`, `[v1.0.0] - 2026-03-02`
FILES = ("gateway.yaml", "platform.yaml", "r4.schema.json")


class CannotCompareError(Exception):
    """Something that is needed is not there."""


def last_tag(root: Path) -> str | None:
    _git(root, "rev-parse", "--git-dir")  # raises where there is no repository
    try:
        return _git(root, "describe", "--tags", "--abbrev=0").strip()
    except CannotCompareError:
        return None


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise CannotCompareError("git is absent.") from None
    except subprocess.CalledProcessError as failed:
        raise CannotCompareError(f"git {' '.join(arguments)}: {failed.stderr.strip()}") from None
    return done.stdout


def at_tag(root: Path, tag: str) -> dict[str, Any]:
    there = _git(root, "ls-tree", "--name-only", tag, f"{FOLDER}/").split()
    return {
        name: _read(name, _git(root, "show", f"{tag}:{FOLDER}/{name}")) for name in FILES if f"{FOLDER}/{name}" in there
    }


def here(root: Path) -> dict[str, Any]:
    files = {name: root / FOLDER / name for name in FILES}
    return {name: _read(name, file.read_text("utf-8")) for name, file in files.items() if file.exists()}


def _read(name: str, text: str) -> Any:
    try:
        return (
            json.loads(text)
            if name.endswith(".json")
            else yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        )
    except (ValueError, yaml.YAMLError) as wrong:
        raise CannotCompareError(f"{FOLDER}/{name} cannot be read: {wrong}") from None


def said_since(root: Path, tag: str) -> str:
    """The changelog's words above the section of that tag, without marks of code and in one line; where there is no
    such section, only the first one's, because nobody knows where the others belong."""
    file = root / CHANGES
    text = file.read_text("utf-8") if file.exists() else ""
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    versions = [found[1] if (found := VERSION.match(one)) else "" for one in sections]
    last = tag.removeprefix("v")
    since = sections[: versions.index(last)] if last in versions else sections[:1]
    return " ".join("\n".join(since).replace("`", "").split())


def main(root: Path) -> int:
    try:
        tag = last_tag(root)
        if tag is None:
            print(f"{FOLDER}/ is not compared: there is no tag yet (or this clone has none).")
            return 0
        found = breaks(at_tag(root, tag), here(root))
    except CannotCompareError as wrong:
        print(f"{FOLDER}/ cannot be compared: {wrong}", file=sys.stderr)
        return 2
    said = said_since(root, tag)
    silent = [one for one in found if " ".join(one.replace("`", "").split()) not in said]
    for one in found:
        print(f"{'not in ' + CHANGES if one in silent else 'named'}: {one}")
    if silent:
        print(
            f"{len(silent)} of {len(found)} breaks with {tag} are not named in {CHANGES}: take back what is not meant;"
        )
        print("write each of the others there, above the section of that tag, in exactly these words.")
    return 1 if silent else 0


if __name__ == "__main__":
    sys.exit(main(Path.cwd()))
