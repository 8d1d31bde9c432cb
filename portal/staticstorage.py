"""Static files under names that change with their content, and one that keeps its own beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from whitenoise.storage import CompressedManifestStaticFilesStorage

from portal.staticheaders import COLLECTOR


class PortalStaticStorage(CompressedManifestStaticFilesStorage):
    """Leaves the collector where the pages of other applications look for it."""

    def delete_files(self, files_to_delete: Iterable[str]) -> None:
        super().delete_files(set(files_to_delete) - {COLLECTOR})

    def compress_files(self, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
        return super().compress_files({*paths, COLLECTOR})
