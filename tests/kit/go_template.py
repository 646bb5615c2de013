"""Render the part of Go's text/template that Ollama's chat templates use.

Text, trim markers, `range $i, $_ := …`, `if / else if / else`, variables, fields, `eq`, `or`,
`and`, `not`, `len`, `slice` and parentheses; everything else is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_ACTION = re.compile(r"\{\{(-\s)?\s*(.*?)\s*(\s-)?\}\}", re.DOTALL)
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|\(|\)|:=|=|,|[^\s(),]+')


def render(template: str, data: Mapping[str, Any]) -> str:
    """The text that Go makes of `template` with `data`, whose keys are field names."""
    nodes, rest = _parse(list(_pieces(template)), 0)
    if rest != len(list(_pieces(template))):
        raise ValueError("an end too many")
    return "".join(_run(nodes, data, {"$": data}))


@dataclass
class _Node:
    kind: str
    words: list[str] = field(default_factory=list)
    text: str = ""
    body: list[_Node] = field(default_factory=list)
    otherwise: list[_Node] = field(default_factory=list)


def _pieces(template: str) -> Iterator[_Node]:
    at, trim = 0, False
    for match in _ACTION.finditer(template):
        text = template[at : match.start()]
        text = text.lstrip() if trim else text
        yield _Node("text", text=text.rstrip() if match[1] else text)
        words = _WORD.findall(match[2])
        yield _Node(words[0] if words[0] in ("range", "if", "else", "end") else "do", words)
        at, trim = match.end(), bool(match[3])
    yield _Node("text", text=template[at:].lstrip() if trim else template[at:])


def _parse(pieces: list[_Node], at: int) -> tuple[list[_Node], int]:
    nodes = []
    while at < len(pieces) and pieces[at].kind not in ("else", "end"):
        node, at = pieces[at], at + 1
        if node.kind in ("range", "if"):
            node.body, at = _parse(pieces, at)
            node.otherwise, at = _parse_else(pieces, at)
        nodes.append(node)
    return nodes, at


def _parse_else(pieces: list[_Node], at: int) -> tuple[list[_Node], int]:
    if pieces[at].kind == "end":
        return [], at + 1
    node = pieces[at]
    if node.words[1:2] != ["if"]:
        otherwise, at = _parse(pieces, at + 1)
        return otherwise, at + 1
    chained = _Node("if", node.words[1:])
    chained.body, at = _parse(pieces, at + 1)
    chained.otherwise, at = _parse_else(pieces, at)
    return [chained], at


def _run(nodes: list[_Node], dot: Any, names: dict[str, Any]) -> Iterator[str]:
    for node in nodes:
        if node.kind == "text":
            yield node.text
        elif node.kind == "if":
            chosen = node.body if _value(node.words[1:], dot, names) else node.otherwise
            yield from _run(chosen, dot, names)
        elif node.kind == "range":
            index, _, item, _, *source = node.words[1:]
            for n, element in enumerate(_value(source, dot, names) or ()):
                names[index], names[item] = n, element
                yield from _run(node.body, element, names)
        elif node.words[1:2] in ([":="], ["="]):
            names[node.words[0]] = _value(node.words[2:], dot, names)
        else:
            yield str(_value(node.words, dot, names) or "")


def _value(words: list[str], dot: Any, names: dict[str, Any]) -> Any:
    terms = _terms(words, dot, names)
    head, *rest = terms
    calls = {
        "eq": lambda a, *others: a in others,
        "or": lambda *all_: next((a for a in all_ if a), all_[-1]),
        "and": lambda *all_: next((a for a in all_ if not a), all_[-1]),
        "not": lambda a: not a,
        "len": len,
        "slice": lambda a, start: a[start:],
    }
    if isinstance(head, _Function):
        return calls[head](*rest)
    if rest:
        raise ValueError(f"not understood: {words}")
    return head


class _Function(str):
    __slots__ = ()


def _terms(words: list[str], dot: Any, names: dict[str, Any]) -> list[Any]:
    terms: list[Any] = []
    at = 0
    while at < len(words):
        if words[at] == "(":
            end = _closing(words, at)
            terms.append(_value(words[at + 1 : end], dot, names))
            at = end + 1
            continue
        terms.append(_term(words[at], dot, names))
        at += 1
    return terms


def _closing(words: list[str], at: int) -> int:
    depth = 0
    for n in range(at, len(words)):
        depth += {"(": 1, ")": -1}.get(words[n], 0)
        if not depth:
            return n
    raise ValueError("a parenthesis is open")


def _term(word: str, dot: Any, names: dict[str, Any]) -> Any:
    if word.startswith('"'):
        return word[1:-1].encode().decode("unicode_escape")
    if word.lstrip("-").isdigit():
        return int(word)
    if word in ("true", "false"):
        return word == "true"
    if word.startswith((".", "$")):
        root, *fields = word.split(".")
        value = names[root] if root else dot
        for name in filter(None, fields):
            value = value.get(name)
        return value
    if word in ("eq", "or", "and", "not", "len", "slice"):
        return _Function(word)
    raise ValueError(f"not understood: {word}")
