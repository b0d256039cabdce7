"""How exact are the distances?  Prints the accuracy tables of the README, section by section.

    python scripts/bench/accuracy.py [SECTION ...] [--draws N] [--shared ../shared] [--list]

A section is a file ``accuracy_<section>.py`` beside this one with a function ``run(arguments)``
that prints its tables; ``arguments`` are those above.  Without names all sections run, in the order
of their names.
"""

import argparse
import sys
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]


def sections() -> list[str]:
    """Return the names of the sections that there are."""
    return sorted(path.stem.removeprefix("accuracy_") for path in HERE.glob("accuracy_*.py"))


def main() -> None:
    """Run the sections that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(sections()))
    parser.add_argument("--draws", type=int, default=400, help="random cases a row")
    parser.add_argument("--shared", type=Path, default=REPOSITORY.parent / "shared")
    parser.add_argument("--list", action="store_true", help="name the sections and stop")
    arguments = parser.parse_args()
    unknown = set(arguments.sections) - set(sections())
    if unknown:
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(sections())}")
    if arguments.list:
        print(*sections(), sep="\n")
        return
    for name in arguments.sections or sections():
        import_module(f"accuracy_{name}").run(arguments)


if __name__ == "__main__":
    # This folder comes first on Python's path, where signal.py would stand in for the standard
    # library's; at the end of the path it does no harm.
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != HERE]
    sys.path += [str(REPOSITORY / "tests"), str(HERE)]
    main()
