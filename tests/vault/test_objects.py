"""Sealed objects: one class of tests for each kind of storage."""

from __future__ import annotations

import errno
import multiprocessing
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.files.storage import storages
from django.utils import timezone

from portal.stack.postgres import free_port
from portal.vault import objects, s3
from tests.seaweed import BUCKET


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

    def test_names_come_in_order_with_the_time_they_were_written(self):
        began = timezone.now() - timedelta(seconds=5)
        wanted = ["a/1", "a/10", "a/2", "b/x/1", "c"]
        for name in reversed(wanted):
            objects.put(name, b"x")
        assert [entry.name for entry in objects.entries()] == wanted
        assert all(began < entry.written < timezone.now() + timedelta(seconds=5) for entry in objects.entries())
        assert [entry.name for entry in objects.entries("b/x")] == ["b/x/1"]

    def test_it_says_whether_there_is_one(self):
        objects.put("a/bc", b"x")
        assert objects.exists("a/bc")
        assert not objects.exists("a/b")
        assert not objects.exists("none")

    def test_an_object_may_be_empty_and_may_be_large(self):
        for size in (0, 1, 9 * 1024 * 1024 + 1):
            objects.put("a/b", bytes(size))
            assert len(objects.get("a/b")) == size

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

    def test_a_part_that_a_killed_writer_left_is_no_object_and_can_be_removed(self, own_files):
        objects.put("a/b", b"x")
        for left in (own_files / "vault" / "a" / ".partial-00", own_files / "vault" / "gone" / "day" / ".partial-01"):
            left.parent.mkdir(parents=True, exist_ok=True)
            left.write_bytes(b"half")
        (own_files / "vault" / "empty").mkdir()
        assert list(objects.names()) == ["a/b"]
        assert sorted(each.name for each in objects.leftovers()) == ["a/.partial-00", "empty", "gone/day/.partial-01"]
        for each in list(objects.leftovers()):
            each.remove()
        assert list(objects.leftovers()) == []
        assert sorted(os.listdir(own_files / "vault")) == ["a"]

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


class TestS3(ObjectTests):
    """A real store: SeaweedFS."""

    @pytest.fixture(autouse=True)
    def store(self, on_s3):
        return on_s3

    def key(self, name):
        return f"{storages['vault'].location}/{name}"

    def test_a_prefix_keeps_to_itself(self, settings, store):
        objects.put("a/b", b"mine")
        inside = settings.STORAGES
        for prefix in ("another", storages["vault"].location + "-longer"):
            settings.STORAGES = {**inside, "vault": store.storage(prefix)}
            assert not objects.exists("a/b")
            objects.put("a/c", b"theirs")
        settings.STORAGES = inside
        assert list(objects.names()) == ["a/b"]

    def test_a_list_longer_than_an_answer_is_told_to_its_end(self, monkeypatch):
        monkeypatch.setattr(s3, "PAGE", 7)
        wanted = [f"segments/{person}/{n:02}" for person in "ab" for n in range(16)]
        for name in wanted:
            objects.put(name, b"x")
        assert list(objects.names()) == wanted
        assert list(objects.names("segments/b")) == wanted[16:]

    @pytest.mark.drill
    def test_so_is_one_of_more_than_a_thousand(self):
        wanted = [f"segments/{n // 100:02}/{n:04}" for n in range(1234)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: objects.put(name, b"x"), wanted))
        assert list(objects.names("segments")) == wanted

    def test_an_upload_that_arrives_damaged_is_refused(self, monkeypatch):
        objects.put("a/b", b"before")
        monkeypatch.setattr(s3, "_md5", lambda file: "AAAAAAAAAAAAAAAAAAAAAA==")
        with pytest.raises(objects.Unanswered, match="write"):
            objects.put("a/b", b"after")
        assert objects.get("a/b") == b"before"

    def test_a_bucket_that_is_not_there_is_no_empty_vault(self, settings, store):
        vault = store.storage(bucket_name="nowhere")
        settings.STORAGES = {**settings.STORAGES, "vault": vault}
        for act in (
            lambda: objects.get("a/b"),
            lambda: list(objects.names()),
            lambda: objects.exists("a/b"),
            lambda: list(objects.leftovers()),
        ):
            with pytest.raises(objects.Unanswered, match="NoSuchBucket"):
                act()

    def test_wrong_credentials_are_no_empty_vault(self, settings, store):
        settings.STORAGES = {**settings.STORAGES, "vault": store.storage(secret_key="another")}
        for act in (
            lambda: objects.get("a/b"),
            lambda: objects.put("a/b", b"x"),
            lambda: objects.delete("a/b"),
            lambda: list(objects.names()),
        ):
            with pytest.raises(objects.Unanswered, match="SignatureDoesNotMatch"):
                act()

    def test_a_store_that_is_away_or_silent_is_said_soon(self, settings, store):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            for endpoint in (f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{silent.getsockname()[1]}"):
                vault = store.storage(endpoint=endpoint, read_seconds=0.2, connect_seconds=0.2)
                settings.STORAGES = {**settings.STORAGES, "vault": vault}
                began = time.monotonic()
                with pytest.raises(objects.Unanswered):
                    objects.get("a/b")
                assert time.monotonic() - began < 6

    def test_an_upload_in_parts_that_nobody_ended_is_found_and_ended(self, store):
        begun = store.client().create_multipart_upload(Bucket=BUCKET, Key=self.key("a/half"))
        other = store.client().create_multipart_upload(Bucket=BUCKET, Key="elsewhere")
        assert list(objects.names()) == []
        [left] = objects.leftovers()
        assert left.name == "a/half"
        left.remove()
        assert list(objects.leftovers()) == []
        for key, upload in ((self.key("a/half"), begun), ("elsewhere", other)):
            store.client().abort_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload["UploadId"])

    def test_a_process_that_was_forked_has_a_client_of_its_own(self):
        objects.put("a/b", b"x")
        mine = storages["vault"].client
        assert storages["vault"].client is mine
        with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
            assert pool.submit(objects.get, "a/b").result(20) == b"x"


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
