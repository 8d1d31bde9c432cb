"""Which counts may be shown together without telling of anybody: pure.

People stand in cells, one for each department in each country; a shown group is a whole department, a whole country, or
the company. Whoever adds and subtracts the shown counts can work out any sum over cells in which departments and
countries get numbers (potentials), and the cells that are left in such a sum are those whose two ends differ: a cut of
the graph with departments and countries as its nodes and people as its edges. So no sum is about fewer than LEAST
people exactly if no cut is that light, which is quick to find out, however many groups there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

LEAST = 10
COMPANY, DEPARTMENT, COUNTRY = "company", "department", "country"
Group = tuple[str, str]
Node = tuple[str, str]
Graph = dict[Node, Counter[Node]]
ALL: Group = (COMPANY, "")
# What is compared in one number: people who hide a change, and after them those whom it would expose.
_HIDES = 10**9


@dataclass(frozen=True)
class Cell:
    """Where somebody is counted."""

    department: str
    country: str

    @property
    def groups(self) -> tuple[Group, Group, Group]:
        return ALL, (DEPARTMENT, self.department), (COUNTRY, self.country)


@dataclass
class Changes:
    """What changed since the last count: answers that hide each other, and moves that expose whoever moved."""

    answers: Counter[Cell] = field(default_factory=Counter)
    moves: Counter[Cell] = field(default_factory=Counter)

    def of(self, group: Group) -> int:
        return sum(n for cell, n in self.answers.items() if group in cell.groups)

    @property
    def weights(self) -> dict[Cell, int]:
        cells = self.answers.keys() | self.moves.keys()
        return {cell: self.answers[cell] * _HIDES + self.moves[cell] for cell in cells}


def choose(people: Mapping[Cell, int], changes: Changes, before: frozenset[Group]) -> frozenset[Group]:
    """Return the groups that may be shown in a new count, the largest first; `before` are those of the last count.

    Every sum over the new count is then about at least LEAST people whose answers changed since the last, or about
    nobody's change and could be made from the last count already.
    """
    sizes: Counter[Group] = Counter()
    for cell, n in people.items():
        for group in cell.groups:
            sizes[group] += n
    able = [group for group, n in sizes.items() if n >= LEAST and (group[1] or group == ALL)]
    able.sort(key=lambda group: (group != ALL, -sizes[group], group))
    if _holds(frozenset(able), people, changes, before):
        return frozenset(able)
    chosen: frozenset[Group] = frozenset()
    for group in able:
        if _holds(chosen | {group}, people, changes, before):
            chosen |= {group}
    return chosen


def _holds(shown: frozenset[Group], people: Mapping[Cell, int], changes: Changes, before: frozenset[Group]) -> bool:
    members, changed = _graph(people, shown), _graph(changes.weights, shown)
    heavy = _no_lighter_cut(members, LEAST) and _no_lighter_cut(changed, LEAST * _HIDES)
    return heavy and (shown <= before or _nothing_old_is_new(members, changed, before))


def _graph(weights: Mapping[Cell, int], shown: frozenset[Group]) -> Graph:
    """Join what is not shown: without the company's count into one node, with it into one on each side."""
    graph: Graph = {}
    for cell, weight in weights.items():
        one, other = (_node(group, shown) for group in cell.groups[1:])
        if weight and one != other:
            graph.setdefault(one, Counter())[other] += weight
            graph.setdefault(other, Counter())[one] += weight
    return graph


def _node(group: Group, shown: frozenset[Group]) -> Node:
    if group in shown:
        return group
    return ("rest", group[0] if ALL in shown else "")


def _no_lighter_cut(graph: Graph, least: int) -> bool:
    """Return whether every way to part what hangs together cuts at least that weight (after Stoer and Wagner)."""
    graph = {node: Counter(near) for node, near in graph.items()}
    while graph:
        order = _by_adjacency(graph, next(iter(graph)))
        last = order[-1]
        if len(order) == 1:
            del graph[last]
        elif graph[last].total() < least:
            return False
        else:
            _merge(graph, last, into=order[-2])
    return True


def _by_adjacency(graph: Graph, start: Node) -> list[Node]:
    """Return what hangs together with `start`, each next the one that hangs most on those before."""
    order: dict[Node, None] = {}
    pull = Counter({start: 1})
    while pull:
        node = max(pull, key=pull.__getitem__)
        del pull[node]
        order[node] = None
        pull.update({other: weight for other, weight in graph[node].items() if other not in order})
    return list(order)


def _merge(graph: Graph, node: Node, into: Node) -> None:
    for other, weight in graph.pop(node).items():
        del graph[other][node]
        if other != into:
            graph[into][other] += weight
            graph[other][into] += weight


def _nothing_old_is_new(members: Graph, changed: Graph, before: frozenset[Group]) -> bool:
    """Return whether what did not change tells nothing that the last count did not tell."""
    whole = _joined(members, changed)
    parts = list(_parts(changed, whole))
    for area in _parts(whole, whole):
        inside = [part for part in parts if part <= area]
        rests = [part for part in inside if any(node[0] == "rest" for node in part)]
        if len(rests) > 1:
            return False
        base = rests[0] if rests else max(inside, key=len)
        if any(node not in before for part in inside if part != base for node in part):
            return False
    return True


def _joined(one: Graph, other: Graph) -> Graph:
    return {node: one.get(node, Counter()) + other.get(node, Counter()) for node in one.keys() | other.keys()}


def _parts(graph: Graph, nodes: Iterable[Node]) -> Iterable[frozenset[Node]]:
    """Yield the sets of nodes that hang together."""
    left = set(nodes)
    while left:
        start = next(iter(left))
        part = frozenset(_by_adjacency(graph, start)) if start in graph else frozenset({start})
        left -= part
        yield part


def rounded(part: int, whole: int) -> int:
    """Return tens of percent, never fewer than 10 or more than 90: "all" and "nobody" would tell of each."""
    return min(90, max(10, round(part * 10 / whole) * 10))
