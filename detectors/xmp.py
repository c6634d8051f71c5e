"""Read properties out of an XMP packet.

The parser is expat, told to stop at the first document type or entity declaration: XMP needs neither, and
both can make a small packet unfold into a huge one or name other files.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.parsers import expat

Property = tuple[str, str, str]
"""Namespace, local name, value."""

_SEPARATOR = "\n"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


class _RefusedError(Exception):
    """The packet declares what XMP must not."""


def read_properties(packet: bytes) -> list[Property]:
    """All properties of a packet, whether written as attributes, as elements, or as references.

    Args:
        packet: One packet; may be hostile.

    Returns:
        Properties in the order of the document; those before the first error in a damaged packet, none in a
        packet that declares a document type or an entity.
    """
    properties: list[Property] = []
    stack: list[tuple[str, list[str]]] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        stack.append((name, []))
        for key, value in attributes.items():
            namespace, local = _split(key)
            if (namespace, local) == (_RDF, "resource"):
                properties.append((*_split(name), value))
            elif namespace not in ("", _RDF):
                properties.append((namespace, local, value))

    def text(data: str) -> None:
        if stack:
            stack[-1][1].append(data)

    def end(_name: str) -> None:
        name, parts = stack.pop()
        if value := "".join(parts).strip():
            namespace, local = _split(name)
            # Items of a list speak for the property that holds the list.
            owner = next((n for n, _ in reversed(stack) if not n.startswith(_RDF)), "")
            properties.append(
                (*_split(owner), value) if namespace == _RDF and owner else (namespace, local, value)
            )

    def refuse(*_: object) -> None:
        raise _RefusedError

    parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
    parser.StartElementHandler = start
    parser.CharacterDataHandler = text
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(packet.strip(b"\x00 \t\r\n"), True)
    except _RefusedError:
        return []
    except (expat.ExpatError, ValueError):
        pass
    return properties


def values(properties: list[Property], namespace: str, local: str) -> Iterator[str]:
    """The values of one property."""
    return (value for space, name, value in properties if (space, name) == (namespace, local))


def _split(name: str) -> tuple[str, str]:
    namespace, separator, local = name.rpartition(_SEPARATOR)
    return (namespace, local) if separator else ("", name)
