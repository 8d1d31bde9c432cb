"""Sealed objects: one class of tests for each kind of storage."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading

import pytest
from django.core.files.storage import storages

from portal.vault import objects


class ObjectTests:
    """What every storage must do."""

    def test_what_was_put_comes_back(self):
        objects.put("segments/one/2026-11-20.1", b"sealed")
        assert objects.get("segments/one/2026-11-20.1") == b"sealed"
        with objects.open_read("segments/one/2026-11-20.1") as file:
            assert file.read(3) == b"sea"

    def test_a_name_is_written_again_in_place(self):
        objects.put("a/b", b"first, and longer")
        objects.put("a/b", b"second")
        assert objects.get("a/b") == b"second"
        assert list(objects.names()) == ["a/b"]

    def test_it_takes_what_comes_in_pieces(self):
        objects.put("big", (bytes([each]) * 100_000 for each in range(20)))
        assert len(objects.get("big")) == 2_000_000

    def test_what_is_not_there_is_missing(self):
        with pytest.raises(objects.Missing):
            objects.get("nothing")
        with pytest.raises(objects.Missing):
            objects.open_read("no/such/folder")

    def test_deleting_twice_is_fine(self):
        objects.put("a/b", b"x")
        objects.delete("a/b")
        objects.delete("a/b")
        with pytest.raises(objects.Missing):
            objects.get("a/b")

    def test_it_names_everything_below_a_folder(self):
        for name in ("s/one/1", "s/one/2", "s/two/1", "top"):
            objects.put(name, b"x")
        assert list(objects.names("s/one/")) == ["s/one/1", "s/one/2"]
        assert list(objects.names("s")) == ["s/one/1", "s/one/2", "s/two/1"]
        assert set(objects.names()) == {"s/one/1", "s/one/2", "s/two/1", "top"}
        assert list(objects.names("none")) == []

    @pytest.mark.parametrize(
        "name", ["", "/etc/passwd", "../up", "a/../b", "a//b", "a/", ".hidden", "a/.b", "a b", "a\nb", "ä", "a" * 600]
    )
    def test_a_name_that_might_leave_the_vault_is_refused(self, name):
        for act in (objects.get, objects.delete, objects.open_read, lambda each: objects.put(each, b"x")):
            with pytest.raises(objects.UnsafeName):
                act(name)

    def test_a_source_that_fails_half_way_leaves_what_was_there(self):
        objects.put("a/b", b"before")

        def failing():
            yield bytes(100_000)
            raise OSError(errno.EIO, "the source broke")

        with pytest.raises(OSError, match="the source broke"):
            objects.put("a/b", failing())
        assert objects.get("a/b") == b"before"
        assert list(objects.names()) == ["a/b"]


class TestFiles(ObjectTests):
    """FileSystemStorage, the default."""

    def test_nobody_else_reads_them(self, own_files):
        objects.put("a/b/c", b"x")
        path = own_files / "vault" / "a" / "b" / "c"
        assert path.stat().st_mode & 0o777 == 0o600
        for folder in (path.parent, path.parent.parent, own_files / "vault"):
            assert folder.stat().st_mode & 0o077 == 0

    def test_a_full_disk_is_an_error_and_leaves_no_part_of_a_file(self, own_files):
        objects.put("a/b", b"before")
        # A limit on the size of files is what a test can set anywhere: the write fails as on a full disk.
        program = (
            "import resource, signal, sys\n"
            "from pathlib import Path\n"
            "from portal.vault.files import write_atomically\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
            "try:\n"
            "    write_atomically(Path(sys.argv[1]), [bytes(40_000), bytes(40_000)])\n"
            "except OSError as error:\n"
            "    sys.exit(error.errno)\n"
        )
        target = own_files / "vault" / "a" / "b"
        done = subprocess.run([sys.executable, "-c", program, str(target)], check=False)
        assert done.returncode == errno.EFBIG
        assert objects.get("a/b") == b"before"
        assert os.listdir(target.parent) == ["b"]

    def test_a_part_that_a_killed_writer_left_is_not_an_object(self, own_files):
        objects.put("a/b", b"x")
        (own_files / "vault" / "a" / ".partial-00").write_bytes(b"half")
        assert list(objects.names()) == ["a/b"]

    def test_a_folder_goes_with_its_last_object_since_its_name_tells_whose_it_was(self, own_files):
        objects.put("segments/ada/2026-11-20/1", b"x")
        objects.put("segments/ben/2026-11-20/1", b"x")
        objects.delete("segments/ada/2026-11-20/1")
        assert os.listdir(own_files / "vault" / "segments") == ["ben"]
        objects.delete("segments/ben/2026-11-20/1")
        assert os.listdir(own_files / "vault") == []
        objects.delete("segments/ben/2026-11-20/1")

    def test_putting_and_deleting_beside_each_other_loses_no_object(self):
        def come_and_go():
            for _ in range(60):
                objects.put("a/b/passing", b"x")
                objects.delete("a/b/passing")

        other = threading.Thread(target=come_and_go)
        other.start()
        for each in range(40):
            objects.put(f"a/b/{each}", b"x")
            objects.delete(f"a/b/{each}")
        objects.put("a/b/staying", b"x")
        other.join()
        assert list(objects.names()) == ["a/b/staying"]


class TestMemory(ObjectTests):
    """Any other storage of Django's, as S3 is one: the name is handed over whole and must be overwritten."""

    @pytest.fixture(autouse=True)
    def in_memory(self, settings):
        vault = {"BACKEND": "tests.vault.test_objects.OverwritingStorage"}
        settings.STORAGES = {**settings.STORAGES, "vault": vault}

    def test_a_storage_that_renames_instead_of_overwriting_is_an_error(self, settings):
        vault = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
        settings.STORAGES = {**settings.STORAGES, "vault": vault}
        objects.put("a/b", b"first")
        with pytest.raises(OSError, match="overwrite"):
            objects.put("a/b", b"second")
        assert list(objects.names()) == ["a/b"]


InMemory = type(storages.create_storage({"BACKEND": "django.core.files.storage.InMemoryStorage"}))


class OverwritingStorage(InMemory):
    """As S3Storage with file_overwrite."""

    def get_available_name(self, name, max_length=None):
        self.delete(name)
        return name
