"""Pure: evaluates a template's tree over data. It reads fields of `Record`s and keys of maps, and
calls only the given functions; steps and output size are limited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from memmon.errors import BadTemplate, MemmonError
from memmon.gotemplate import strings
from memmon.gotemplate.functions import BUILT_IN, Misused
from memmon.gotemplate.nodes import (
    Branch,
    Dot,
    FieldChain,
    Function,
    FunctionCall,
    Leave,
    Literal,
    Node,
    Operand,
    Output,
    Pipe,
    Template,
    TextNode,
    Variable,
)
from memmon.gotemplate.values import Map, QueryRows, Record, is_true

MAX_STEPS = 100_000
MAX_OUTPUT = 1 << 20
MAX_DEPTH = 50

Functions = Mapping[str, Callable[..., Any]]


def execute(
    template: Template,
    data: Any,
    functions: Functions,
    variables: Mapping[str, Any] | None = None,
    templates: Mapping[str, tuple[Node, ...]] | None = None,
) -> str:
    """Return what `template` writes about `data`. `variables` have their `$`; `templates` can be
    called beside its own.

    Raises BadTemplate, with the line, for what cannot be done with the data, and beyond the limits.
    """
    run = _Run({**BUILT_IN, **functions}, {**(templates or {}), **template.defined})
    run.nodes(template.nodes, data, [{**(variables or {}), "$": data}])
    return "".join(run.written)


class _Leave(Exception):
    """A loop is left, or its next turn begun."""


class _Run:
    def __init__(self, functions: Functions, templates: Mapping[str, tuple[Node, ...]]):
        self._functions = functions
        self._templates = templates
        self._steps = 0
        self._size = 0
        self._depth = 0
        self._line = 1
        self.written: list[str] = []

    def nodes(self, nodes: Iterable[Node], dot: Any, scopes: list[dict[str, Any]]) -> None:
        """Write what the nodes say."""
        for node in nodes:
            self._step()
            match node:
                case TextNode(text):
                    self._write(text)
                case Output(pipe):
                    value = self._pipe(pipe, dot, scopes)
                    if not pipe.names:
                        self._write(strings.show(value))
                case Branch():
                    self._branch(node, dot, scopes)
                case FunctionCall():
                    self._call(node, dot, scopes)
                case Leave(kind):
                    raise _Leave(kind)

    def _step(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise BadTemplate(f"more than {MAX_STEPS} steps", self._line)

    def _write(self, text: str) -> None:
        self._size += len(text)
        if self._size > MAX_OUTPUT:
            raise BadTemplate(f"writes more than {MAX_OUTPUT} characters", self._line)
        self.written.append(text)

    def _branch(self, node: Branch, dot: Any, scopes: list[dict[str, Any]]) -> None:
        inner = [*scopes, {}]
        if node.kind == "range":
            self._range(node, dot, inner)
            return
        value = self._pipe(node.pipe, dot, inner)
        if is_true(value):
            self.nodes(node.body, value if node.kind == "with" else dot, [*inner, {}])
        else:
            self.nodes(node.otherwise, dot, [*inner, {}])

    def _range(self, node: Branch, dot: Any, scopes: list[dict[str, Any]]) -> None:
        value = self._pipe(node.pipe._replace(names=()), dot, scopes)
        pairs = self._pairs(value)
        for key, item in pairs:
            self._step()
            turn = [*scopes, {}]
            bound = (item,) if len(node.pipe.names) == 1 else (key, item)
            for name, bound_value in zip(node.pipe.names, bound, strict=False):
                self._bind(name, bound_value, turn, node.pipe.is_set)
            try:
                self.nodes(node.body, item, turn)
            except _Leave as leave:
                if leave.args[0] == "break":
                    break
        if not pairs:
            self.nodes(node.otherwise, dot, [*scopes, {}])

    def _pairs(self, value: Any) -> list[tuple[Any, Any]]:
        if value is None:
            return []
        if isinstance(value, Mapping):
            return [(key, value[key]) for key in sorted(value)]
        if isinstance(value, int) and not isinstance(value, bool):
            return [(n, n) for n in range(min(value, MAX_STEPS + 1))]
        if isinstance(value, Sequence) and not isinstance(value, str):
            return list(enumerate(value))
        raise BadTemplate(f"range can't iterate over {strings.show(value)[:100]}", self._line)

    def _call(self, node: FunctionCall, dot: Any, scopes: list[dict[str, Any]]) -> None:
        self._line = node.line
        nodes = self._templates.get(node.name)
        if nodes is None:
            raise BadTemplate(f"template {node.name!r} is not defined", node.line)
        if self._depth >= MAX_DEPTH:
            raise BadTemplate(f"templates call each other more than {MAX_DEPTH} deep", node.line)
        value = self._pipe(node.pipe, dot, scopes) if node.pipe else None
        self._depth += 1
        self.nodes(nodes, value, [{"$": value}])
        self._depth -= 1

    def _bind(self, name: str, value: Any, scopes: list[dict[str, Any]], is_set: bool) -> None:
        scope = (
            next((candidate for candidate in reversed(scopes) if name in candidate), scopes[-1])
            if is_set
            else scopes[-1]
        )
        scope[name] = value

    def _pipe(self, pipe: Pipe, dot: Any, scopes: list[dict[str, Any]]) -> Any:
        self._line = pipe.line
        value: tuple[Any, ...] = ()
        for command in pipe.commands:
            value = (self._command(command, value, dot, scopes),)
        for name in pipe.names:
            self._bind(name, value[0], scopes, pipe.is_set)
        return value[0]

    def _command(
        self, command: tuple[Operand, ...], last: tuple[Any, ...], dot: Any, scopes: list[dict[str, Any]]
    ) -> Any:
        self._step()
        first, operands = command[0], command[1:]
        if isinstance(first, Function) and first.name in ("and", "or"):
            return self._lazy(first.name, operands, last, dot, scopes)
        if isinstance(first, Function):
            arguments = [self._operand(operand, dot, scopes) for operand in operands]
            return self._apply(first.name, self._functions[first.name], [*arguments, *last])
        if isinstance(first, FieldChain):
            arguments = [self._operand(operand, dot, scopes) for operand in operands]
            return self._chain(first, [*arguments, *last], dot, scopes)
        if operands or last:
            raise BadTemplate("can't give arguments to a value that is not a function", self._line)
        return self._operand(first, dot, scopes)

    def _lazy(
        self, name: str, operands: Sequence[Operand], last: tuple[Any, ...], dot: Any, scopes: list[dict[str, Any]]
    ) -> Any:
        value: Any = None
        for operand in operands:
            value = self._operand(operand, dot, scopes)
            if is_true(value) == (name == "or"):
                return value
        return last[0] if last else value

    def _operand(self, operand: Operand, dot: Any, scopes: list[dict[str, Any]]) -> Any:
        match operand:
            case Literal(value):
                return value
            case Dot():
                return dot
            case Variable(name):
                return next((scope[name] for scope in reversed(scopes) if name in scope), None)
            case Function(name):
                return self._apply(name, self._functions[name], [])
            case FieldChain():
                return self._chain(operand, [], dot, scopes)
            case Pipe():
                return self._pipe(operand, dot, scopes)

    def _chain(self, chain: FieldChain, arguments: list[Any], dot: Any, scopes: list[dict[str, Any]]) -> Any:
        value = self._operand(chain.base, dot, scopes)
        for index, name in enumerate(chain.fields, start=1):
            value = self._field(value, name, arguments if index == len(chain.fields) else [])
        return value

    def _field(self, value: Any, name: str, arguments: list[Any]) -> Any:
        method = value.methods.get(name) if isinstance(value, Record | Map | QueryRows) else None
        if method is not None:
            return self._apply(name, method, arguments)
        if arguments:
            raise BadTemplate(f"{name} is no method and takes no arguments", self._line)
        if isinstance(value, Record) and name in value.fields:
            return value.fields[name]
        if isinstance(value, Mapping):
            return value.get(name, "")
        raise BadTemplate(f"can't evaluate field {name}", self._line)

    def _apply(self, name: str, function: Callable[..., Any], arguments: list[Any]) -> Any:
        try:
            return function(*arguments)
        except Misused as error:
            raise BadTemplate(f"{name}: {error}", self._line) from None
        except BadTemplate:
            raise
        except (MemmonError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            # Any error of a function fails this template only.
            raise BadTemplate(f"{name}: {error}", self._line) from None
