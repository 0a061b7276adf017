"""What a template is made of. Names of variables keep their `$`; lines count from 1."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias


class Literal(NamedTuple):
    """A constant."""

    value: Any


class Dot(NamedTuple):
    """The value that the cursor stands on."""


class Variable(NamedTuple):
    """A variable's value; `$` is what the template was called with."""

    name: str


class Function(NamedTuple):
    """A function by its name."""

    name: str


class FieldChain(NamedTuple):
    """Fields of a value, one after the other."""

    base: Operand
    fields: tuple[str, ...]


class Pipe(NamedTuple):
    """Commands, the result of each the last argument of the next; `names` are declared by it, or
    set where `is_set`.
    """

    line: int
    names: tuple[str, ...]
    is_set: bool
    commands: tuple[tuple[Operand, ...], ...]


Operand: TypeAlias = Literal | Dot | Variable | Function | FieldChain | Pipe


class TextNode(NamedTuple):
    """Text between actions."""

    text: str


class Output(NamedTuple):
    """A pipe whose result is written."""

    pipe: Pipe


class Branch(NamedTuple):
    """if, with or range: `kind` says which."""

    kind: str
    pipe: Pipe
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]


class FunctionCall(NamedTuple):
    """Another template's output, by its name."""

    line: int
    name: str
    pipe: Pipe | None


class Leave(NamedTuple):
    """break or continue."""

    kind: str


Node: TypeAlias = TextNode | Output | Branch | FunctionCall | Leave


class Template(NamedTuple):
    """A template: its nodes, and the templates that its text defines, by name."""

    name: str
    nodes: tuple[Node, ...]
    defined: dict[str, tuple[Node, ...]]
