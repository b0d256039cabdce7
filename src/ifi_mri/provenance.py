"""What a report was made from: its input files, its UID, and the name of a case without one."""

import hashlib
import uuid
from collections.abc import Iterable
from pathlib import Path

from ifi_mri import loaders
from ifi_mri._version import __version__
from ifi_mri.config import Config
from ifi_mri.language import languages, load
from ifi_mri.model import (
    ClinicalIntake,
    Hip,
    InputFile,
    LandmarkSet,
    Measurement,
    Study,
    Volume,
)


def inputs_of(
    study: Study,
    landmark_set: LandmarkSet,
    intake: ClinicalIntake | None,
    hips: Iterable[Hip],
    measured: Iterable[Measurement],
    picture: Volume | None,
) -> tuple[InputFile, ...]:
    """Return the files that the numbers were made from, each once, with its SHA-256."""
    used = {value.sop_instance_uid for m in measured for value in m.per_slice}
    volumes = [volume for hip in hips for volume in hip.volumes.values()]
    if picture is not None:
        volumes.append(picture)
    images = {instance.path for volume in volumes for instance in volume.instances}
    images |= {
        instance.path
        for hip in hips
        for series in hip.series.values()
        for instance in series.instances
        if instance.sop_instance_uid in used
    }
    on_disk = {loaders.file_on_disk(path) for path in images}
    files = [(path, study.root, "image") for path in sorted(on_disk)]
    files += [(path, path.parent, "landmarks") for path in landmark_set.sources]
    files += [(path, path.parent, "clinical") for path in (intake.sources if intake else ())]
    return tuple(
        InputFile(shown_path(path, root, study), _sha256(path), role)
        for path, root, role in dict.fromkeys(files)
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def shown_path(path: Path, root: Path, study: Study) -> str:
    """Return a path relative to a folder, with every part that holds the patient's name or number
    replaced."""
    try:
        relative = path.relative_to(root).as_posix()
    except ValueError:
        relative = "."
    return loaders.without_identity(path.name if relative == "." else relative, study.patient)


def report_uid(
    study: Study,
    landmark_set: LandmarkSet,
    config: Config,
    inputs: Iterable[InputFile],
    provenance: Iterable[tuple[str, str]],
) -> str:
    """Return a UID that is the same whenever the same inputs are analysed in the same way."""
    parts = [study.study_uid, str(landmark_set.reader), str(landmark_set.read), config.digest()]
    parts += [__version__, *(file.sha256 for file in inputs)]
    parts += _language(config.language)
    parts += [
        said for pair in provenance for said in pair
    ]  # numbers of a label map mean what its table says
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, '|'.join(parts)).int}"


def _language(language: str) -> list[str]:
    """Return what tells the words of a report: a shipped language's code, nothing for English; of
    a site's own file what it says, wherever it lies."""
    if language in languages():
        return [] if language == "en" else [language]
    code, messages = load(language)
    return [code, hashlib.sha256(repr(sorted(messages.items())).encode()).hexdigest()]


def anonymous_case_id(study: Study) -> str:
    """Return a name for a case that was given none; folder names may hold a patient's name."""
    return f"case-{hashlib.sha256(study.study_uid.encode()).hexdigest()[:8]}"
