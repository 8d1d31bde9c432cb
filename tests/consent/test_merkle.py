"""The tree holds against what others published, and against itself for every small size."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest

from consent import merkle

VECTORS = Path(__file__).parent / "vectors"
LEAVES = [merkle.leaf_hash(bytes([i])) for i in range(70)]


def cases(kind):
    found = json.loads((VECTORS / f"{kind}.json").read_text())
    return [pytest.param(each, id=each["case"]) for each in found]


def raw(text):
    return base64.b64decode(text or "")


@pytest.mark.parametrize("case", cases("inclusion"))
def test_it_judges_published_inclusion_proofs(case):
    proof = [raw(each) for each in case["proof"] or []]
    leaf, root = raw(case["leafHash"]), raw(case["root"])
    assert merkle.verify_inclusion(case["leafIdx"], case["treeSize"], leaf, proof, root) is not case["wantErr"]


@pytest.mark.parametrize("case", cases("consistency"))
def test_it_judges_published_consistency_proofs(case):
    proof = [raw(each) for each in case["proof"] or []]
    roots = raw(case["root1"]), raw(case["root2"])
    assert merkle.verify_consistency(case["size1"], case["size2"], proof, *roots) is not case["wantErr"]


def test_it_makes_the_published_roots():
    vectors = json.loads((VECTORS / "notes.json").read_text())["merkle_roots_leafinputs"]
    leaves = [merkle.leaf_hash(bytes.fromhex(each)) for each in vectors["leaves_hex"]]
    for size, wanted in enumerate(vectors["roots_hex_by_size"]):
        assert merkle.root(leaves[:size]).hex() == wanted


class Subtrees:
    """Every subtree that the published digests go over: leaf i is the single byte i, of 130."""

    MOST = 130

    def __init__(self):
        leaves = [merkle.leaf_hash(bytes([i])) for i in range(self.MOST)]
        self.nodes = {(0, idx): leaf for idx, leaf in enumerate(leaves)}
        frontier = merkle.Frontier()
        for leaf in leaves:
            self.nodes |= {(level, idx): value for level, idx, value in frontier.append(leaf)}

    def root(self, span):
        return merkle.fold([self.nodes[place] for place in merkle.subtrees(span)])

    def line(self, name, spans):
        return " ".join([name, *(self.root(span).hex() for span in spans)]) + "\n"

    def upto(self, size):
        """Yield (start, end) where start is a multiple of the smallest power of two not below the length."""
        for end in range(size + 1):
            for start in range(end + 1):
                if start in (0, end) or start % (1 << (end - start - 1).bit_length()) == 0:
                    yield start, end

    def hashes(self):
        return (f"[{start}, {end}) {self.root((start, end)).hex()}\n" for start, end in self.upto(self.MOST))

    def inclusions(self):
        for start, end in self.upto(self.MOST):
            for idx in range(start, end):
                yield self.line(f"{idx} [{start}, {end})", merkle.inclusion_spans(idx, end, start))

    def extensions(self):
        for size in range(self.MOST + 1):
            for start, end in self.upto(size):
                spans = merkle.consistency_spans(end, size, start) if start < end else []
                yield self.line(f"[{start}, {end}) {size}", spans)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("subtree_hash", Subtrees.hashes),
        ("subtree_inclusion", Subtrees.inclusions),
        ("subtree_consistency", Subtrees.extensions),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_it_makes_every_hash_and_proof_of_the_published_tree_of_130_leaves(name, lines):
    digest = hashlib.sha256()
    for line in lines(Subtrees()):
        digest.update(line.encode())
    assert digest.hexdigest() == json.loads((VECTORS / "notes.json").read_text())["mtc_accumulated_130"][name]


def by_definition(leaves):
    """RFC 6962, 2.1, as it is written."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    left, right = by_definition(leaves[:split]), by_definition(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


def span_hashes(spans):
    return [by_definition(LEAVES[first:end]) for first, end in spans]


def test_the_root_is_that_of_the_definition_for_every_size():
    assert all(merkle.root(LEAVES[:n]) == by_definition(LEAVES[:n]) for n in range(71))


def test_every_leaf_is_proved_in_every_tree_and_in_no_other_place():
    for size in range(1, 40):
        root = by_definition(LEAVES[:size])
        for index in range(size):
            proof = span_hashes(merkle.inclusion_spans(index, size))
            assert merkle.verify_inclusion(index, size, LEAVES[index], proof, root)
            assert not merkle.verify_inclusion(index, size, LEAVES[index + 1], proof, root)
            assert not merkle.verify_inclusion((index + 1) % size, size, LEAVES[index], proof, root) or size == 1


def test_every_tree_is_proved_to_extend_every_smaller_one():
    for new in range(1, 40):
        for old in range(1, new + 1):
            proof = span_hashes(merkle.consistency_spans(old, new))
            roots = by_definition(LEAVES[:old]), by_definition(LEAVES[:new])
            assert merkle.verify_consistency(old, new, proof, *roots)
            assert not merkle.verify_consistency(old, new, proof, roots[0], LEAVES[0]) or new == 1
            assert not merkle.verify_consistency(old, new, [*proof, LEAVES[0]], *roots)


def test_spans_are_made_of_complete_subtrees():
    for span in [*merkle.inclusion_spans(5, 61), *merkle.consistency_spans(37, 61), (0, 61)]:
        hashes = [by_definition(LEAVES[i << n : (i + 1) << n]) for n, i in merkle.subtrees(span)]
        assert merkle.fold(hashes) == by_definition(LEAVES[span[0] : span[1]])


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_there_is_no_proof_of_what_is_not_there(index, size):
    with pytest.raises(ValueError):
        merkle.inclusion_spans(index, size)
    with pytest.raises(ValueError):
        merkle.consistency_spans(size + 1, size)
