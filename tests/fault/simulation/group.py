"""The consumer group: members, generations, assignment by ranges; a member may hear of it late or never."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar


class Member(Protocol):
    name: str

    def tell_rebalance(self) -> None: ...
    def tell_assigned(self, numbers: list[int], generation: int) -> None: ...


M = TypeVar("M", bound=Member)


class Group(Generic[M]):
    """The eager protocol: a rebalance waits until every member has given up its partitions and rejoined."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self.generation = 0
        self.rebalancing = False
        self._rejoined: dict[str, bool] = {}
        self._members: dict[str, M] = {}

    def __contains__(self, member: M) -> bool:
        return self._members.get(member.name) is member

    @property
    def members(self) -> list[M]:
        return [self._members[name] for name in sorted(self._members)]

    def join(self, member: M) -> None:
        """A new member, or one that has given up its partitions."""
        if not self.rebalancing:
            self._members.pop(member.name, None)  # it need not be told
            self._begin()
        self._members[member.name] = member
        self._rejoined[member.name] = True
        self._complete()

    def remove(self, member: M) -> bool:
        """It left, or its session timed out (it is not told: it hears at its next heartbeat)."""
        if member not in self:
            return False
        del self._members[member.name]
        self._rejoined.pop(member.name, None)
        if not self.rebalancing:
            self._begin()
        self._complete()
        return True

    def _begin(self) -> None:
        self.rebalancing = True
        for member in self.members:
            self._rejoined[member.name] = False
            member.tell_rebalance()

    def _complete(self) -> None:
        if not self.rebalancing or not all(self._rejoined.get(m.name) for m in self.members):
            return
        self.rebalancing = False
        self.generation += 1
        members = self.members
        for number, member in enumerate(members):
            first = self._partitions * number // len(members)
            behind = self._partitions * (number + 1) // len(members)
            member.tell_assigned(list(range(first, behind)), self.generation)
