"""What an event means: milestone and reason, by the carrier's code, other values of it, or its text."""

from __future__ import annotations

from collections.abc import Callable

from controltower.feeds.field_readers import FieldReaders
from controltower.feeds.fields import compile_field, show_field
from controltower.feeds.paths import Chain, CompilePath, Getter, compile_path
from controltower.feeds.spec import MappingSpec, Meaning
from controltower.feeds.tables import Table, compile_table
from controltower.feeds.values import read_raw
from schemas.vocabulary import Milestone, Reason

#: Milestone, reason and the raw code of an event.
CodeReader = Callable[[Chain], tuple[Milestone | None, Reason | None, str | None]]

_UNMAPPED = (Milestone.UNMAPPED, None)
_Lookup = tuple[Getter, str, Table[Meaning]]


def compile_code(spec: MappingSpec, compile_one: CompilePath = compile_path) -> CodeReader:
    """A code that no table knows is UNMAPPED, never guessed; an event without a code means no milestone."""
    fields = FieldReaders(spec, compile_one)
    (find_code, code), (find_reason, reason_field) = fields.get("code"), fields.get("reason_code")
    look_up_code = compile_table(_codes(spec))
    look_up_reason = compile_table(_reasons(spec))
    lookups = _compile_lookups(spec, compile_one)
    if not lookups and "code" not in spec.fields and "reason_code" not in spec.fields:
        return lambda chain: (None, None, None)

    def read_code(chain: Chain) -> tuple[Milestone | None, Reason | None, str | None]:
        raw_code = read_raw(find_code(chain), code)
        found = None if raw_code is None else look_up_code(raw_code)
        says_something = raw_code is not None
        if found is None and lookups:
            found, is_said = _look_further(chain, lookups)
            says_something = says_something or is_said
        if found is not None:
            meaning = found[0]
            milestone, reason = meaning if isinstance(meaning, tuple) else (meaning, None)
        else:
            milestone, reason = _UNMAPPED if says_something else (None, None)
        raw_reason = read_raw(find_reason(chain), reason_field)
        if raw_reason is not None:
            known = look_up_reason(raw_reason)
            reason = known[0] if known else reason or Reason.UNKNOWN
        return milestone, reason, raw_code

    return read_code


def compile_knowledge(spec: MappingSpec) -> Callable[[str], bool]:
    """Whether any table of codes or texts knows a value, wherever in an event it might stand."""
    tables = [compile_table(_codes(spec)), compile_table(spec.texts, is_text=True)]
    tables += [compile_table(lookup.codes) for lookup in spec.lookups]
    return lambda said: any(table(said) not in (None, (Milestone.UNMAPPED,)) for table in tables)


def _look_further(chain: Chain, lookups: list[_Lookup]) -> tuple[tuple[Meaning] | None, bool]:
    """The first meaning that a further value has, and whether there is such a value at all."""
    is_said = False
    for find, shown, table in lookups:
        said = read_raw(find(chain), shown)
        if said is not None:
            is_said = True
            if (found := table(said)) is not None:
                return found, True
    return None, is_said


def _compile_lookups(spec: MappingSpec, compile_one: CompilePath) -> list[_Lookup]:
    lookups: list[_Lookup] = [
        (compile_field(lookup.field, compile_one), show_field(lookup.field), compile_table(lookup.codes))
        for lookup in spec.lookups
    ]
    if spec.texts:
        lookups.append(
            (*FieldReaders(spec, compile_one).get("text"), compile_table(spec.texts, is_text=True))
        )
    return lookups


def _codes(spec: MappingSpec) -> dict[str, Meaning]:
    if spec.codes == "vocabulary":
        return {milestone.value: milestone for milestone in Milestone}
    return spec.codes


def _reasons(spec: MappingSpec) -> dict[str, Reason]:
    return {reason.value: reason for reason in Reason} if spec.reasons == "vocabulary" else spec.reasons
