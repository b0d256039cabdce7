"""Where image files come from: a folder, a single file, a DICOMDIR or a zip archive.

A file inside a zip archive is named by the archive's path with the member's name behind it, so
nothing is unpacked to disk and a `pathlib.Path` names every file.  All reading goes through
`SourceFile.read`, which never returns more bytes than the file has.
"""

import os
import stat
import zipfile
import zlib
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Protocol, TypeAlias

from ifi_mri.errors import StudyError, UnreadableImageError

#: Members of an archive that inflate to more than this many times their size are refused:
#: deflate reaches 1032 at most, images reach 3, constant ones 200.
LARGEST_INFLATION: Final = 1000

ZIP_ERRORS: Final = (
    zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError,
    ValueError,
)  # fmt: skip


class SourceFile(Protocol):
    """A file that is open for reading anywhere in it."""

    path: Path
    size: int

    def read(self, offset: int, n_bytes: int) -> bytes:
        """Return up to ``n_bytes`` from an offset; fewer only at the end of the file."""
        ...

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Fill a buffer of bytes from an offset; return how many bytes the file had for it."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


class PlainFile:
    """A file on disk."""

    __slots__ = ("descriptor", "path", "size")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self.size = os.fstat(self.descriptor).st_size

    def read(self, offset: int, n_bytes: int) -> bytes:
        """Return up to ``n_bytes`` from an offset."""
        return os.pread(self.descriptor, max(0, min(n_bytes, self.size - offset)), offset)

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Fill a buffer of bytes from an offset; return how many there were."""
        return os.preadv(self.descriptor, [buffer], offset)

    def close(self) -> None:
        """Close the file."""
        os.close(self.descriptor)


class BytesFile:
    """Bytes in memory under the name of the file they came from."""

    __slots__ = ("content", "path", "size")

    def __init__(self, path: Path, content: bytes) -> None:
        self.path, self.content, self.size = path, content, len(content)

    def read(self, offset: int, n_bytes: int) -> bytes:
        """Return up to ``n_bytes`` from an offset."""
        return self.content[offset : offset + n_bytes]

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Fill a buffer of bytes from an offset; return how many there were."""
        return _copied(self.read(offset, len(buffer)), buffer)

    def close(self) -> None:
        """Do nothing."""


class ZipMember:
    """A file inside a zip archive, inflated as far as it is read."""

    __slots__ = ("path", "size", "stream")

    def __init__(self, path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
        if info.file_size > LARGEST_INFLATION * max(info.compress_size, 1024):
            raise UnreadableImageError(
                f"{path.name}: the archive says it inflates {info.compress_size} bytes to "
                f"{info.file_size}, expected at most {LARGEST_INFLATION} times. Unpack the archive "
                "and give the folder."
            )
        self.path, self.size = path, info.file_size
        self.stream = archive.open(info)

    def read(self, offset: int, n_bytes: int) -> bytes:
        """Return up to ``n_bytes`` from an offset."""
        try:
            self.stream.seek(offset)
            return self.stream.read(max(0, min(n_bytes, self.size - offset)))
        except ZIP_ERRORS as problem:
            raise UnreadableImageError(
                f"{self.path.name}: cannot be inflated from its archive ({problem}). Make the "
                "archive again."
            ) from problem

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Fill a buffer of bytes from an offset; return how many there were."""
        return _copied(self.read(offset, len(buffer)), buffer)

    def close(self) -> None:
        """Close the member."""
        self.stream.close()


def _copied(content: bytes, buffer: memoryview) -> int:
    buffer[: len(content)] = content
    return len(content)


class Opener:
    """Opens files by their path, also those inside zip archives, which it keeps open meanwhile."""

    def __init__(self) -> None:
        self._archives: dict[Path, zipfile.ZipFile] = {}

    def __enter__(self) -> "Opener":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for archive in self._archives.values():
            archive.close()

    def open(self, path: Path) -> SourceFile:
        """Return an open file.

        Raises
        ------
        UnreadableImageError
            The file is not there, may not be read, or its archive is damaged.
        """
        try:
            return PlainFile(path)
        except NotADirectoryError:
            return self._member(path)
        except OSError as problem:
            raise UnreadableImageError(
                f"{path.name}: cannot be opened ({problem.strerror or problem}). Check the file "
                "and its permissions."
            ) from problem

    def _member(self, path: Path) -> SourceFile:
        archive_path = file_on_disk(path)
        archive = self._archives.get(archive_path)
        if archive is None:
            archive = self._archives[archive_path] = open_archive(archive_path)
        try:
            info = archive.getinfo(path.relative_to(archive_path).as_posix())
            return ZipMember(path, archive, info)
        except (KeyError, *ZIP_ERRORS) as problem:
            raise UnreadableImageError(
                f"{path.name}: cannot be read from the archive {archive_path.name} ({problem}). "
                "Unpack the archive and give the folder."
            ) from problem


def file_on_disk(path: Path) -> Path:
    """Return the file on disk that holds a path: the path itself, or the zip archive it is in."""
    if path.is_file():
        return path
    return next((folder for folder in path.parents if folder.is_file()), path)


def open_archive(path: Path) -> zipfile.ZipFile:
    """Return an open zip archive; UnreadableImageError where it is damaged."""
    try:
        return zipfile.ZipFile(path)
    except ZIP_ERRORS as problem:
        raise UnreadableImageError(
            f"{path.name}: is not a zip archive that can be read ({problem}). Make the archive "
            "again, or give the unpacked folder."
        ) from problem


FileFacts: TypeAlias = tuple[str, int, int]
"""What `FoundFile` says, as a plain tuple."""


class FoundFile(NamedTuple):
    """A file on disk: its path, bytes and time of modification."""

    path: str
    size: int
    modified_ns: int


def find_files(root: Path) -> list[Path]:
    """Return every file under a folder or in a zip archive, sorted; a plain file is itself.

    Hidden files and folders (``.DS_Store``, ``._IM0001``, ``__MACOSX``) are left out.

    Raises
    ------
    StudyError
        There is nothing at this path.
    """
    if root.is_file() and root.suffix.lower() == ".zip":
        with open_archive(root) as archive:
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
        return sorted(root / name for name in names if _is_visible(name))
    return [Path(path) for path, _, _ in facts_of_files(root)]


def list_files(root: Path) -> list[FoundFile]:
    """Return the files that `find_files` finds on disk, with what tells whether they changed.

    Raises as `facts_of_files` does.
    """
    return [FoundFile(*facts) for facts in facts_of_files(root)]


def facts_of_files(root: Path) -> list[FileFacts]:
    """Return what `list_files` does, in the time that a warm header index has.

    Raises
    ------
    StudyError
        There is nothing at this path, or a folder cannot be listed.
    """
    try:
        status = root.stat()
        if not stat.S_ISDIR(status.st_mode):
            return [(str(root), status.st_size, status.st_mtime_ns)]
        found: list[FileFacts] = []
        _walk(str(root), found)
    except FileNotFoundError as problem:
        raise StudyError(
            f"{root.name or root}: there is no such file or folder. Check the path of the study."
        ) from problem
    except OSError as problem:
        raise StudyError(
            f"the study: cannot be listed ({problem.strerror}). Check its permissions."
        ) from problem
    return sorted(found, key=itemgetter(0))


def _walk(folder: str, found: list[FileFacts]) -> None:
    """Append visible regular files, symbolic links followed to files but not to folders; a pipe
    or device would be read for ever.

    Half of what a warm header index takes is spent here: hence the open folder, below which the
    system finds a name sooner than below the root, and plain tuples."""
    prefix = os.path.join(folder, "")  # noqa: PTH118
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with os.scandir(descriptor) as entries:
            for entry in entries:
                name = entry.name
                if name[0] == "." or name == "__MACOSX":
                    continue
                try:
                    status = entry.stat()
                except OSError:
                    continue  # a link that leads nowhere
                if stat.S_ISREG(status.st_mode):
                    found.append((prefix + name, status.st_size, status.st_mtime_ns))
                elif entry.is_dir(follow_symlinks=False):
                    _walk(prefix + name, found)
    finally:
        os.close(descriptor)


def _is_visible(member: str) -> bool:
    parts = Path(member).parts
    return not any(part.startswith((".", "/")) or part in ("__MACOSX", "..") for part in parts)
