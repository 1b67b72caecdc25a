"""The rows of a field map: ids once, targets that exist and none left out, sources that may yield something."""

from collections.abc import Iterable, Iterator
from types import UnionType
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from mappings.amendment import WHERE
from mappings.check.codes import twice
from mappings.check.r4 import Types, check_path
from mappings.conversions import CONSTANTS, conversions
from mappings.documents import Gap, line_of
from mappings.fhirpath import compile_expression
from mappings.referral import Referral
from mappings.to_referral import ROOTS
from mappings.translate import Maps

Json = dict[str, Any]


def check_fields(file: str, rows: list[Json]) -> Iterator[Gap]:
    """`rows`, all of which compile, are those of the whole map, with a dialect's in their places."""
    every = list(all_rows(rows))
    yield from twice(file, [row for _, _, row in every], "id")
    shape = dict(shape_of(Referral))
    tried: dict[tuple[str, str], set[str]] = {}
    filled: set[str] = set()
    for item, target, row in every:
        for text in _misaimed(target, row, shape):
            yield Gap(file, line_of(row), f"row {row['id']} {text}")
        before = tried.setdefault((item, target), set())
        ways = {f"{source} {row.get('convert')} {row.get('show')}" for source in row["source"]}
        if ways <= before or "default" in before:
            text = f"row {row['id']} is never reached: rows above it always decide {target} first."
            yield Gap(file, line_of(row), text)
        before |= ways | ({"default"} if "default" in row else set())
        filled |= {target, *(f"{target}.{part}" for part in row.get("first", {}))}
    for target, kind in shape.items():
        if target not in filled and kind != "object":
            yield Gap(file, 0, f"no row fills {target}.")
    yield from check_where(file, every)
    yield from _misled(file, rows, None)


def check_where(file: str, rows: Iterable[tuple[str, str, Json]]) -> Iterator[Gap]:
    """Those of `all_rows` that would say where a restricted person is."""
    for _, target, row in rows:
        if target in WHERE and row.get("unless") != "person.sensitive":
            says = f"row {row['id']} fills {target}, which says where somebody is"
            yield Gap(file, line_of(row), f'{says}: expected "unless": "person.sensitive".')


def _misaimed(target: str, row: Json, shape: dict[str, str]) -> Iterator[str]:
    if target not in shape:
        yield f"fills {target}, which the referral does not have."
    elif shape[target] == "list" and row.get("take") != "all":
        yield f"takes one value for {target}, which is a list."
    if row.get("unless", "person.sensitive") not in shape:
        yield f"looks at {row['unless']}, which the referral does not have."
    for part in row.get("first", {}):
        if f"{target}.{part}" not in shape:
            yield f"fills {target}.{part}, which the referral does not have."


def check_syntax(file: str, rows: list[Json], maps: Maps) -> Iterator[Gap]:
    """What keeps rows from being compiled: expressions outside the subset, conversions that there are not."""
    known = {*conversions(maps), *maps.names("ConceptMap")}
    for _, _, row in all_rows(rows):
        for source in [*row["source"], *([row["order_by"]] if "order_by" in row else [])]:
            try:
                compile_expression(source, CONSTANTS)
            except ValueError as trouble:
                yield Gap(file, line_of(row), f"row {row['id']} cannot be read: {trouble}")
        if row.get("convert") and row["convert"] not in known:
            expected = f"expected a ConceptMap that is here, or one of {', '.join(sorted(conversions(maps)))}."
            yield Gap(file, line_of(row), f"row {row['id']} converts by {row['convert']}: {expected}")


def _misled(file: str, rows: list[Json], context: Types | None) -> Iterator[Gap]:
    """Sources that nothing ever stands at."""
    for row in rows:
        inner: list[Types | None] = []
        for source in row["source"]:
            root = compile_expression(source, CONSTANTS).root
            types, missing = check_path(source, context)
            if root and root not in ROOTS:
                missing = f"an expression starts with one of {', '.join(sorted(ROOTS))}"
            if missing:
                text = f"row {row['id']} never finds anything at {source}: {missing}."
                yield Gap(file, line_of(row), text)
            inner.append(types)
        if "each" in row:
            yield from _misled(file, row["each"], inner[0] if len(set(inner)) == 1 else None)


def all_rows(rows: list[Json], above: str = "", item: str = "") -> Iterator[tuple[str, str, Json]]:
    """(the id of the row whose item it is part of, its target in full, the row) for each row and those inside."""
    for row in rows:
        yield item, above + row["target"], row
        yield from all_rows(row.get("each", []), f"{above}{row['target']}.", row["id"])


def shape_of(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, str]]:
    """Each field of a shape, by its full name, with what it is: value, list or object."""
    for name, field in model.model_fields.items():
        options = get_args(field.annotation) if isinstance(field.annotation, UnionType) else (field.annotation,)
        kind = options[0]
        is_list = get_origin(kind) is list
        inner: Any = get_args(kind)[0] if is_list else kind
        is_object = isinstance(inner, type) and issubclass(inner, BaseModel)
        yield above + name, "list" if is_list else "object" if is_object else "value"
        if is_object:
            yield from shape_of(inner, f"{above}{name}.")
