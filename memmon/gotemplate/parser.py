"""Pure: a template's text as a tree. Source of the grammar: the documentation of Go's text/template
and text/template/parse.
"""

from __future__ import annotations

from collections.abc import Collection

from memmon.errors import BadTemplate
from memmon.gotemplate import strings
from memmon.gotemplate.functions import BUILT_IN
from memmon.gotemplate.lexer import Token, tokens
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

KEYWORDS = frozenset({"if", "else", "end", "with", "range", "template", "define", "block", "break", "continue"})
MAX_NESTING = 50
_CONSTANTS = {"true": True, "false": False, "nil": None}


def parse(text: str, functions: Collection[str], variables: Collection[str] = (), name: str = "") -> Template:
    """Return the tree of `text`; raise BadTemplate with its line for a syntax error, a function
    that is not in `functions`, and a variable that is neither declared nor in `variables` (with
    their `$`).
    """
    parser = _Parser(text, functions, variables)
    nodes, _ = parser.nodes(())
    return Template(name, nodes, parser.defined)


class _Parser:
    """Reads tokens from the first to the last; `_scopes` are the variables known where it
    stands.
    """

    def __init__(self, text: str, functions: Collection[str], variables: Collection[str]):
        self._tokens = list(tokens(text))
        self._at = 0
        self._functions = functions
        self._scopes: list[set[str]] = [{"$", *variables}]
        self._loops = 0
        self._depth = 0
        self.defined: dict[str, tuple[Node, ...]] = {}

    def nodes(self, closers: tuple[str, ...]) -> tuple[tuple[Node, ...], str]:
        """Return the nodes up to one of the words `closers`, or to the end of the text, and which
        word that was.
        """
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise BadTemplate(f"nested more than {MAX_NESTING} deep", self._line())
        nodes: list[Node] = []
        while self._at < len(self._tokens):
            token = self._next()
            if token.kind == "text":
                nodes.append(TextNode(token.text))
                continue
            if token.kind == "word" and token.text in ("else", "end"):
                if token.text not in closers:
                    raise BadTemplate(f"unexpected {{{{{token.text}}}}}", token.line)
                self._depth -= 1
                return tuple(nodes), token.text
            node = self._action(token)
            if node is not None:
                nodes.append(node)
        if closers:
            raise BadTemplate("unexpected end of the text: an {{end}} is missing", self._line())
        self._depth -= 1
        return tuple(nodes), ""

    def _action(self, token: Token) -> Node | None:
        if token.kind == "word" and token.text in KEYWORDS:
            match token.text:
                case "if" | "with" | "range":
                    return self._branch(token.text)
                case "template":
                    return self._call(token.line)
                case "define" | "block":
                    return self._define(token)
            if not self._loops:
                raise BadTemplate(f"{{{{{token.text}}}}} outside of {{{{range}}}}", token.line)
            self._close()
            return Leave(token.text)
        self._at -= 1
        pipe = self._pipe("end")
        return Output(pipe)

    def _branch(self, kind: str) -> Branch:
        self._scopes.append(set())
        pipe = self._pipe("end", is_range=kind == "range")
        self._loops += kind == "range"
        body, closer = self._scoped(("else", "end"))
        self._loops -= kind == "range"
        otherwise: tuple[Node, ...] = ()
        if closer == "else":
            following = self._peek()
            if following.kind == "word" and following.text in ("if", "with") and kind == following.text:
                self._next()
                otherwise = (self._branch(kind),)  # `else if` is closed by the same end.
                self._scopes.pop()
                return Branch(kind, pipe, body, otherwise)
            self._close()
            otherwise, _ = self._scoped(("end",))
        self._close()
        self._scopes.pop()
        return Branch(kind, pipe, body, otherwise)

    def _scoped(self, closers: tuple[str, ...]) -> tuple[tuple[Node, ...], str]:
        self._scopes.append(set())
        body = self.nodes(closers)
        self._scopes.pop()
        return body

    def _call(self, line: int) -> FunctionCall:
        name = self._name()
        pipe = None if self._peek().kind == "end" else self._pipe("end")
        if pipe is None:
            self._close()
        return FunctionCall(line, name, pipe)

    def _define(self, token: Token) -> FunctionCall | None:
        name = self._name()
        pipe = self._pipe("end") if token.text == "block" else None
        if pipe is None:
            self._close()
        outer_scopes, self._scopes = self._scopes, [{"$"}]
        loops, self._loops = self._loops, 0
        self.defined[name], _ = self.nodes(("end",))
        self._scopes, self._loops = outer_scopes, loops
        self._close()
        return FunctionCall(token.line, name, pipe) if pipe else None

    def _name(self) -> str:
        token = self._next()
        if token.kind not in ("string", "raw"):
            raise BadTemplate("expected a name in quotes", token.line)
        return strings.unquote(token.text, token.line)

    def _pipe(self, closer: str, is_range: bool = False) -> Pipe:
        """Return a pipe up to the end of the action, or to the closing parenthesis."""
        line, (names, is_set) = self._line(), self._declared(is_range)
        commands: list[tuple[Operand, ...]] = []
        while True:
            commands.append(self._command(closer))
            token = self._next()
            if token.text == "|":
                continue
            if token.kind == closer or token.text == closer:
                break
            raise BadTemplate(f"unexpected {token.text or 'end of the action'!r}", token.line)
        if not is_set:
            self._scopes[-1].update(names)
        for command in commands[1:]:
            if not isinstance(command[0], Function | FieldChain):
                raise BadTemplate("only a function can stand behind a |", line)
        return Pipe(line, names, is_set, tuple(commands))

    def _declared(self, is_range: bool) -> tuple[tuple[str, ...], bool]:
        """Return the variables that a pipe declares or sets, and whether it sets them."""
        ahead = [token.text for token in self._tokens[self._at : self._at + 4]]
        first = self._peek()
        if first.kind != "variable" or len(ahead) < 3:
            return (), False
        if ahead[1] in (":=", "="):
            count = 1
        elif is_range and ahead[1] == "," and ahead[3:4] in ([":="], ["="]):
            count = 2
        else:
            return (), False
        names = tuple(ahead[0 : 2 * count : 2])
        is_set = ahead[2 * count - 1] == "="
        for name in names if is_set else ():
            self._known(name, first.line)
        self._at += 2 * count
        return names, is_set

    def _command(self, closer: str) -> tuple[Operand, ...]:
        operands: list[Operand] = []
        while True:
            token = self._peek()
            if token.text == "|" or token.kind == closer or token.text == closer or token.kind == "end":
                break
            operands.append(self._operand())
        if not operands:
            raise BadTemplate("a value is missing", self._line())
        if operands == [Literal(None)]:
            raise BadTemplate("nil is not a command", self._line())
        return tuple(operands)

    def _operand(self) -> Operand:
        token = self._next()
        base = self._term(token)
        fields: list[str] = []
        while self._peek().kind == "field" and not self._peek().is_apart:
            fields.append(self._next().text[1:])
        if isinstance(base, FieldChain):
            return FieldChain(base.base, (*base.fields, *fields))
        if fields and isinstance(base, Literal | Function):
            raise BadTemplate(f"unexpected .{fields[0]}", token.line)
        return FieldChain(base, tuple(fields)) if fields else base

    def _term(self, token: Token) -> Operand:
        match token.kind:
            case "string" | "raw" | "char" | "number":
                return _literal(token)
            case "field":
                return FieldChain(Dot(), (token.text[1:],))
            case "dot":
                return Dot()
            case "variable":
                self._known(token.text, token.line)
                return Variable(token.text)
            case "word":
                return self._word(token)
            case "mark" if token.text == "(":
                return self._pipe(")")
        raise BadTemplate(f"unexpected {token.text or 'end of the action'!r}", token.line)

    def _word(self, token: Token) -> Operand:
        if token.text in _CONSTANTS:
            return Literal(_CONSTANTS[token.text])
        if token.text in self._functions or token.text in BUILT_IN:
            return Function(token.text)
        raise BadTemplate(f"function {token.text!r} is not known", token.line)

    def _known(self, name: str, line: int) -> None:
        if not any(name in scope for scope in self._scopes):
            raise BadTemplate(f"variable {name} is not defined", line)

    def _next(self) -> Token:
        token = self._peek()
        self._at += 1
        return token

    def _peek(self) -> Token:
        if self._at >= len(self._tokens):
            raise BadTemplate("unexpected end of the text", self._line())
        return self._tokens[self._at]

    def _close(self) -> None:
        token = self._next()
        if token.kind != "end":
            raise BadTemplate(f"unexpected {token.text!r}", token.line)

    def _line(self) -> int:
        return self._tokens[min(self._at, len(self._tokens) - 1)].line if self._tokens else 1


def _literal(token: Token) -> Literal:
    if token.kind == "number":
        return Literal(strings.parse_number(token.text, token.line))
    if token.kind == "char":
        text = '"' + token.text[1:-1].replace("\\'", "'") + '"'
        return Literal(ord(strings.unquote(text, token.line)[:1] or "\0"))
    return Literal(strings.unquote(token.text, token.line))
