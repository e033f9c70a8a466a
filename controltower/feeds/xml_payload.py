"""XML to nested dicts: no DTD, no entities, no namespaces, bounded depth.

An element is its text, or, where it has attributes or children, a dict: attributes as `@name`, children by
their local name, text as `#text`. A child that comes several times is a list. Runs of spaces are one space.
An element that says xsi:nil is empty.
"""

from __future__ import annotations

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from typing import Any, Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from controltower.feeds.paths import TEXT_KEY
from controltower.feeds.payload import DEEPEST_NESTING, check_size
from controltower.feeds.rejection import Rejected
from schemas.vocabulary import RejectReason

_NIL: Final = "{http://www.w3.org/2001/XMLSchema-instance}nil"


def decode_xml(value: bytes | None) -> dict[str, Any]:
    """The root element by its local name, as `{"root": ...}`; raises Rejected."""
    content = check_size(value)
    if not content.startswith((BOM_UTF16_BE, BOM_UTF16_LE)):
        content = content.strip()
    try:
        root = fromstring(content, forbid_dtd=True)
    except DefusedXmlException:
        raise Rejected(RejectReason.NOT_PARSABLE, "XML with a DTD or with entities is refused") from None
    except (ParseError, ValueError, LookupError, AssertionError):
        raise Rejected(RejectReason.NOT_PARSABLE, "the value is not XML") from None
    return {_local(root.tag): _as_value(root, DEEPEST_NESTING)}


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _as_value(element: Element, levels_left: int) -> Any:
    if not levels_left:
        raise Rejected(RejectReason.TOO_DEEP, f"more than {DEEPEST_NESTING} levels")
    text = " ".join((element.text or "").split())
    if not len(element) and (not element.attrib or element.attrib.get(_NIL) in ("true", "1")):
        return text
    found: dict[str, Any] = {f"@{_local(name)}": value for name, value in element.attrib.items()}
    if text:
        found[TEXT_KEY] = text
    for child in element:
        name, value = _local(child.tag), _as_value(child, levels_left - 1)
        if name not in found:
            found[name] = value
        elif type(found[name]) is list:
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found
