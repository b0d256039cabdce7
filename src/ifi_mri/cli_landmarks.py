"""The command ``ifi-mri landmarks``: check, convert or begin a landmark file."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from ifi_mri import cli_options, cli_report

Printing: TypeAlias = Callable[
    [Callable[[argparse.Namespace], str]], Callable[[argparse.Namespace], int]
]


def add_landmarks(
    landmarks: argparse.ArgumentParser, everywhere: argparse.ArgumentParser, printing: Printing
) -> None:
    """Add the actions of ``ifi-mri landmarks``; ``printing`` makes commands that print a text."""
    actions = landmarks.add_subparsers(title="actions", metavar="ACTION", required=True)
    check = actions.add_parser(
        "check", help="do the landmarks belong to the study?", parents=[everywhere]
    )
    check.add_argument("landmarks", type=Path, metavar="PATH", nargs="+", help="landmark file")
    check.add_argument("study", type=Path, metavar="STUDY", help="DICOM folder or NIfTI")
    cli_options.add_label_table(check)
    cli_options.add_series(check)
    check.set_defaults(run=printing(checked))
    convert = actions.add_parser(
        "convert", help="write landmarks in another format", parents=[everywhere]
    )
    convert.add_argument("source", type=Path, metavar="IN")
    convert.add_argument(
        "target", type=Path, metavar="OUT", help="its ending tells the format; a folder for Slicer"
    )
    convert.add_argument(
        "--study",
        type=Path,
        metavar="STUDY",
        help="the images that the lines of a DICOM structured report were drawn on",
    )
    cli_options.add_label_table(convert)
    convert.set_defaults(run=printing(converted))
    template = actions.add_parser(
        "template", help="write a landmark file to fill in", parents=[everywhere]
    )
    template.add_argument("--out", type=Path, required=True, metavar="F")
    template.set_defaults(run=printing(begun))
    moved = actions.add_parser(
        "moved", help="what moved between two versions, mm, and by whom", parents=[everywhere]
    )
    cli_report.add_moved(moved)
    moved.set_defaults(run=printing(cli_report.moved_landmarks))


def checked(options: argparse.Namespace) -> str:
    """Say what a landmark file holds and whether it belongs to a study."""
    from ifi_mri import landmarks as landmark_files
    from ifi_mri import pipeline
    from ifi_mri.config import load_config

    for path in (options.study, *options.landmarks):
        cli_options.must_exist(path)
    config = load_config(options.config, anatomy=options.anatomy, fluid_sensitive=options.fluid)
    landmark_set = landmark_files.read_all(options.landmarks, label_table=options.label_table)
    study = pipeline.load_study(options.study, config)
    landmark_set = landmark_files.on_images(landmark_set, study)
    anatomy, cautions = pipeline.check(study, landmark_set, config)
    return "\n".join(
        (
            landmark_files.describe(landmark_set),
            *(f"caution ({caution.code}): {caution.text}" for caution in cautions),
            f"The landmarks belong to {anatomy.label}.",
        )
    )


def converted(options: argparse.Namespace) -> str:
    """Write landmarks in another format; return the files and what they cannot hold."""
    from ifi_mri import landmarks as landmark_files
    from ifi_mri import pipeline
    from ifi_mri.config import Config

    cli_options.must_exist(options.source)
    landmark_set = landmark_files.read(options.source, label_table=options.label_table)
    if options.study:
        cli_options.must_exist(options.study)
        study = pipeline.load_study(options.study, Config())
        landmark_set = landmark_files.on_images(landmark_set, study)
    written = landmark_files.write(landmark_set, options.target)
    lines = [*map(str, written)]
    lost = landmark_files.not_kept(landmark_set, options.target)
    if lost:
        lines.append(f"This format cannot hold, so these were left out: {', '.join(lost)}.")
    if "in_part" in lost:
        parts = ", ".join(sorted(f"{side} {name}" for name, side in landmark_set.in_part))
        lines.append(f"Outlines of a part will pass for the whole structure: {parts}.")
    return "\n".join(lines)


def begun(options: argparse.Namespace) -> str:
    """Write a landmark file to fill in; return its path."""
    from ifi_mri import landmarks as landmark_files

    landmark_files.write_template(options.out)
    return str(options.out)
