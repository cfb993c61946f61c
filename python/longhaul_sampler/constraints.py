"""Constraints: arithmetic over parameters that must be <= 0, evaluated without ``eval``."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

from .errors import InvalidRequest
from .request import Parameters

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {"sum": sum, "len": len, "min": min, "max": max, "abs": abs, "log": math.log}


class Constraint:
    """One expression. A parameter that is not active counts as 0.

    >>> Constraint("layers * units - 2048", {"layers", "units"}).holds({"layers": 2, "units": 512})
    True
    """

    def __init__(self, text: str, names: set[str]) -> None:
        self.text = text
        try:
            tree = ast.parse(text, mode="eval").body
        except SyntaxError as error:
            raise InvalidRequest(f"sampler.constraints: {text!r} is not an expression: {error.msg}") from error
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id not in names and node.id not in _FUNCTIONS:
                raise InvalidRequest(f"sampler.constraints: {text!r}: expected a parameter of the space, found {node.id!r}")
        self._value = self._compiled(tree)

    def holds(self, parameters: Parameters) -> bool:
        try:
            return bool(self._value(parameters) <= 0)
        except (TypeError, ZeroDivisionError, OverflowError, ValueError) as error:
            raise InvalidRequest(f"sampler.constraints: {self.text!r} with {parameters}: {error}") from error

    def _compiled(self, node: ast.expr) -> Callable[[Parameters], Any]:
        """A search asks a constraint of thousands of random sets: its tree is walked once."""
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            constant = node.value
            return lambda parameters: constant
        if isinstance(node, ast.Name):
            name = node.id
            return lambda parameters: parameters.get(name, 0)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            operand = self._compiled(node.operand)
            return (lambda parameters: -operand(parameters)) if isinstance(node.op, ast.USub) else operand
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            operate, left, right = _BINARY[type(node.op)], self._compiled(node.left), self._compiled(node.right)
            return lambda parameters: operate(left(parameters), right(parameters))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS and not node.keywords:
            function, arguments = _FUNCTIONS[node.func.id], [self._compiled(argument) for argument in node.args]
            return lambda parameters: function(*(argument(parameters) for argument in arguments))
        raise InvalidRequest(
            f"sampler.constraints: {self.text!r}: expected + - * / // % **, numbers, parameters and {', '.join(_FUNCTIONS)}, "
            f"found {ast.unparse(node)!r}"
        )
