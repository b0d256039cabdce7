"""How quadratus femoris signal was read and what was found in it, as rows of words and values.

Every row comes from the details that the measurements keep; a row whose details are not there is
left out.  The numbers with their intervals stand in the table of measurements.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from ifi_mri.model import Report
from ifi_mri.reports.words import IN_ENGLISH, Words
from ifi_mri.vocabulary import FindingName, MeasurementName, Side

Details: TypeAlias = Mapping[str, float | int | str]

#: A row: the message of its title, and its text.
Row: TypeAlias = tuple[str, str]

#: Rows that only a page with room for them shows.
AT_LENGTH: Final = ("signal.voxels", "signal.threshold", "signal.noise")

#: Messages for the zones that `ifi_mri.signal.place` parts a muscle into.
ZONES: Final = {
    "throughout the muscle": "signal.place.throughout",
    "belly at the narrowest place": "signal.zone.belly",
    "distal myotendinous junction": "signal.zone.junction",
    "elsewhere in the muscle": "signal.zone.elsewhere",
}


class SignalRow(NamedTuple):
    """One thing that is said about the signal; brief ones belong to a short report, too."""

    title: str
    text: str
    is_brief: bool


def signal_rows(report: Report, side: Side, words: Words = IN_ENGLISH) -> tuple[SignalRow, ...]:
    """Return what stands beside the numbers of one side's signal; nothing where none was read."""
    read, found, beyond = (
        _details(report, side, name)
        for name in (
            MeasurementName.QUADRATUS_FEMORIS_SIGNAL_RATIO,
            MeasurementName.QUADRATUS_FEMORIS_OEDEMA_FRACTION,
            MeasurementName.QUADRATUS_FEMORIS_PERIMUSCULAR_FRACTION,
        )
    )
    rows = [
        *_grade(report, side, found, words),
        *_of_raised(found, beyond, words),
        *_how(read, found, words),
        *_between_series(read, words),
    ]
    return tuple(
        SignalRow(words(message), text, message not in AT_LENGTH) for message, text in rows
    )


def _details(report: Report, side: Side, name: MeasurementName) -> Details:
    measurement = report.measured(name, side)
    return dict(measurement.details) if measurement else {}


def _grade(report: Report, side: Side, found: Details, words: Words) -> Iterator[Row]:
    finding = report.finding(FindingName.QUADRATUS_FEMORIS_OEDEMA, side)
    if finding is None or finding.grade is None or "grade_probability" not in found:
        return
    parts = [words("signal.grade.is", grade=finding.grade)]
    low, high = found["grade_low"], found["grade_high"]
    if low != high:
        parts.append(words("signal.grade.within", low=low, high=high))
    chance = _chance(float(found["grade_probability"]))
    parts.append(words("signal.grade.chance", chance=chance))
    yield "signal.grade", "; ".join(parts)
    if finding.reader_grade is not None:
        agrees = "same" if finding.agrees_with_reader else "other"
        yield "signal.reader", words(f"signal.reader.{agrees}", grade=finding.reader_grade)


def _chance(probability: float) -> str:
    return f"{min(99, max(1, round(100 * probability)))} %"


def _of_raised(found: Details, beyond: Details, words: Words) -> Iterator[Row]:
    if "raised_ratio" in found:
        yield "signal.raised", _interval(found, "raised_ratio", 2, words)
    if found.get("zone") == "throughout the muscle":
        yield "signal.place", words("signal.place.throughout")
    elif "zone" in found:
        level = float(found["level_above_space_mm"])
        zone = str(found["zone"])
        yield (
            "signal.centre",
            words(
                f"signal.centre.{'above' if level >= 0 else 'below'}",
                zone=words(ZONES[zone]) if zone in ZONES else zone,
                distance=_interval(found, "distance_from_space_mm", 1, words),
                level=f"{abs(level):.1f}",
            ),
        )
    if "raised_ratio" in found and "spread_beyond_muscle" in beyond:
        seen = "yes" if beyond["spread_beyond_muscle"] == "yes" else "no"
        yield "signal.beyond", words(f"signal.beyond.{seen}")


def _how(read: Details, found: Details, words: Words) -> Iterator[Row]:
    if "n_reference_pixels" in read:
        yield (
            "signal.voxels",
            words(
                "signal.voxels.are",
                muscle=read["n_pixels"],
                reference=read["n_reference_pixels"],
                pixels=words.counted("signal.pixels", int(read["erosion_pixels"])),
            ),
        )
    if "threshold_ratio" in found:
        yield (
            "signal.threshold",
            words(
                "signal.threshold.is",
                ratio=f"{float(found['threshold_ratio']):.2f}",
                above=words.number(_percent(found["fraction_above_threshold"])),
                chance=words.number(_percent(found["chance_fraction"])),
            ),
        )
    if "shading_applied" in read:
        yield "signal.shading", _shading(read, words)
    if "snr" in read:
        floor = "subtracted" if read["noise_floor_subtracted"] == "yes" else "left"
        yield "signal.noise", words(f"signal.noise.{floor}", snr=f"{float(read['snr']):.0f}")


def _shading(read: Details, words: Words) -> str:
    gain = 100 * (float(read["shading_gain"]) - 1)
    if read["shading_order"] == 0:
        return words("signal.shading.none")
    field = words(
        "signal.shading.field",
        order=read["shading_order"],
        gain=words.number(f"{gain:+.1f}"),
        sd=f"{100 * float(read['shading_gain_sd']):.1f}",
    )
    if read["shading_applied"] == "yes":
        ratio = f"{float(read['plain_ratio']):.2f}"
        return words("signal.shading.applied", field=field, ratio=ratio)
    return words("signal.shading.left", field=field)


def _between_series(read: Details, words: Words) -> Iterator[Row]:
    if "shift_x_mm" in read:
        yield "signal.shift", _shift(read, words)
    if "fat_over_muscle" in read:
        lost = "lost" if read["fat_suppression_lost"] == "yes" else "suppressed"
        ratio = _interval(read, "fat_over_muscle", 1, words)
        yield "signal.fat", words(f"signal.fat.{lost}", ratio=ratio)


def _shift(read: Details, words: Words) -> str:
    if read["shift_beyond_search"] == "yes":
        return words("signal.shift.beyond")
    left, back = float(read["shift_x_mm"]), float(read["shift_y_mm"])
    sds = (float(read[f"shift_{way}_sd_mm"]) for way in ("right", "down"))
    moved = words(
        "signal.shift.is",
        across=_way(left, ("left", "right", "across"), words),
        along=_way(back, ("back", "front", "along"), words),
        sd=f"{max(sds):.1f}",
    )
    if read["shift_significant"] != "yes":
        moved += words("signal.shift.insignificant")
    applied = "moved" if read["shift_applied"] == "yes" else "not_moved"
    return f"{moved}; {words(f'signal.shift.{applied}')}"


def _way(mm: float, ways: tuple[str, str, str], words: Words) -> str:
    """Return a distance with the way that it leads, of (up, down, neither): what is printed as 0.0
    leads no way."""
    size = f"{abs(mm):.1f}"
    up, down, neither = ways
    way = neither if float(size) == 0 else up if mm > 0 else down
    return words(f"signal.shift.{way}", mm=size)


def _interval(found: Details, key: str, decimals: int, words: Words) -> str:
    value, low, high = (
        f"{float(found[name]):.{decimals}f}" for name in (key, f"{key}_low", f"{key}_high")
    )
    return words("signal.about", value=value, low=low, high=high)


def _percent(fraction: float | int | str) -> str:
    return f"{100 * float(fraction):.1f} %"
