"""XML as a tree. A document type, and with it every entity of its own, is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast
from xml.parsers import expat

from agent.files.errors import FileInvalid
from agent.files.texts import text_of

MAX_NODES = 100_000
MAX_DEPTH = 100


class Node:
    """An element. Names are without their prefix; `children` are elements and texts in order."""

    __slots__ = ("attributes", "children", "line", "name")

    def __init__(self, name: str, attributes: dict[str, str], line: int) -> None:
        self.name = name
        self.attributes = attributes
        self.children: list[Node | str] = []
        self.line = line

    def elements(self) -> Iterator[Node]:
        """The elements in it."""
        return (child for child in self.children if isinstance(child, Node))

    def walk(self) -> Iterator[Node]:
        """It and all elements below, in the order of the text."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += reversed(list(node.elements()))

    def text(self) -> str:
        """All texts in it, one after another."""
        said: list[str] = []
        waiting: list[Node | str] = [self]
        while waiting:
            one = waiting.pop()
            if isinstance(one, str):
                said.append(one)
            else:
                waiting += reversed(one.children)
        return "".join(said)


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def parse(data: bytes) -> Node:
    """The root of a document.

    Raises:
        FileInvalid: it is not well formed, has a document type, or is too large.
    """
    root: list[Node] = []
    open_nodes: list[Node] = []
    count = 0
    parser = expat.ParserCreate("utf-8")  # whatever the document says of itself
    parser.buffer_text = True

    def begins(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > MAX_NODES or len(open_nodes) >= MAX_DEPTH:
            hint = f"at most {MAX_NODES} elements, {MAX_DEPTH} deep"
            raise FileInvalid("file_too_large", hint, parser.CurrentLineNumber)
        local = {_local(key): value for key, value in attributes.items()}
        node = Node(_local(name), local, parser.CurrentLineNumber)
        if open_nodes:
            open_nodes[-1].children.append(node)
        else:
            root.append(node)
        open_nodes.append(node)

    def ends(_: str) -> None:
        open_nodes.pop()

    def said(text: str) -> None:
        if open_nodes:
            open_nodes[-1].children.append(text)

    def typed(*_: object) -> None:
        hint = "a document type (DOCTYPE) with entities is not read; save it without"
        raise FileInvalid("xml_entities", hint, parser.CurrentLineNumber)

    handlers = cast("Any", parser)
    handlers.StartElementHandler, handlers.EndElementHandler = begins, ends
    handlers.CharacterDataHandler, handlers.StartDoctypeDeclHandler = said, typed
    handlers.EntityDeclHandler = typed
    try:
        parser.Parse(text_of(data).encode(), True)
    except expat.ExpatError as error:
        hint = f"the XML is not well formed ({expat.errors.messages.get(error.code, '?')})"
        raise FileInvalid("xml_broken", hint, error.lineno) from error
    return root[0]
