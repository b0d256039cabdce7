"""Commands on reports that are there already, and on what goes into the next one."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ifi_mri.errors import ConfigError

if TYPE_CHECKING:
    from ifi_mri.model import LandmarkSet

Run = Callable[[argparse.Namespace], int]


def add_report(
    report: argparse.ArgumentParser, everywhere: argparse.ArgumentParser, show: Run, diff: Run
) -> None:
    """Add the actions of ``ifi-mri report``."""
    actions = report.add_subparsers(title="actions", metavar="ACTION", required=True)
    one = actions.add_parser("show", help="print a report as text", parents=[everywhere])
    one.add_argument("report", type=Path, metavar="FILE", help="report.json, or its folder")
    one.set_defaults(run=show)
    two = actions.add_parser(
        "diff", help="print what two reports say differently", parents=[everywhere]
    )
    _add_two(two)
    two.set_defaults(run=diff)


def add_followup(followup: argparse.ArgumentParser) -> None:
    """Add the options of ``ifi-mri followup``."""
    _add_two(followup)


def _add_two(command: argparse.ArgumentParser) -> None:
    for name in ("before", "after"):
        command.add_argument(
            name, type=Path, metavar=name.upper(), help="report.json, or its folder"
        )
    command.add_argument("--json", action="store_true", help="print JSON")


def add_clinical(
    clinical: argparse.ArgumentParser, everywhere: argparse.ArgumentParser, template: Run
) -> None:
    """Add the actions of ``ifi-mri clinical``."""
    actions = clinical.add_subparsers(title="actions", metavar="ACTION", required=True)
    form = actions.add_parser("template", help="write an empty form", parents=[everywhere])
    form.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="new file, .toml, .json or .csv; else it is printed",
    )
    form.set_defaults(run=template)


def add_moved(moved: argparse.ArgumentParser) -> None:
    """Add the options of ``ifi-mri landmarks moved``."""
    for name in ("before", "after"):
        moved.add_argument(name, type=Path, metavar=name.upper(), help="landmark file or folder")
    moved.add_argument("--by", metavar="NAME", help="who moved them, where the file does not say")
    moved.add_argument("--json", action="store_true", help="print JSON")


# --- what each does -----------------------------------------------------------------------------


def shown(options: argparse.Namespace) -> str:
    """Return a report as text."""
    from ifi_mri.cohort.positions_files import read_reports
    from ifi_mri.reports import text_impression

    (report,) = read_reports([_there(options.report)])
    return text_impression.text_of(report).rstrip()


def differing(options: argparse.Namespace) -> str:
    """Return what two reports say differently."""
    from ifi_mri.cohort import differences
    from ifi_mri.cohort.positions_files import read_reports

    before, after = read_reports([_there(options.before), _there(options.after)])
    found = differences.differences(before, after)
    if options.json:
        return _as_json(differences.as_rows(found))
    return differences.as_text(found, str(options.before), str(options.after))


def followed_up(options: argparse.Namespace) -> str:
    """Return two visits of one patient compared."""
    from ifi_mri.cohort import followup
    from ifi_mri.cohort.positions_files import read_reports

    before, after = read_reports([_there(options.before), _there(options.after)])
    found = followup.follow_up(before, after)
    return _as_json(followup.as_json(found)) if options.json else followup.as_text(found)


def clinical_form(options: argparse.Namespace) -> str:
    """Return an empty form, or the path of the file that it was written to."""
    from ifi_mri import clinical
    from ifi_mri.files import write_atomically

    if options.out is None:
        return clinical.template().decode().rstrip()
    if options.out.exists():
        raise ConfigError(f"{options.out}: exists already. Name a new file for --out.")
    content = clinical.template(options.out.suffix.lower())
    try:
        write_atomically(options.out, content)
    except OSError as problem:
        raise ConfigError(
            f"{options.out}: cannot be written ({problem.strerror}). Choose another with --out."
        ) from problem
    return str(options.out)


def moved_landmarks(options: argparse.Namespace) -> str:
    """Return what moved between two versions of landmarks, and by whom."""
    from ifi_mri import landmarks
    from ifi_mri.landmarks import moved

    sets = [landmarks.read(_there(path)) for path in (options.before, options.after)]
    before, after = _reader(sets[0]), options.by or _reader(sets[1])
    changes = moved.moved(*sets)
    if options.json:
        return _as_json(moved.as_rows(changes, before, after))
    return moved.as_text(changes, before, after)


def _reader(landmarks: "LandmarkSet") -> str:
    read = "" if landmarks.read is None else f", read {landmarks.read}"
    return f"{landmarks.reader or 'reader not recorded'}{read}"


def _there(path: Path) -> Path:
    if not path.exists():
        raise ConfigError(f"{path}: there is no such file or folder. Check the path.")
    return path


def _as_json(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False)
