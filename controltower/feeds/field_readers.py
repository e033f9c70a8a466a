"""Readers of a mapping's fields, each compiled once: an event to the value that the scan needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from controltower.feeds.fields import as_integer, as_number, compile_field, show_field
from controltower.feeds.formats import TEXT_FORMATS
from controltower.feeds.paths import Chain, CompilePath, Getter, compile_path
from controltower.feeds.spec import FieldName, MappingSpec
from controltower.feeds.values import LARGEST_NUMBER, LONGEST_IDENTIFIER, read_identifier, read_number

_Value = TypeVar("_Value")


class FieldReaders:
    """Getters of the mapped fields, with the names that a rejection's detail shows.

    A field that the mapping leaves out has a reader that is done at once, since most mappings name few. A
    value as it nearly always is, a short text or a number, is taken without another call.
    """

    def __init__(self, spec: MappingSpec, compile_one: CompilePath = compile_path) -> None:
        self._spec = spec
        self._compile_one = compile_one
        self._text_numbers = spec.numbers == "text" or spec.format in TEXT_FORMATS

    def get(self, name: FieldName) -> tuple[Getter, str]:
        """The value as it stands in the payload."""
        source = self._spec.fields.get(name)
        if source is None:
            return (lambda chain: None), name
        return compile_field(source, self._compile_one), show_field(source)

    def number(self, name: FieldName) -> tuple[Getter, str]:
        """The same; a number that is written as text is one, where the mapping or the format says so."""
        find, shown = self.get(name)
        return (as_number(find) if self._text_numbers else find), shown

    def integer(self, name: FieldName) -> tuple[Getter, str]:
        """The same for whole numbers."""
        find, shown = self.get(name)
        return (as_integer(find) if self._text_numbers else find), shown

    def reader(
        self, name: FieldName, read: Callable[[Any, str], _Value], missing: _Value, find: Getter | None = None
    ) -> Callable[[Chain], _Value]:
        """The field's value as `read` takes it; `find` where it is not as the mapping says."""
        own, shown = self.get(name)
        getter = find or own
        if name not in self._spec.fields:
            return lambda chain: missing

        def read_field(chain: Chain) -> _Value:
            value = getter(chain)
            return missing if value is None else read(value, shown)

        return read_field

    def identifier_reader(self, name: FieldName) -> Callable[[Chain], str | None]:
        """As `read_identifier` takes it."""
        find, shown = self.get(name)
        if name not in self._spec.fields:
            return find

        def read_field(chain: Chain) -> str | None:
            value = find(chain)
            if type(value) is str and len(value) <= LONGEST_IDENTIFIER:
                return value
            return read_identifier(value, shown)

        return read_field

    def number_reader(self, name: FieldName) -> Callable[[Chain], float | None]:
        """As `read_number` takes it."""
        find, shown = self.number(name)
        if name not in self._spec.fields:
            return find

        def read_field(chain: Chain) -> float | None:
            value = find(chain)
            if type(value) is float and 0 <= value <= LARGEST_NUMBER:
                return value
            return read_number(value, shown)

        return read_field
