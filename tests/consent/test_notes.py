"""Notes are signed byte for byte as elsewhere, and only what a known key signed is opened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from consent.note import Head, Signer, Verifier, open_note

VECTORS = json.loads((Path(__file__).parent / "vectors" / "notes.json").read_text())
GO = VECTORS["signed_note_go"]
TEXT = "example.com/log\n3\n" + "A" * 43 + "=\n"


@pytest.fixture
def signer():
    return Signer.make("example.com/log")


def test_a_published_key_signs_the_published_note_byte_for_byte():
    signer = Signer.from_text(GO["skey"])
    assert signer.verifier().to_text() == GO["vkey"]
    assert signer.to_text() == GO["skey"]
    assert signer.sign(GO["text"]) == f"{GO['text']}\n{GO['sigline']}"


def test_published_notes_are_opened():
    other = VECTORS["signed_note_c2sp"]
    assert open_note(f"{GO['text']}\n{GO['sigline']}", [Verifier.from_text(GO["vkey"])]) == GO["text"]
    assert open_note(other["note"], [Verifier.from_text(other["vkey"])]) == "This is an example message.\n"


def test_a_checkpoint_goes_through_a_note_and_back(signer):
    head = Head("example.com/log", 12, b"\x07" * 32)
    assert Head.from_text(open_note(signer.sign(head.to_text()), [signer.verifier()])) == head


def test_signatures_by_unknown_keys_are_ignored_beside_a_known_one(signer):
    witness = Signer.make("witness")
    both = signer.sign(TEXT) + witness.sign(TEXT).split("\n\n")[1]
    assert open_note(both, [signer.verifier()]) == open_note(both, [witness.verifier()]) == TEXT


def test_a_note_is_refused_whichever_byte_was_changed(signer):
    note = signer.sign(TEXT)
    for at in range(len(note)):
        changed = note[:at] + ("x" if note[at] != "x" else "y") + note[at + 1 :]
        with pytest.raises(ValueError):
            open_note(changed, [signer.verifier()])


def test_a_wrong_signature_by_a_known_key_is_refused_even_beside_a_right_one(signer):
    other = Signer.make("other")
    wrong = other.sign(TEXT.replace("3", "4")).split("\n\n")[1]
    with pytest.raises(ValueError, match="wrong"):
        open_note(signer.sign(TEXT) + wrong, [signer.verifier(), other.verifier()])


@pytest.mark.parametrize(
    "note", ["", "text\n", "text\n\n", "text\n\n— a b", "text\n\n- a AAAAAAAA\n", "a\x00\n\n— a AAAAAAAA\n"]
)
def test_what_is_no_note_is_refused(note):
    with pytest.raises(ValueError):
        open_note(note, [])


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb"])
def test_a_key_has_a_name_that_fits_a_line(name):
    with pytest.raises(ValueError):
        Signer.make(name)


@pytest.mark.parametrize("text", ["", "a", "a++", "a+00000000+AAAA", GO["vkey"].replace("c74f20a3", "c74f20a4")])
def test_what_is_no_verifier_key_is_refused(text):
    with pytest.raises(ValueError):
        Verifier.from_text(text)


@pytest.mark.parametrize(
    "text", ["", "a\n1\n\n", "a\n01\nAAAA\n", "a\n-1\nAAAA\n", "a\n1\nAAAA\n", "\n1\n" + "A" * 43 + "=\n"]
)
def test_what_is_no_checkpoint_is_refused(text):
    with pytest.raises(ValueError):
        Head.from_text(text)
