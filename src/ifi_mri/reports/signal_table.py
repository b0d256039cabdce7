"""How quadratus femoris signal was read and what was found in it, as rows of words and values.

Every row comes from the details that the measurements keep; a row whose details are not there is
left out.  The numbers with their intervals stand in the table of measurements.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from ifi_mri.model import Report
from ifi_mri.vocabulary import FindingName, MeasurementName, Side

Details: TypeAlias = Mapping[str, float | int | str]


#: Rows that only a page with room for them shows.
AT_LENGTH: Final = ("Voxels read", "Threshold", "Noise")


class SignalRow(NamedTuple):
    """One thing that is said about the signal."""

    title: str
    text: str

    @property
    def is_brief(self) -> bool:
        """Whether it belongs to a short report, too."""
        return self.title not in AT_LENGTH


def signal_rows(report: Report, side: Side) -> tuple[SignalRow, ...]:
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
        *_grade(report, side, found),
        *_of_raised(found, beyond),
        *_how(read, found),
        *_between_series(read),
    ]
    return tuple(SignalRow(title, text) for title, text in rows)


def _details(report: Report, side: Side, name: MeasurementName) -> Details:
    measurement = report.measured(name, side)
    return dict(measurement.details) if measurement else {}


def _grade(report: Report, side: Side, found: Details) -> Iterator[tuple[str, str]]:
    finding = report.finding(FindingName.QUADRATUS_FEMORIS_OEDEMA, side)
    if finding is None or finding.grade is None or "grade_probability" not in found:
        return
    text = f"{finding.grade} of 3, by thresholds that are not validated"
    low, high = found["grade_low"], found["grade_high"]
    if low != high:
        text += f"; {low} to {high} within the 95 % interval"
    yield "Measured grade", f"{text}; {_chance(float(found['grade_probability']))} that it is right"
    if finding.reader_grade is not None:
        agrees = "the same" if finding.agrees_with_reader else "another"
        yield "Reader's grade", f"{finding.reader_grade} of 3, {agrees} grade"


def _chance(probability: float) -> str:
    return f"{min(99, max(1, round(100 * probability)))} %"


def _of_raised(found: Details, beyond: Details) -> Iterator[tuple[str, str]]:
    if "raised_ratio" in found:
        yield "Raised region over reference", _interval(found, "raised_ratio", 2)
    if found.get("zone") == "throughout the muscle":
        yield "Place of the raised signal", "throughout the muscle"
    elif "zone" in found:
        level = float(found["level_above_space_mm"])
        yield (
            "Centre of the raised signal",
            f"{found['zone']}; {_interval(found, 'distance_from_space_mm', 1)} mm from the line of "
            f"the ischiofemoral space, {abs(level):.1f} mm {'above' if level >= 0 else 'below'} it",
        )
    if "raised_ratio" in found and "spread_beyond_muscle" in beyond:
        seen = beyond["spread_beyond_muscle"] == "yes"
        yield "Beyond the muscle", "raised signal goes on there" if seen else "none seen"


def _how(read: Details, found: Details) -> Iterator[tuple[str, str]]:
    if "n_reference_pixels" in read:
        yield (
            "Voxels read",
            f"{read['n_pixels']} of the muscle, {read['n_reference_pixels']} of the reference, "
            f"{_pixels(read['erosion_pixels'])} left out at every edge",
        )
    if "threshold_ratio" in found:
        yield (
            "Threshold",
            f"{float(found['threshold_ratio']):.2f} times the reference; "
            f"{_percent(found['fraction_above_threshold'])} of the voxels lie above, "
            f"{_percent(found['chance_fraction'])} would by chance",
        )
    if "shading_applied" in read:
        yield "Coil shading", _shading(read)
    if "snr" in read:
        floor = read["noise_floor_subtracted"] == "yes"
        yield (
            "Noise",
            f"signal of the reference {float(read['snr']):.0f} times the noise; noise floor "
            + ("taken off" if floor else "too low to matter"),
        )


def _pixels(n: float | int | str) -> str:
    return f"{n} pixel" if n == 1 else f"{n} pixels"


def _shading(read: Details) -> str:
    gain = 100 * (float(read["shading_gain"]) - 1)
    if read["shading_order"] == 0:
        return "no field fitted"
    field = (
        f"field of order {read['shading_order']}, {gain:+.1f} % at the muscle against the "
        f"reference (SD {100 * float(read['shading_gain_sd']):.1f} %)"
    )
    if read["shading_applied"] == "yes":
        return f"{field}, taken out; the ratio without that is {float(read['plain_ratio']):.2f}"
    return f"{field}, not worth its error and left; counted to the interval"


def _between_series(read: Details) -> Iterator[tuple[str, str]]:
    if "shift_x_mm" in read:
        yield "Shift from anatomy to this series", _shift(read)
    if "fat_over_muscle" in read:
        lost = read["fat_suppression_lost"] == "yes"
        yield (
            "Fat near the muscle",
            f"{_interval(read, 'fat_over_muscle', 1)} times as bright as muscle: "
            + ("suppression incomplete or lost" if lost else "suppressed"),
        )


def _shift(read: Details) -> str:
    if read["shift_beyond_search"] == "yes":
        return "none found within 6 mm"
    left, back = float(read["shift_x_mm"]), float(read["shift_y_mm"])
    sds = (float(read[f"shift_{way}_sd_mm"]) for way in ("right", "down"))
    told = "" if read["shift_significant"] == "yes" else ", not told from none"
    applied = "outlines moved" if read["shift_applied"] == "yes" else "outlines not moved"
    return (
        f"{abs(left):.1f} mm {'left' if left >= 0 else 'right'}, {abs(back):.1f} mm to the "
        f"{'back' if back >= 0 else 'front'} (SD {max(sds):.1f} mm){told}; {applied}"
    )


def _interval(found: Details, key: str, decimals: int) -> str:
    value, low, high = (
        f"{float(found[name]):.{decimals}f}" for name in (key, f"{key}_low", f"{key}_high")
    )
    return f"{value} ({low} to {high})"


def _percent(fraction: float | int | str) -> str:
    return f"{100 * float(fraction):.1f} %"
