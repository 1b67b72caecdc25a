"""Files that somebody wrote by hand: whatever stands in them, reading ends soon, and says what is wrong and where."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

MOST_READ = 4_000_000  # bytes of a file
MOST_ENTRIES = 500_000  # of a YAML file, counting at each alias all that it stands for
TIMESTAMP = "tag:yaml.org,2002:timestamp"

Place = tuple[int | str, ...]


class Unreadable(Exception):
    """A file cannot be read as what it should be; the text names it, the line where there is one, and the reason."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # ten times as fast, where libyaml is
    """Days and moments stay the text that they are, as in JSON."""


_Loader.add_constructor(TIMESTAMP, yaml.constructor.SafeConstructor.construct_yaml_str)


def read_yaml(path: Path) -> tuple[Any, yaml.Node | None]:
    """What the file says, and where it says it (`line_of`). Raises Unreadable."""
    text = _text(path)
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is not None and _entries(root, {}) > MOST_ENTRIES:
            raise Unreadable(f"{path}: too large: an alias stands inside itself, or for more than can be read")
        return loader.construct_document(root) if root else None, root
    except yaml.YAMLError as trouble:
        mark = getattr(trouble, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise Unreadable(f"{path}{line}: no YAML: {getattr(trouble, 'problem', None) or 'cannot be read'}") from None
    except ValueError as trouble:  # a number of 5,000 digits
        raise Unreadable(f"{path}: no YAML: {str(trouble)[:200]}") from None
    except RecursionError:
        raise Unreadable(f"{path}: too deep: what stands inside one another is not read so far down") from None


def _entries(node: yaml.Node, counted: dict[int, int]) -> int:
    """With aliases written out. Ten lines of aliases to aliases are a billion entries, and whoever walks through them
    never comes back."""
    known = counted.get(id(node))
    if known is not None:
        return known
    counted[id(node)] = MOST_ENTRIES + 1  # met again before it is counted: it stands inside itself
    inner: Iterable[yaml.Node] = ()
    if isinstance(node, yaml.SequenceNode):
        inner = node.value
    elif isinstance(node, yaml.MappingNode):
        inner = [one for pair in node.value for one in pair]
    counted[id(node)] = 1 + sum(_entries(one, counted) for one in inner)
    return counted[id(node)]


def line_of(node: yaml.Node | None, place: Place) -> int:
    """The line on which the entry at `place` stands, or the nearest one around it."""
    if node is None:
        return 1
    for step in place:
        if isinstance(node, yaml.MappingNode):
            inner = next((value for key, value in node.value if key.value == step), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            inner = node.value[step]
        else:
            inner = None
        if inner is None:
            break
        node = inner
    return int(node.start_mark.line) + 1


def read_json(path: Path) -> Any:
    """Raises Unreadable."""
    try:
        return json.loads(_text(path))
    except (ValueError, RecursionError):
        raise Unreadable(f"{path}: expected JSON") from None


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_READ + 1)
    except OSError as trouble:
        raise Unreadable(f"{path}: cannot be read: {trouble.strerror}") from None
    except ValueError:
        raise Unreadable(f"{str(path)!r}: no name of a file") from None
    if len(content) > MOST_READ:
        raise Unreadable(f"{path}: too large: more than {MOST_READ:,} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Unreadable(f"{path}: expected UTF-8 text") from None
