"""The plans of a partition: kept as bytes, paths once by hash, parsed when used."""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from datetime import datetime

import msgspec

from controltower.route.plan import RoutePlan, parse_plan
from controltower.route.timeline import to_ms
from controltower.stamped import UNSTAMPED, open_stamped, stamp
from schemas import wire

PLAN_KEY = b"p/"
PATH_KEY = b"g/"
#: 2: the hash of the path stands before the plan, so that a restore unpacks no plan.
SCHEMA = 2
_HASH_BYTES = 16
_NO_PATH = bytes(_HASH_BYTES)
#: How schema 1 wrote a hash into the plan itself.
_HASH_MARK = "sha256:"
Change = tuple[bytes, bytes | None]

#: Plans repeat their field names for every stop: the fastest level already makes them eight times smaller.
_COMPRESSION = 1


class _Leaves(msgspec.Struct):
    planned_departure: datetime


class _Times(msgspec.Struct):
    """What of a plan a route of schema 1 lacks."""

    ends_by: datetime
    stops: list[_Leaves]


_decode_plan = msgspec.json.Decoder(wire.Plan).decode
_decode_times = msgspec.json.Decoder(_Times).decode


class PlanShelf:
    """Plans and paths of one partition, and what of them must go into the changelog."""

    def __init__(self) -> None:
        #: route -> the compressed plan without its path
        self._plans: dict[str, bytes] = {}
        #: hash in hex, as in the key -> path
        self._paths: dict[str, bytes] = {}
        self._path_of: dict[str, str] = {}
        self._uses: Counter[str] = Counter()
        self.changes: list[Change] = []

    def restore(self, key: bytes, value: bytes) -> None:
        """Take one entry of the changelog whose key starts with PLAN_KEY or PATH_KEY."""
        if key.startswith(PATH_KEY):
            self._paths[key[len(PATH_KEY) :].decode()] = value
            return
        route_id = key[len(PLAN_KEY) :].decode()
        schema, data = open_stamped(value, SCHEMA, f"the plan of {route_id}")
        if schema == UNSTAMPED:
            mark = _decode_plan(zlib.decompress(data)).path
            self._keep(route_id, data, mark.removeprefix(_HASH_MARK) if mark else None)
            return
        known = data[:_HASH_BYTES]
        self._keep(route_id, data[_HASH_BYTES:], None if known == _NO_PATH else known.hex())

    def put(self, plan: wire.Plan) -> None:
        """Keep this version instead of the one before."""
        self.drop(plan.route_id)
        hashed, digest = _NO_PATH, None
        if plan.path is not None:
            path = plan.path.encode()
            hashed = hashlib.sha256(path).digest()[:_HASH_BYTES]
            digest = hashed.hex()
            self._paths[digest] = path
            self.changes.append((PATH_KEY + digest.encode(), path))
        data = zlib.compress(wire.encode(msgspec.structs.replace(plan, path=None)), _COMPRESSION)
        self._keep(plan.route_id, data, digest)
        self.changes.append((PLAN_KEY + plan.route_id.encode(), stamp(SCHEMA, hashed + data)))

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
        digest = self._path_of.get(route_id)
        path = self._paths[digest].decode() if digest else None
        return parse_plan(msgspec.structs.replace(_decode_plan(zlib.decompress(data)), path=path))

    def find_times_ms(self, route_id: str) -> tuple[int, int] | None:
        """(end of the plan, departure from its first stop), without placing any stop."""
        data = self._plans.get(route_id)
        if data is None:
            return None
        times = _decode_times(zlib.decompress(data))
        return to_ms(times.ends_by), to_ms(times.stops[0].planned_departure)

    def take_changes(self) -> list[Change]:
        """What changed since the last call, in order."""
        changes, self.changes = self.changes, []
        return changes

    def _keep(self, route_id: str, data: bytes, digest: str | None) -> None:
        self._plans[route_id] = data
        if digest is not None:
            self._path_of[route_id] = digest
            self._uses[digest] += 1
