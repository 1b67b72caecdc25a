"""FHIRPath N1 on any JSON, for what a suite expects (fhirpathpy does the work)."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from antlr4 import CommonTokenStream, InputStream
from antlr4.error.ErrorListener import ErrorListener
from fhirpathpy import compile as compile_path
from fhirpathpy.parser.generated.FHIRPathLexer import FHIRPathLexer
from fhirpathpy.parser.generated.FHIRPathParser import FHIRPathParser

from gateway.contract.limits import within_reason

Json = Any


class _Strict(ErrorListener):  # type: ignore[misc]  # antlr4 has no types
    def syntaxError(self, _recognizer: Any, _symbol: Any, _line: int, column: int, told: str, _error: Any) -> None:  # noqa: N802 - antlr's name
        raise ValueError(f"no FHIRPath at sign {column + 1}: {told}")


def check_expression(text: str) -> str:
    """Raises ValueError for what is no FHIRPath, which fhirpathpy itself lets pass as empty."""
    lexer = FHIRPathLexer(InputStream(text))
    parser = FHIRPathParser(CommonTokenStream(lexer))
    for part in (lexer, parser):
        part.removeErrorListeners()
        part.addErrorListener(_Strict())
    try:
        with within_reason():
            parser.entireExpression()  # type: ignore[no-untyped-call]  # antlr4 has no types
    except RecursionError:
        raise ValueError("no FHIRPath: what stands inside one another is not read so far down") from None
    return text


@lru_cache(maxsize=1024)
def _compiled(text: str) -> Any:
    return compile_path(text)


def evaluate(text: str, document: Json, kept: Mapping[str, Any]) -> list[Any]:
    """What the expression finds in the document. Raises ValueError when it cannot be carried out on it."""
    try:
        with within_reason():
            return list(_compiled(text)(document, dict(kept)))
    except Exception as trouble:  # fhirpathpy raises bare ones
        raise ValueError(f"{text} cannot be carried out: {str(trouble)[:200]}") from None


def holds(text: str, document: Json, kept: Mapping[str, Any]) -> bool:
    """Whether the expression is true of the document; empty is not true."""
    return evaluate(text, document, kept) == [True]
