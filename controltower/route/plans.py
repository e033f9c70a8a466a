"""The plans of a partition: kept as bytes, paths once by hash, parsed when used."""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter

import msgspec

from controltower.route.plan import RoutePlan, parse_plan
from schemas import wire

PLAN_KEY = b"p/"
PATH_KEY = b"g/"
_HASH_MARK = "sha256:"
Change = tuple[bytes, bytes | None]

#: Plans repeat their field names for every stop: the fastest level already makes them eight times smaller.
_COMPRESSION = 1

_decode_plan = msgspec.json.Decoder(wire.Plan).decode


def _unpack(data: bytes) -> wire.Plan:
    return _decode_plan(zlib.decompress(data))


class PlanShelf:
    """Plans and paths of one partition, and what of them must go into the changelog."""

    def __init__(self) -> None:
        self._plans: dict[str, bytes] = {}
        self._paths: dict[str, str] = {}
        self._path_of: dict[str, str] = {}
        self._uses: Counter[str] = Counter()
        self.changes: list[Change] = []

    def restore(self, key: bytes, value: bytes) -> None:
        """Take one entry of the changelog whose key starts with PLAN_KEY or PATH_KEY."""
        if key.startswith(PATH_KEY):
            self._paths[key[len(PATH_KEY) :].decode()] = value.decode()
            return
        route_id = key[len(PLAN_KEY) :].decode()
        self._plans[route_id] = value
        self._use_path(route_id, _unpack(value).path)

    def put(self, plan: wire.Plan) -> None:
        """Keep this version instead of the one before."""
        self.drop(plan.route_id)
        mark = None
        if plan.path is not None:
            digest = hashlib.sha256(plan.path.encode()).hexdigest()[:32]
            mark = _HASH_MARK + digest
            if digest not in self._paths:
                self._paths[digest] = plan.path
            self.changes.append((PATH_KEY + digest.encode(), plan.path.encode()))
        data = zlib.compress(wire.encode(msgspec.structs.replace(plan, path=mark)), _COMPRESSION)
        self._plans[plan.route_id] = data
        self._use_path(plan.route_id, mark)
        self.changes.append((PLAN_KEY + plan.route_id.encode(), data))

    def drop(self, route_id: str) -> None:
        """Forget the plan of a route, and its path where no other plan uses it."""
        if self._plans.pop(route_id, None) is None:
            return
        self.changes.append((PLAN_KEY + route_id.encode(), None))
        digest = self._path_of.pop(route_id, None)
        if digest is None:
            return
        self._uses[digest] -= 1
        if not self._uses[digest]:
            del self._uses[digest]
            self._paths.pop(digest, None)
            self.changes.append((PATH_KEY + digest.encode(), None))

    def find(self, route_id: str) -> RoutePlan | None:
        """The parsed plan of a route."""
        data = self._plans.get(route_id)
        if data is None:
            return None
        plan = _unpack(data)
        if plan.path is not None:
            plan = msgspec.structs.replace(plan, path=self._paths[plan.path.removeprefix(_HASH_MARK)])
        return parse_plan(plan)

    def take_changes(self) -> list[Change]:
        """What changed since the last call, in order."""
        changes, self.changes = self.changes, []
        return changes

    def _use_path(self, route_id: str, mark: str | None) -> None:
        if mark is not None:
            digest = mark.removeprefix(_HASH_MARK)
            self._path_of[route_id] = digest
            self._uses[digest] += 1
