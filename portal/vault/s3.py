"""The vault on S3: an object is one request, waits are bounded, and what goes wrong is an OSError."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files import File
from storages.backends.s3 import S3Storage

from portal.vault.listing import Entry, Leftover
from portal.vault.objects import IN_MEMORY, Unanswered

PAGE = 1000
TRIES = 3
CONNECTIONS = 32
BLOCK = 1 << 20
# A bucket that is not there answers 404 as well: that is no object missing, that is no vault.
ABSENT = {"NoSuchKey", "404", "NotFound"}


class VaultS3Storage(S3Storage):
    """django-storages' S3 with its settings and credentials; reading, writing and listing as the vault needs them.

    Nothing is uploaded in parts, so that an object is whole or absent, and no part of one stays behind.
    """

    def __init__(self, *, connect_seconds: float = 2, read_seconds: float = 10, **settings: Any) -> None:
        super().__init__(**settings)
        waits = Config(
            connect_timeout=connect_seconds,
            read_timeout=read_seconds,
            retries={"mode": "standard", "total_max_attempts": TRIES},
            max_pool_connections=CONNECTIONS,
            # Others than Amazon's refuse these; objects prove themselves when they are opened, uploads by their MD5.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        self.client_config = self.client_config.merge(waits)
        self._made: tuple[int, Any] = (0, None)

    @property
    def client(self) -> Any:
        """One for all threads of a process, and never one that a process had before it forked."""
        process, client = self._made
        if process != os.getpid():
            client = self._create_session().client(
                "s3",
                region_name=self.region_name,
                use_ssl=self.use_ssl,
                endpoint_url=self.endpoint_url,
                config=self.client_config,
                verify=self.verify,
            )
            self._made = (os.getpid(), client)
        return client

    def exists(self, name: str) -> bool:
        with _answered("look for"):
            found = self.client.list_objects_v2(Bucket=self.bucket_name, Prefix=self._key(name), MaxKeys=1)
        return any(each["Key"] == self._key(name) for each in found.get("Contents", ()))

    def delete(self, name: str) -> None:
        try:
            with _answered("delete"):
                self.client.delete_object(Bucket=self.bucket_name, Key=self._key(name))
        except FileNotFoundError:
            return

    def entries(self, folder: str) -> Iterator[Entry]:
        """Yield every object below a folder, a thousand a request, in order of names."""
        start = self._key(f"{folder}/" if folder else "")
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket_name, Prefix=start, PaginationConfig={"PageSize": PAGE}
        )
        for each in self._all(pages, "Contents"):
            # What ends in a slash is how some stores and tools draw a folder.
            if not each["Key"].endswith("/"):
                yield Entry(each["Key"][len(self._key("")) :], each["LastModified"])

    def leftovers(self) -> Iterator[Leftover]:
        """Yield uploads in parts that somebody began here: we begin none, and what one holds is paid for unseen."""
        pages = self.client.get_paginator("list_multipart_uploads").paginate(
            Bucket=self.bucket_name, Prefix=self._key("")
        )
        for each in self._all(pages, "Uploads"):
            remove = partial(self._abort, each["Key"], each["UploadId"])
            yield Leftover(each["Key"][len(self._key("")) :], each["Initiated"], remove)

    def versioning(self) -> str:
        """Return `Enabled` or `Suspended` where the bucket keeps what is overwritten or deleted, else nothing."""
        with _answered("ask for the versioning of"):
            return str(self.client.get_bucket_versioning(Bucket=self.bucket_name).get("Status", ""))

    def _key(self, name: str) -> str:
        return f"{self.location}/{name}" if self.location else name

    def _open(self, name: str, mode: str = "rb") -> File:
        spool = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115  the caller closes it
        with _answered("read"):
            self._fetch(self._key(name), spool, TRIES)
        spool.seek(0)
        return File(spool, name)

    def _fetch(self, key: str, into: IO[bytes], tries: int) -> None:
        """Read a whole object; the client's own tries end where an answer begins, and answers break off."""
        body = self.client.get_object(Bucket=self.bucket_name, Key=key)["Body"]
        try:
            shutil.copyfileobj(body, into, BLOCK)
        except BotoCoreError:
            if tries <= 1:
                raise
            into.seek(0)
            into.truncate()
            self._fetch(key, into, tries - 1)

    def _save(self, name: str, content: File) -> str:
        with _answered("write"):
            self.client.put_object(
                Bucket=self.bucket_name,
                Key=self._key(name),
                Body=content.file,
                ContentMD5=_md5(content.file),
                ContentType=self.default_content_type,
            )
        return name

    def _abort(self, key: str, upload: str) -> None:
        with _answered("abort an upload to"):
            self.client.abort_multipart_upload(Bucket=self.bucket_name, Key=key, UploadId=upload)

    @staticmethod
    def _all(pages: Iterator[dict[str, Any]], member: str) -> Iterator[dict[str, Any]]:
        with _answered("list"):
            for page in pages:
                yield from page.get(member, ())


@contextmanager
def _answered(what: str) -> Iterator[None]:
    """Turn what S3 and its client raise into FileNotFoundError where no object is, and Unanswered for the rest."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in ABSENT:
            raise FileNotFoundError(code) from error
        message = f"the vault on S3 would not {what} it: {code}"
        raise Unanswered(message) from error
    except BotoCoreError as error:
        message = f"the vault on S3 did not {what} it: {type(error).__name__}"
        raise Unanswered(message) from error


def _md5(file: IO[bytes]) -> str:
    """Return what the other side compares with what arrived; as a check of the transport alone."""
    digest = hashlib.md5(usedforsecurity=False)
    file.seek(0)
    while block := file.read(BLOCK):
        digest.update(block)
    file.seek(0)
    return base64.b64encode(digest.digest()).decode()
