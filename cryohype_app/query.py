"""Particles by a condition on their columns, ``loss < 0.6 and cluster == 3``; nothing but comparisons is understood."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from cryohype_app.frame import LatentFrame
from cryohype_model.errors import RunError

Mask = npt.NDArray[np.bool_]
COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq,
    ast.NotEq: operator.ne, ast.In: np.isin, ast.NotIn: lambda value, known: ~np.isin(value, known),
}  # fmt: skip
COMPUTE: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip
NAMED = {ast.Eq, ast.NotEq, ast.In, ast.NotIn}  # what words can be compared by
EXAMPLE = "loss < 0.6 and cluster in (1, 3)"


def rows_where(frame: LatentFrame, condition: str) -> npt.NDArray[np.int64]:
    """Rows of the particles that fulfil a condition, ascending.

    Parameters
    ----------
    condition : comparisons of columns and numbers, or of a column of words and words, joined by ``and``, ``or`` and ``not``.

    Raises
    ------
    RunError : it is not understood; the part that is not is named.
    """
    try:
        tree = ast.parse(condition.strip(), mode="eval")
        with np.errstate(all="ignore"):
            mask = np.asarray(_value(tree.body, frame))
    except (SyntaxError, RecursionError, MemoryError, TypeError, ValueError, ArithmeticError):
        raise RunError(f"{condition!r} is not understood; write a condition such as {EXAMPLE}") from None
    if mask.shape != (len(frame),) or mask.dtype != bool:
        raise RunError(f"{condition!r} is no condition; write one such as {EXAMPLE}")
    return np.flatnonzero(mask).astype(np.int64)


def _value(node: ast.expr, frame: LatentFrame) -> Any:
    if isinstance(node, ast.Name):
        return frame.column(node.id)
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    if isinstance(node, ast.Tuple | ast.List):
        return [_value(item, frame) for item in node.elts]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        value = _value(node.operand, frame)
        return -value if isinstance(node.op, ast.USub) else ~_mask(value)
    if isinstance(node, ast.BinOp) and type(node.op) in COMPUTE:
        left, right = _value(node.left, frame), _value(node.right, frame)
        if isinstance(left, list) or isinstance(right, list):  # (1, 2) * 999999999 would fill the memory
            raise TypeError("a list is only compared")
        return COMPUTE[type(node.op)](left, right)
    if isinstance(node, ast.BoolOp):
        combine = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
        return combine.reduce([_mask(_value(part, frame)) for part in node.values])
    if isinstance(node, ast.Compare):
        return _compared(node, frame)
    raise RunError(f"{ast.unparse(node)!r} cannot be part of a condition; write one such as {EXAMPLE}")


def _compared(node: ast.Compare, frame: LatentFrame) -> Mask:
    if (words := _words(node.comparators[0])) is not None:
        return _named(node, words, frame)
    values = [_value(part, frame) for part in (node.left, *node.comparators)]
    unknown = [step for step in node.ops if type(step) not in COMPARE]
    if unknown:
        raise RunError(f"{ast.unparse(node)!r} cannot be compared; write a condition such as {EXAMPLE}")
    found = [COMPARE[type(step)](left, right) for step, left, right in zip(node.ops, values, values[1:], strict=False)]
    return np.logical_and.reduce([_mask(part) for part in found])


def _words(node: ast.expr) -> list[str] | None:
    """The words that a column is compared with; None where it is something else."""
    parts = node.elts if isinstance(node, ast.Tuple | ast.List) else [node]
    words = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return words if words and len(words) == len(parts) else None


def _named(node: ast.Compare, words: list[str], frame: LatentFrame) -> Mask:
    """Particles whose word, or the last part of it where it is a path, is one of these."""
    is_known = isinstance(node.left, ast.Name) and len(node.ops) == 1 and type(node.ops[0]) in NAMED
    names = frame.names(node.left.id) if is_known and isinstance(node.left, ast.Name) else ()
    if not names or not isinstance(node.left, ast.Name):
        raise RunError(f"{ast.unparse(node)!r} cannot be compared; only a column of words is, with == or in")
    places = [place for place, name in enumerate(names) if name in words or name.rpartition("/")[2] in words]
    return np.isin(frame.column(node.left.id), places, invert=type(node.ops[0]) in {ast.NotEq, ast.NotIn})


def _mask(value: Any) -> Mask:
    mask = np.asarray(value)
    if mask.dtype != bool:
        raise ValueError("no condition")
    return mask
