"""What this installation can do, and the JSON Schemas of its files."""

from importlib.util import find_spec
from typing import Any, Final

from ifi_mri._version import __version__
from ifi_mri.vocabulary import LandmarkName

#: Optional parts: what they are for, and the module that makes them work.
OPTIONAL_PARTS: Final = {
    "compressed DICOM images": "imagecodecs",
    "batches on a Dask cluster": "distributed",
}


def info() -> dict[str, Any]:
    """Return version, formats, measurements, findings, profiles and optional parts."""
    from importlib import import_module

    from ifi_mri import config, findings, landmarks, loaders, measurements, reports
    from ifi_mri.landmarks import label_tables
    from ifi_mri.language import languages, share_translated

    def members(package: Any) -> list[Any]:
        return [import_module(f"{package.__name__}.{name}") for name in package.MODULES]

    return {
        "version": __version__,
        "image_formats": list(loaders.MODULES),
        "landmark_formats": list(landmarks.MODULES),
        "label_map_formats": list(landmarks.LABEL_FORMATS),
        "label_tables": [
            {
                "id": table.id,
                "title": table.title,
                "version": table.version,
                "labels": list(table.values),
                "citation": table.citation,
            }
            for table in label_tables.presets()
        ],
        "landmark_names": [str(name) for name in LandmarkName],
        "report_formats": {module.NAME: module.FILE_NAME for module in members(reports)},
        "measurements": [str(n) for module in members(measurements) for n in module.NAMES],
        "findings": [str(n) for module in members(findings) for n in module.NAMES],
        "profiles": [
            {
                "id": profile.id,
                "title": profile.title,
                "cutoff_mm": profile.cutoff_mm.model_dump(),
                "applies_to": profile.applies_to,
                "position": profile.position,
                "citation": profile.citation,
                "verified": profile.verified,
            }
            for profile in config.profiles()
        ],
        "languages": list(languages()),
        "share_translated": {name: share_translated(name) for name in languages()},
        "optional_parts": {
            name: {"needs": module, "installed": find_spec(module) is not None}
            for name, module in OPTIONAL_PARTS.items()
        },
    }


def as_text(content: dict[str, Any]) -> str:
    """Return the content of `info` for a terminal."""
    lines = [f"ifi-mri {content['version']}"]
    lists = (
        "image_formats", "landmark_formats", "label_map_formats", "report_formats", "measurements",
        "findings",
    )  # fmt: skip
    lines += [f"{key.replace('_', ' ')}: {', '.join(content[key])}" for key in lists]
    shares = content["share_translated"].items()
    told = [f"{name} ({int(100 * share)} % translated)" for name, share in shares]
    lines.append(f"languages (--language): {', '.join(told)}")
    lines.append("label tables (--label-table):")
    lines += [f"  {one['id']}: {one['title']}, {one['version']}" for one in content["label_tables"]]
    lines.append("cut-off profiles (--profile):")
    for profile in content["profiles"]:
        cutoffs = ", ".join(
            f"{space.split('_')[0]} <= {mm:g} mm"
            for space, mm in profile["cutoff_mm"].items()
            if mm is not None
        )
        lines.append(f"  {profile['id']}: {cutoffs}; {profile['applies_to']}; {profile['title']}")
    for name, part in content["optional_parts"].items():
        state = "installed" if part["installed"] else f"needs the package {part['needs']}"
        lines.append(f"{name}: {state}")
    return "\n".join(lines)


def schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema of a file: report, landmarks, config, clinical, or a row of cases."""
    if name == "report":
        from ifi_mri.reports import json_file

        return json_file.schema()
    if name == "landmarks":
        from ifi_mri import landmarks

        return landmarks.schema()
    if name == "clinical":
        from ifi_mri import clinical

        return clinical.schema()
    if name == "cases":
        from ifi_mri.batch import cases

        return cases.schema()
    from ifi_mri.config import Config

    return Config.model_json_schema()
