"""What the rules look at: the numbers of one hip, the reader's own grade, age and position."""

from collections.abc import Sequence
from dataclasses import dataclass

from ifi_mri.config import CutoffProfile, SignalSettings
from ifi_mri.model import Measurement, NotMeasured
from ifi_mri.vocabulary import Answer, HipRotation, MeasurementName, Side


@dataclass(frozen=True)
class AssessedHip:
    """The numbers of one hip and everything else that a rule asks for.

    ``reader_grade`` is the oedema grade 0 to 3 that a reader gave by eye, None where none did;
    ``age_years`` is None where it is not known.
    """

    side: Side
    results: Sequence[Measurement | NotMeasured]
    profile: CutoffProfile
    signal: SignalSettings
    age_years: float | None = None
    hip_rotation: HipRotation = HipRotation.NOT_RECORDED
    hip_adduction: Answer = Answer.UNKNOWN
    reader_grade: int | None = None

    def result(self, name: MeasurementName) -> Measurement | NotMeasured:
        """Return a measurement of this hip, or why there is none."""
        for result in self.results:
            if result.name is name and result.side is self.side:
                return result
        return NotMeasured(name, self.side, "it was not asked for")
