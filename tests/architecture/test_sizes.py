"""Files and functions that fit into a head; what does not says why."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

FILE_LINES, FUNCTION_LINES = 400, 50

# path, or path::function, of what is longer: why
LONGER: dict[str, str] = {}

VAGUE = {"utils", "util", "helpers", "helper", "common", "misc"}


def _sources(root: Path) -> Iterator[Path]:
    for folder in ("cryohype_model", "cryohype_app", "tests", "docs"):
        yield from sorted((root / folder).rglob("*.py"))


def _lengths(root: Path) -> dict[str, int]:
    """Lines of every file, and of every function without its docstring, that is over its limit."""
    over = {}
    for path in _sources(root):
        name = path.relative_to(root).as_posix()
        text = path.read_text(encoding="utf-8")
        if (lines := len(text.splitlines())) > FILE_LINES:
            over[name] = lines
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (lines := _body_lines(node)) > FUNCTION_LINES:
                over[f"{name}::{node.name}"] = lines
    return over


def _body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_longer_than_the_limit_only_with_a_reason(root: Path) -> None:
    over = _lengths(root)
    assert {name: lines for name, lines in over.items() if name not in LONGER} == {}
    assert set(LONGER) - set(over) == set(), "these are short again: take them off the list"


def test_every_module_is_a_noun_or_a_verb(root: Path) -> None:
    assert [path for path in _sources(root) if path.stem in VAGUE] == []
