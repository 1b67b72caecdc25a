"""What a search asks for, read from its parameters (R4 search.html): conditions, order, and what the answer holds."""

from dataclasses import dataclass, field

from gateway.errors import BadRequest, quoted
from gateway.search.criteria import Criterion, alternatives, check_modifier, criterion
from gateway.search.table import TABLE, Parameter, elements_of, includes_of, is_indexed, parameter_of, revincludes_of

PAGE = 50
MOST = 200
MOST_VALUES = 200  # of all parameters together, because what is read is judged by each
MOST_LINKS = 5  # chains and _has, each a search of its own
MOST_INCLUDES = 10  # and so is each of these
OFTEN_MEANT = ("ServiceRequest", "Patient", "Organization", "Practitioner")  # by a reference of many types
SUMMARIES = ("true", "text", "data", "count", "false")
TOTALS = ("none", "estimate", "accurate")
SILENT = frozenset({"_format", "_pretty"})  # they say how the answer is written, not what is searched

Given = list[tuple[str, str]]  # name and value of each parameter, in the order sent


@dataclass(frozen=True, slots=True)
class Chain:
    """subject:Patient.name=x: what `reference` names must be found by `condition` among the types."""

    reference: Parameter
    types: tuple[str, ...]
    condition: tuple[str, str]
    or_criterion: Criterion | None = None  # what meets this meets the condition too


@dataclass(frozen=True, slots=True)
class Reverse:
    """_has:Task:focus:status=x: something found by `condition` must name it by `reference`."""

    reference: Parameter
    condition: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Include:
    """Task:focus:ServiceRequest; `iterate` when it is asked of what is included, too."""

    reference: Parameter
    target: str  # the type wanted; "": any
    iterate: bool


@dataclass
class Query:
    type: str
    criteria: list[Criterion] = field(default_factory=list)
    chains: list[Chain] = field(default_factory=list)
    reverses: list[Reverse] = field(default_factory=list)
    sort: list[tuple[Parameter, bool]] = field(default_factory=list)  # descending?
    updated: list[str] = field(default_factory=list)  # each value of _lastUpdated
    count: int = PAGE
    summary: str = "false"
    elements: tuple[str, ...] = ()
    total: str = ""
    includes: list[Include] = field(default_factory=list)
    revincludes: list[Include] = field(default_factory=list)
    understood: Given = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def of_changes(self) -> bool:
        """Whether it asks when things were changed: it may be a poll, which comes again from where this one ends."""
        return bool(self.updated) or any(parameter.name == "_lastUpdated" for parameter, _ in self.sort)

    @property
    def linked_types(self) -> set[str]:
        """The types whose content this search tells about, beside its own."""
        chained = {type_ for chain in self.chains for type_ in chain.types}
        sources = [one.reference.of for one in self.reverses] + [one.reference.of for one in self.revincludes]
        return chained.union(sources)


def read_query(type_: str, given: Given, base_url: str) -> Query:
    """What is not known for the type stands in `unknown`, and in nothing else.

    Raises BadRequest for values that are no values, and for modifiers that a known parameter has not.
    """
    query = Query(type_)
    if sum(value.count(",") + 1 for _, value in given) > MOST_VALUES:
        raise BadRequest(f"A search takes {MOST_VALUES} values at most, in all its parameters together.")
    for name, value in dict.fromkeys(given):
        if name in SILENT:
            continue
        if not value:
            raise BadRequest(f"The search parameter {quoted(name)} has no value.")
        word = name.partition(":")[0]
        if RESULT.get(word, _read_condition)(query, name, value, base_url):
            query.understood.append((name, value))
        else:
            query.unknown.append(f"{name}={value}" if word in RESULT else name)
    if len(query.chains) + len(query.reverses) > MOST_LINKS:
        raise BadRequest(f"A search takes {MOST_LINKS} chains and _has at most.")
    if len(query.includes) + len(query.revincludes) > MOST_INCLUDES:
        raise BadRequest(
            f"A search takes {MOST_INCLUDES} _include and _revinclude at most. Search by the references for the others."
        )
    if query.summary == "count":
        query.count = 0
    if query.updated and not query.sort:
        query.sort = [(_known(type_, "_lastUpdated"), False)]
    if query.summary == "text" and (query.includes or query.revincludes):
        raise BadRequest("_summary=text goes without _include and _revinclude (search.html#summary).")
    return query


def _read_condition(query: Query, name: str, value: str, base_url: str) -> bool:
    if name.startswith("_has:"):
        return _read_reverse(query, name, value, base_url)
    first, dot, rest = name.partition(".")
    name, _, modifier = first.partition(":")
    parameter = parameter_of(query.type, name)
    if parameter is None:
        return False
    if dot:
        return _read_chain(query, parameter, modifier, rest, value, base_url)
    if parameter.type == "reference" and len(parameter.targets) == 1 and modifier:
        target = next(iter(parameter.targets))
        if parameter_of(target, modifier):  # BaRS writes patient:birthdate for patient.birthdate
            either = criterion(parameter, modifier, value, base_url) if modifier == "identifier" else None
            criterion(_known(target, modifier), "", value, base_url)
            query.chains.append(Chain(parameter, (target,), (modifier, value), either))
            return True
    query.criteria.append(criterion(parameter, modifier, value, base_url))
    if name == "_lastUpdated" and not modifier:
        query.updated.append(value)
    return True


def _read_chain(query: Query, parameter: Parameter, type_: str, rest: str, value: str, base_url: str) -> bool:
    name, _, modifier = rest.partition(":")
    if "." in rest:
        raise BadRequest("A chain has one step here: subject.name, not subject.organization.name.")
    if parameter.type != "reference":
        raise BadRequest(f"{parameter.name} is no reference: nothing can be chained to it.")
    if type_:
        check_modifier(parameter, type_)
    types = (type_,) if type_ else tuple(sorted(parameter.targets or TABLE))
    known = tuple(each for each in types if parameter_of(each, name))
    if len(known) > 4:
        meant = next((each for each in OFTEN_MEANT if each in known), known[0])
        raise BadRequest(f"{parameter.name} may name many types: say which, e.g. {parameter.name}:{meant}.{name}.")
    for each in known:
        criterion(_known(each, name), modifier, value, base_url)
    if known:
        query.chains.append(Chain(parameter, known, (rest, value)))
    return bool(known)


def _read_reverse(query: Query, name: str, value: str, base_url: str) -> bool:
    parts = name.split(":")
    if len(parts) not in (4, 5):
        raise BadRequest("_has is written _has:Task:focus:status=...: a type, its reference, what is asked of it.")
    _, source, reference, condition, *modifier = parts
    parameter, judged = parameter_of(source, reference), parameter_of(source, condition)
    if parameter is None or judged is None or f"{source}:{reference}" not in revincludes_of(query.type):
        return False
    criterion(judged, "".join(modifier), value, base_url)
    query.reverses.append(Reverse(parameter, (":".join([condition, *modifier]), value)))
    return True


def _known(type_: str, name: str) -> Parameter:
    parameter = parameter_of(type_, name)
    assert parameter is not None
    return parameter


def _no_modifier(name: str) -> None:
    if ":" in name:
        raise BadRequest(f"{name.partition(':')[0]} takes no modifier.")


def _read_count(query: Query, name: str, value: str, _base_url: str) -> bool:
    _no_modifier(name)
    if not (value.isascii() and value.isdigit()):
        raise BadRequest("_count must be a whole number.")
    query.count = min(int(value[:9]), MOST)
    return True


def _read_sort(query: Query, name: str, value: str, _base_url: str) -> bool:
    _no_modifier(name)
    chosen = []
    for one in alternatives(value):
        parameter = parameter_of(query.type, one.removeprefix("-"))
        if parameter is None:
            return False
        chosen.append((parameter, one.startswith("-")))
    query.sort = chosen
    return True


def _read_include(query: Query, name: str, value: str, _base_url: str) -> bool:
    word, _, modifier = name.partition(":")
    if modifier not in ("", "iterate"):
        raise BadRequest(f"{word} takes :iterate only.")
    if value == "*":
        raise BadRequest(f"{word}=* is not served: name what is wanted, e.g. {word}=Task:focus.")
    source, _, rest = value.partition(":")
    reference, _, target = rest.partition(":")
    known, wanted = f"{source}:{reference}", query.includes
    if word == "_revinclude":
        wanted = query.revincludes
        iterated = bool(modifier) and known in includes_of(source) and is_indexed(source, reference)
        served = iterated or known in revincludes_of(query.type)
    else:
        served = known in includes_of(source) and (source == query.type or bool(modifier))
    parameter = parameter_of(source, reference)
    if not served or parameter is None or target not in ("", *TABLE):
        return False
    one = Include(parameter, target, bool(modifier))
    if one not in wanted:
        wanted.append(one)
    return True


def _read_choice(query: Query, name: str, value: str, _base_url: str) -> bool:
    _no_modifier(name)
    choices = SUMMARIES if name == "_summary" else TOTALS
    if value not in choices:
        raise BadRequest(f"{name} is one of {', '.join(choices)}.")
    setattr(query, name.removeprefix("_"), value)
    return True


def _read_elements(query: Query, name: str, value: str, _base_url: str) -> bool:
    _no_modifier(name)
    # Elements are left in or out whole: name.family asks for name.
    names = [one.removeprefix(f"{query.type}.").partition(".")[0] for one in alternatives(value)]
    known = elements_of(query.type)
    if known and not known.issuperset(names):
        return False
    query.elements = (*query.elements, *names)
    return True


RESULT = {
    "_count": _read_count,
    "_sort": _read_sort,
    "_include": _read_include,
    "_revinclude": _read_include,
    "_summary": _read_choice,
    "_total": _read_choice,
    "_elements": _read_elements,
}
