"""JSON that stands as text within a payload, as queues and message services wrap it, read in its place."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from controltower.feeds.formats import Decode
from controltower.feeds.paths import NAME
from controltower.feeds.payload import decode_payload
from controltower.feeds.rejection import Rejected
from schemas.vocabulary import RejectReason

_PART = rf"(?:{NAME}(?:\[\])?|\[\])"
_PATH = re.compile(rf"{_PART}(?:\.{_PART})*")
_STEP = re.compile(rf"\[\]|{NAME}")


def _is_path(path: str) -> str:
    if not _PATH.fullmatch(path):
        raise ValueError(f"{path!r} is no path of names and []")
    return path


class NestedSpec(BaseModel):
    """Where JSON stands as text: names and `[]` from the payload on."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    path: Annotated[str, AfterValidator(_is_path)]
    written: Literal["json", "base64"] = "json"

    @cached_property
    def steps(self) -> list[str]:
        return [_unquote(step) for step in _STEP.findall(self.path)]


def decode_nested(decode: Decode, specs: tuple[NestedSpec, ...]) -> Decode:
    """The decoder with each spec's texts read as well; it raises Rejected and nothing else."""
    return (lambda value: read_nested(decode(value), specs)) if specs else decode


def read_nested(payload: Any, specs: tuple[NestedSpec, ...]) -> Any:
    """The payload with what its texts say in their places, in the order of `specs`, so that one may stand
    within another.

    A value that is missing or no text is left as it is. Raises Rejected where a text is not JSON, with the
    reasons and limits of a payload of its own and the path in the detail.
    """
    for spec in specs:
        for holder, name in _places(payload, spec.steps):
            holder[name] = _read(holder[name], spec)
    return payload


def _places(node: Any, steps: list[str]) -> Iterator[tuple[Any, Any]]:
    """Every (list or object, index or name) at which a text stands."""
    step, *rest = steps
    names: list[Any] = []
    if step == "[]":
        names = list(range(len(node))) if type(node) is list else []
    elif type(node) is dict and step in node:
        names = [step]
    for name in names:
        if rest:
            yield from _places(node[name], rest)
        elif type(node[name]) is str:
            yield node, name


def _read(text: str, spec: NestedSpec) -> Any:
    try:
        return decode_payload(_bytes_of(text, spec))
    except Rejected as rejected:
        raise rejected.within(spec.path) from None


def _bytes_of(text: str, spec: NestedSpec) -> bytes:
    if spec.written == "json":
        return text.encode("utf-8", errors="surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Rejected(RejectReason.NOT_PARSABLE, "the text is not base64") from None


def _unquote(name: str) -> str:
    return name[1:-1] if name.startswith("'") else name


def nested_texts(payload: Any, path: str = "") -> list[NestedSpec]:
    """Texts of a sample that are JSON objects or lists, or base64 of such; for drafts. A name with a quote in
    it has no path, so what stands under it is passed over."""
    if type(payload) is dict:
        inner = [
            (f"{path}.{_quote(name)}" if path else _quote(name), value)
            for name, value in payload.items()
            if "'" not in name
        ]
        return [spec for at, value in inner for spec in nested_texts(value, at)]
    if type(payload) is list:
        inside = f"{path}.[]" if path.endswith("[]") else f"{path}[]"
        return nested_texts(payload[0], inside) if payload else []
    if type(payload) is not str or not _PATH.fullmatch(path):
        return []
    return [
        spec
        for written in ("json", "base64")
        if _holds_json(payload, spec := NestedSpec(path=path, written=written))
    ][:1]


def _holds_json(text: str, spec: NestedSpec) -> bool:
    try:
        return type(_read(text, spec)) in (dict, list)
    except Rejected:
        return False


def _quote(name: str) -> str:
    return name if re.fullmatch(r"[^\s.\[\]{}$^'=]+", name) else f"'{name}'"
