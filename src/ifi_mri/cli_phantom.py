"""The command ``ifi-mri phantom``: a synthetic study whose truth is known."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ifi_mri import cli_options
from ifi_mri.errors import ConfigError

if TYPE_CHECKING:
    from ifi_mri.phantom import HipSpec
    from ifi_mri.vocabulary import Side


def add_phantom(phantom: argparse.ArgumentParser) -> None:
    """Add the options of ``ifi-mri phantom``."""
    sides = "one value for both sides, or two: left right"
    number: dict[str, Any] = {"type": _numbers, "nargs": "+", "metavar": "N"}
    phantom.add_argument("--out", type=Path, required=True, metavar="DIR", help="an empty folder")
    phantom.add_argument("--ifs-mm", **number, help=f"ischiofemoral space, mm; {sides}")
    phantom.add_argument("--qfs-mm", **number, help=f"quadratus femoris space, mm; {sides}")
    phantom.add_argument("--oedema-ratio", **number, help=f"oedema over normal signal; {sides}")
    phantom.add_argument("--oedema-extent", **number, help=f"oedema, fraction of muscle; {sides}")
    phantom.add_argument("--side", choices=("both", "left", "right"), default="both")
    phantom.add_argument("--pose", **number, help="turns about x, y and z of LPS, degrees")
    phantom.add_argument("--pixel-mm", **number, help="pixel size, mm; between rows, columns")
    phantom.add_argument("--slice-spacing-mm", type=float, default=5.0, metavar="N")
    phantom.add_argument("--snr", type=float, default=25.0, metavar="N", help="signal to noise")
    phantom.add_argument("--shading", type=float, default=0.2, metavar="N", help="0 to 1")
    phantom.add_argument("--seed", type=int, default=0, metavar="N")
    phantom.add_argument("--format", default="dicom", metavar="A,B", help="dicom,nifti")


def _numbers(text: str) -> list[float]:
    """Return the numbers of an argument; they may be parted by commas as well as by blanks."""
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from error


def made(options: argparse.Namespace) -> str:
    """Make a synthetic study, its landmarks and its truth; return the files."""
    from ifi_mri import landmarks as landmark_files
    from ifi_mri.phantom import make_phantom, write_phantom
    from ifi_mri.vocabulary import Side

    phantom = make_phantom(
        left=None if options.side == "right" else _hip_spec(options, Side.LEFT),
        right=None if options.side == "left" else _hip_spec(options, Side.RIGHT),
        pixel_mm=_values("--pixel-mm", options.pixel_mm, (0.9, 0.9)),
        pose_deg=_values("--pose", options.pose, (0.0, 0.0, 0.0)),
        slice_spacing_mm=options.slice_spacing_mm,
        snr=options.snr,
        shading=options.shading,
        seed=options.seed,
    )
    formats = tuple(name.strip() for name in options.format.split(",") if name.strip())
    cli_options.prepare_folder(options.out)
    written = write_phantom(phantom, options.out, formats)
    with_uids = "dicom" in formats
    outlines = phantom.landmarks("outlines", uids=with_uids)
    points = phantom.landmarks("points", uids=with_uids)
    written += landmark_files.write(outlines, options.out / "landmarks.json")
    written += landmark_files.write(points, options.out / "landmark_points.json")
    return "\n".join(map(str, written))


def _hip_spec(options: argparse.Namespace, side: "Side") -> "HipSpec":
    """Return what one side of the phantom shall be like; what was not said keeps its default."""
    from ifi_mri.phantom import HipSpec

    asked = {}
    for name in ("ifs_mm", "qfs_mm", "oedema_ratio", "oedema_extent"):
        given = [value for part in getattr(options, name) or () for value in part]
        if len(given) > 2:
            option = f"--{name.replace('_', '-')}"
            raise ConfigError(f"{option}: {len(given)} values; expected one, or left and right.")
        if given:
            asked[name] = given[0] if side == "left" else given[-1]
    return HipSpec(**asked)


def _values(option: str, parts: list[list[float]] | None, default: tuple[float, ...]) -> Any:
    """Return as many numbers as an option takes; one number stands for all pixels, or the first
    turn."""
    given = [value for part in parts or () for value in part]
    if not given:
        return default
    if len(given) == 1:
        given = given * 2 if option == "--pixel-mm" else [*given, 0.0, 0.0]
    if len(given) != len(default):
        raise ConfigError(f"{option}: {len(given)} values; expected {len(default)}.")
    return tuple(given)
