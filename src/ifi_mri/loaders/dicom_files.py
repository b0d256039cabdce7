"""Many files into the headers of DICOM images: what is none is counted, what is damaged named."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias

from ifi_mri.errors import UnreadableImageError
from ifi_mri.loaders import dicom_tags as tag
from ifi_mri.loaders import known_header
from ifi_mri.loaders.dicom_frames import frames_missing
from ifi_mri.loaders.dicom_pixels import incomplete
from ifi_mri.loaders.dicom_values import Values
from ifi_mri.loaders.header_scan import Header, scan
from ifi_mri.loaders.source_files import Opener, SourceFile
from ifi_mri.model import Caution

#: Threads that read headers: disks and networks answer several at once; more gain nothing, as
#: the scan itself is Python.
READING_THREADS: Final = 4

#: Folders of fewer files are read faster than threads start; also the share of one thread's turn.
MANY_FILES: Final = 64

#: Most unreadable files that are named one by one.
_NAMED: Final = 5

#: SOP classes of MR images: classic, Enhanced, colour and legacy converted (PS3.4 annex B.5);
#: .4.2, spectroscopy, has no pictures.
_MR_IMAGES: Final = frozenset(f"1.2.840.10008.5.1.4.1.1.4{kind}" for kind in ("", ".1", ".3", ".4"))


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a scan of many files found.

    ``damage`` says of files whose header is whole what is wrong with their pixels.
    """

    headers: list[Header]
    damage: dict[Path, str]
    problems: list[str]
    n_ignored: int


def scan_files(files: Sequence[Path], opener: Opener, *, digests: bool = False) -> Scanned:
    """Return the headers of the DICOM images among files, with digests where asked for."""
    found = Scanned([], {}, [], 0)
    n_ignored = 0
    for path, result in zip(files, _attempts(files, opener, digests), strict=True):
        if isinstance(result, UnreadableImageError):
            found.problems.append(str(result))
            continue
        header, damage = result
        if header is None or not _is_image(header):
            n_ignored += 1
            continue
        found.headers.append(header)
        if damage:
            found.damage[path] = f"{path.name}: the file {damage}. Copy or export it again."
    return replace(found, n_ignored=n_ignored)


_Attempt: TypeAlias = tuple[Header | None, str | None] | UnreadableImageError


def _attempts(files: Sequence[Path], opener: Opener, digests: bool) -> Iterator[_Attempt]:
    """Yield what a scan of each file gives, in order; many files are waited for side by side."""

    def attempt(path: Path) -> _Attempt:
        try:
            return scan_file(path, opener, digest=digests)
        except UnreadableImageError as problem:
            return problem

    if len(files) < MANY_FILES:
        yield from map(attempt, files)
        return
    chunks = [files[k : k + MANY_FILES] for k in range(0, len(files), MANY_FILES)]
    with ThreadPoolExecutor(READING_THREADS) as threads:
        for results in threads.map(lambda chunk: list(map(attempt, chunk)), chunks):
            yield from results


def scan_file(
    path: Path, opener: Opener, *, digest: bool = False
) -> tuple[Header | None, str | None]:
    """Return the header of a file, None where it is not DICOM, and what its pixels lack."""
    source = opener.open(path)
    try:
        header = scan(source)
        if header is None:
            return None, None
        _check_whole(header)
        if digest and _is_image(header):
            header = replace(header, known_by=known_header.digest_of(header, source))
        return header, _damage(header, source) if _is_image(header) else None
    finally:
        source.close()


def _damage(header: Header, source: SourceFile) -> str | None:
    return incomplete(header, source) or frames_missing(header)


def damage_cautions(problems: Sequence[str]) -> list[Caution]:
    cautions = [Caution("unreadable_file", text) for text in problems[:_NAMED]]
    if len(problems) > _NAMED:
        more = len(problems) - _NAMED
        cautions.append(
            Caution("unreadable_file", f"{more} more files cannot be read. Export them again.")
        )
    return cautions


def _check_whole(header: Header) -> None:
    """Refuse the file of an MR image whose header ends before it says which series it is."""
    sop_class = Values.of(header).text(tag.SOP_CLASS_UID) or header.storage_class
    if sop_class and sop_class not in _MR_IMAGES:
        return
    if not _is_image(header):
        if header.pixel_offset is not None:  # the header was read to its end
            name = "Rows" if tag.SERIES_UID in header.elements else "SeriesInstanceUID"
            raise UnreadableImageError(
                f"{header.path.name}: the DICOM header has no {name}, which every MR image must "
                "have. Export the file again."
            )
        raise UnreadableImageError(
            f"{header.path.name}: the DICOM header is truncated after {header.size} bytes: it "
            "holds no series UID or no matrix. Copy or export the file again."
        )


def _is_image(header: Header) -> bool:
    """Return whether a file holds a picture; reports, presentation states and DICOMDIR do not."""
    return tag.ROWS in header.elements and tag.SERIES_UID in header.elements


def by_series(headers: Iterable[Header]) -> list[list[Header]]:
    """Return the headers of each series, the series by number, then by UID."""
    groups: dict[str, list[Header]] = defaultdict(list)
    for header in headers:
        groups[Values.of(header).text(tag.SERIES_UID)].append(header)

    def place(item: tuple[str, list[Header]]) -> tuple[int, str]:
        return Values.of(item[1][0]).integer(tag.SERIES_NUMBER) or 0, item[0]

    return [group for _, group in sorted(groups.items(), key=place)]
