"""Paths of a mapping, compiled once to functions over one event of a payload.

`a.b` starts at the event, `$.a` at the whole payload, `^.a` at what encloses the event's list, `^^.a` one
further out. `a[0]`, `a[-1]` take one member of a list, `a[kind=PO]` the first member whose `kind` is `PO`,
`a[]` all of them; a value that is no list counts as a list of one, since many carriers leave out the list
of a single member. A name with a dot or a space stands in quotes: `'first name'.x`. `{a}@{b}` joins values
and is absent when one of them is; `{a?}` may be absent. `=text` is a constant. Of a list of paths the first
that has a value counts. null and "" stand for no value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from controltower.feeds.members import Members
from controltower.feeds.rejection import Rejected
from controltower.feeds.values import LONGEST_IDENTIFIER, read_identifier
from schemas.vocabulary import RejectReason

#: The payload first, then what encloses the event, the event last.
Chain = Sequence[Any]
Getter = Callable[[Chain], Any]
Paths = str | list[str]
#: One step of a path: a value to the next value, or None.
Step = Callable[[Any], Any]
#: How one plain path becomes a getter. Raises ValueError for what is no path.
CompilePath = Callable[[str], Getter]

#: The text of an XML element that has attributes or children as well.
TEXT_KEY: Final = "#text"

NAME: Final = r"(?:[^\s.\[\]{}$^'=]+|'[^']+')"
_INDEX = r"\[(?:-?\d+|[^\[\]=]+=[^\[\]]*|)\]"
_PATH = re.compile(rf"(?:[$]|\^+|{NAME}(?:{_INDEX})*|(?:{_INDEX})+)(?:\.{NAME}(?:{_INDEX})*)*")
_SEGMENT = re.compile(rf"({NAME})?((?:{_INDEX})*)(?:\.|$)")
_HOLE = re.compile(r"\{([^{}]*)\}")


def show_paths(paths: Paths) -> str:
    """Paths as a rejection's detail names them."""
    return paths if isinstance(paths, str) else " or ".join(paths)


def compile_path(path: str) -> Getter:
    """The function of one plain path. Raises ValueError for what is no path."""
    if not _PATH.fullmatch(path):
        raise ValueError(f"{path!r} is no path")
    start, rest = _split_start(path)
    steps = compile_steps(rest, path)
    if start != -1:
        return _from_outside(start, steps)
    find, names = _through(steps), plain_names(path)
    return _find_plain(names, find) if len(names) in (1, 2, 3) else find


def plain_names(path: str) -> list[str]:
    """The names of a path that is an event's names and nothing else; none for any other path."""
    is_plain = path[0] not in "$^" and "[" not in path
    return [_unquote(name) for name in re.findall(NAME, path)] if is_plain else []


def compile_paths(paths: Paths, compile_one: CompilePath = compile_path) -> Getter:
    """A function that finds the value of `paths`, or None. Raises ValueError for what is no path."""
    listed = [paths] if isinstance(paths, str) else paths
    first, *others = [_compile_template(path, compile_one) for path in listed]
    if not others:
        return first

    def find_first(chain: Chain) -> Any:
        if (value := first(chain)) is not None:
            return value
        for getter in others:
            if (value := getter(chain)) is not None:
                return value
        return None

    return find_first


def _compile_template(template: str, compile_one: CompilePath) -> Getter:
    if template.startswith("="):
        constant = template[1:] or None
        return lambda chain: constant
    holes = _HOLE.findall(template)
    if not holes:
        return compile_one(template)
    before, *behind = _HOLE.split(template)[::2]
    parts = [
        (compile_one(hole.removesuffix("?")), hole.endswith("?"), after)
        for hole, after in zip(holes, behind, strict=True)
    ]

    def join(chain: Chain) -> str | None:
        text = before
        for getter, may_miss, after in parts:
            value = getter(chain)
            if type(value) is not str or len(value) > LONGEST_IDENTIFIER:
                value = read_identifier(value, template)
            if value is None and not may_miss:
                return None
            text += f"{value or ''}{after}"
        return text.strip() or None

    return join


def _through(steps: list[Step]) -> Getter:
    """The getter that goes every step and minds every oddity on the way."""

    def find(chain: Chain) -> Any:
        node = chain[-1]
        for step in steps:
            node = step(node)
            if node is None:
                return None
        return node[TEXT_KEY] if type(node) is dict and TEXT_KEY in node else node

    return find


def _find_plain(names: list[str], find_slowly: Getter) -> Getter:
    """A getter of names only, for objects within objects as nearly all payloads have them; whatever else
    is met on the way is left to the slow one."""
    *outer, last = names

    def find_1(chain: Chain) -> Any:
        try:
            value = chain[-1].get(last)
        except AttributeError:
            return None
        return find_slowly(chain) if type(value) is dict or value == "" else value

    def find_2(chain: Chain) -> Any:
        try:
            value = chain[-1][outer_1].get(last)
        except (KeyError, TypeError, AttributeError):
            return find_slowly(chain)
        return find_slowly(chain) if type(value) is dict or value == "" else value

    def find_3(chain: Chain) -> Any:
        try:
            value = chain[-1][outer_1][outer_2].get(last)
        except (KeyError, TypeError, AttributeError):
            return find_slowly(chain)
        return find_slowly(chain) if type(value) is dict or value == "" else value

    outer_1, outer_2 = (*outer, "", "")[:2]
    return (find_1, find_2, find_3)[len(outer)]


def _from_outside(start: int, steps: list[Step]) -> Getter:
    def find(chain: Chain) -> Any:
        if start < -len(chain):
            return None
        node = chain[start]
        for step in steps:
            node = step(node)
            if node is None:
                return None
        return node[TEXT_KEY] if type(node) is dict and TEXT_KEY in node else node

    return find


def _split_start(path: str) -> tuple[int, str]:
    """Where in the chain a path begins, and the rest of it."""
    if path[0] == "$":
        return 0, path[2:]
    outward = len(path) - len(path.lstrip("^"))
    return -1 - outward, path[outward + 1 :] if outward else path


def _unquote(name: str) -> str:
    return name[1:-1] if name.startswith("'") else name


def compile_steps(rest: str, path: str) -> list[Step]:
    """The steps of what follows a path's start; `path` is named in rejections."""
    steps: list[Step] = []
    at = 0
    while at < len(rest):
        found = _SEGMENT.match(rest, at)
        if found is None or found.end() == at:
            raise ValueError(f"{path!r} is no path")
        if found[1]:
            steps.append(_step_into(_unquote(found[1]), path))
        steps += [_step_through(text, path) for text in re.findall(r"\[([^\[\]]*)\]", found[2])]
        at = found.end()
    return steps


def _step_into(name: str, path: str) -> Step:
    def into(node: Any) -> Any:
        if type(node) is not dict:
            if type(node) is Members:
                return node.map(into)
            if type(node) is list:
                raise Rejected(
                    RejectReason.WRONG_TYPE, f"{path} stands in a list; [0] or [] says which member"
                )
            raise Rejected(RejectReason.WRONG_TYPE, f"{path} stands in something that is no object")
        value = node.get(name)
        return None if value == "" else value

    return into


def _step_through(text: str, path: str) -> Step:
    """`[]`, `[0]` or `[key=value]`."""
    if not text:
        return lambda node: Members(_as_list(node)) or None
    if re.fullmatch(r"-?\d+", text):
        index = int(text)

        def take(node: Any) -> Any:
            members = _as_list(node)
            return members[index] if -len(members) <= index < len(members) else None

        return take
    key, _, wanted = text.partition("=")
    find_key = compile_steps(key.strip(), path)
    wanted = _unquote(wanted.strip())

    def choose(node: Any) -> Any:
        return next((member for member in _as_list(node) if _is_wanted(member, find_key, wanted)), None)

    return choose


def _is_wanted(member: Any, find_key: list[Step], wanted: str) -> bool:
    node = member
    for step in find_key:
        if type(node) is not dict:
            return False
        node = step(node)
    if type(node) is bool:
        return wanted == ("true" if node else "false")
    return type(node) in (str, int) and str(node) == wanted


def _as_list(node: Any) -> list[Any]:
    if node is None:
        return []
    return node if isinstance(node, list) else [node]


def as_object(value: Any, what: str) -> dict[str, Any]:
    """The value itself; raises Rejected where it is no JSON object."""
    if type(value) is not dict:
        raise Rejected(RejectReason.WRONG_TYPE, f"{what} is no object")
    return value
