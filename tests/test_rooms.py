"""Every room lists its members; this says which line to edit when one was forgotten."""

from importlib import import_module
from pathlib import Path

import pytest

import ifi_mri
from ifi_mri.vocabulary import FindingName, MeasurementName

SOURCE = Path(ifi_mri.__file__).parent

#: Files of a room that are no members of their own: what the members share.
SHARED_FILES = {
    "measurements": {
        "area_at_level",
        "distance_uncertainty",
        "horizontal",
        "in_plane_distance",
        "marked_lines",
        "narrowest_level",
        "outlined_area",
    },
    "findings": {"assessed_hip"},
}

#: What each member of a room must offer.
OFFERS = {
    "measurements": ("NAMES",),
    "findings": ("NAMES", "assess"),
    "reports": ("NAME", "FILE_NAME", "render"),
    "landmarks": ("NAME", "read"),
}


@pytest.mark.parametrize("room", ["measurements", "findings"])
def test_every_file_of_a_room_is_listed(room):
    files = {path.stem for path in (SOURCE / room).glob("*.py")} - {"__init__"}
    listed = set(import_module(f"ifi_mri.{room}").MODULES)

    assert files - SHARED_FILES[room] == listed, f"edit MODULES in src/ifi_mri/{room}/__init__.py"


@pytest.mark.parametrize(
    ("room", "name", "offered"),
    [
        (room, name, offered)
        for room, offers in OFFERS.items()
        for name in import_module(f"ifi_mri.{room}").MODULES
        for offered in offers
    ],
)
def test_every_member_offers_what_its_room_asks_for(room, name, offered):
    assert hasattr(import_module(f"ifi_mri.{room}.{name}"), offered)


@pytest.mark.parametrize("name", import_module("ifi_mri.measurements").MODULES)
def test_every_measurement_is_taken_from_one_hip_or_from_both(name):
    member = import_module(f"ifi_mri.measurements.{name}")

    assert hasattr(member, "measure") != hasattr(member, "measure_pair")


@pytest.mark.parametrize(
    ("room", "names"), [("measurements", MeasurementName), ("findings", FindingName)]
)
def test_every_name_is_made_by_one_member(room, names):
    package = import_module(f"ifi_mri.{room}")
    made = [
        name
        for member in package.MODULES
        for name in import_module(f"ifi_mri.{room}.{member}").NAMES
    ]

    assert sorted(made) == sorted(names)


def test_no_file_or_folder_is_called_after_nothing():
    for word in ("utils", "common", "helpers", "core"):
        assert not list(SOURCE.rglob(f"{word}*"))
