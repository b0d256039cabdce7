"""The sequences that the phantom is scanned with: names, times, how bright tissues are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ifi_mri.phantom.signal import FLUID, T1, Signals, Tissue

#: Of the synthetic scanner.
FIELD_STRENGTH_T: Final = 1.5
MANUFACTURER: Final = "SYNTHETIC"
MODEL: Final = "ifi_mri phantom"


@dataclass(frozen=True)
class Protocol:
    """One sequence as a scanner would name and time it.

    ``fluid_sensitive`` series show oedema; ``septa`` is by what fraction the septa in fat are
    brighter than fat.
    """

    name: str
    number: int
    description: str
    signals: Signals
    repetition_time_ms: float
    echo_time_ms: float
    inversion_time_ms: float | None = None
    echo_train_length: int = 5
    scanning_sequence: tuple[str, ...] = ("SE",)
    scan_options: tuple[str, ...] = ()
    sequence_name: str = "*tse2d1_5"
    image_type: tuple[str, ...] = ("ORIGINAL", "PRIMARY", "M", "ND", "NORM")
    flip_angle_deg: float = 150.0
    septa: float = -0.2
    fluid_sensitive: bool = False

    @property
    def muscle(self) -> float:
        """Signal of normal muscle, to which the noise is scaled."""
        return self.signals[Tissue.MUSCLE]


LOCALIZER: Final = Protocol(
    "localizer", 1, "LOCALIZER", T1,
    repetition_time_ms=7.0, echo_time_ms=3.0, echo_train_length=1,
    scanning_sequence=("GR",), sequence_name="*fl2d1",
    image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"), flip_angle_deg=20.0,
)  # fmt: skip

CORONAL: Final = Protocol(
    "coronal", 2, "COR T1 TSE", T1, repetition_time_ms=560.0, echo_time_ms=12.0
)

#: Times of the anatomy and fat-suppressed series after published protocols (evidence document,
#: section 8): T1 598 / 13 and 450 / 11 ms, fat-suppressed T2 3200 / 65 ms, STIR 5266 / 42 ms.
ANATOMY: Final = Protocol(
    "anatomy", 3, "AX T1 TSE", T1, repetition_time_ms=598.0, echo_time_ms=13.0
)

STIR: Final = Protocol(
    "fluid_sensitive", 4, "AX STIR", FLUID,
    repetition_time_ms=5266.0, echo_time_ms=42.0, inversion_time_ms=160.0, echo_train_length=15,
    scanning_sequence=("SE", "IR"), sequence_name="*tir2d1_15", septa=0.4, fluid_sensitive=True,
)  # fmt: skip

T2_FS: Final = Protocol(
    "fluid_sensitive", 4, "AX T2 TSE FS", FLUID,
    repetition_time_ms=3200.0, echo_time_ms=65.0, echo_train_length=13,
    scan_options=("FS",), sequence_name="*tse2d1_13", septa=0.4, fluid_sensitive=True,
)  # fmt: skip

FLUID_SEQUENCES: Final[Mapping[str, Protocol]] = {"stir": STIR, "t2_fs": T2_FS}
