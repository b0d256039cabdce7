"""What lies around the measured hip in an axial image at the level of the ischiofemoral space.

Drawn so that the phantom reads as a pelvis: shapes and places are sketched after the anatomy, no
measurement depends on them but for gluteus maximus, which holds the reference muscle outline.
Coordinates as in `ifi_mri.phantom.hip`.
"""

from typing import Final, NamedTuple

from ifi_mri.phantom.shapes import Bean, Core, Path
from ifi_mri.phantom.signal import Tissue


class Muscle(NamedTuple):
    """A muscle, and by how many mm its edge moves out for each mm towards the head."""

    name: str
    shape: Bean
    growth: float = 0.0


class Part(NamedTuple):
    """A structure of one tissue: a core grown by a radius."""

    tissue: Tissue
    core: Core
    radius: float


BODY: Final = Bean(0, 9, 177, 112, squareness=0.45)

#: Superficial fascia runs this deep under the skin.
FASCIA_DEPTH_MM: Final = 11.0

GLUTEUS_MAXIMUS: Final = Bean(84, 78, 66, 17, angle_deg=-27, bend=-13, taper=-0.15)

#: Where a reader would draw normal muscle: inside gluteus maximus, clear of its streaks of fat.
REFERENCE: Final = Bean(84, 78, 15, 8.5, angle_deg=-27)

MUSCLES: Final = (
    Muscle("gluteus maximus", GLUTEUS_MAXIMUS, 0.04),
    Muscle("obturator internus", Bean(33, 36, 21, 8, angle_deg=75, bend=5), 0.08),
    Muscle("adductor magnus", Bean(46, 8, 18, 13, angle_deg=30), -0.06),
    Muscle("adductor brevis", Bean(40, -18, 19, 11, angle_deg=25), -0.04),
    Muscle("adductor longus", Bean(40, -46, 19, 10, angle_deg=15), -0.03),
    Muscle("gracilis", Bean(15, -14, 15, 4, angle_deg=80), -0.04),
    Muscle("obturator externus", Bean(70, 1, 24, 13, angle_deg=25, bend=-3), 0.06),
    Muscle("pectineus", Bean(66, -34, 25, 13, angle_deg=28), 0.05),
    Muscle("iliopsoas", Bean(96, -26, 17, 13, angle_deg=40), 0.04),
    Muscle("vastus intermedius", Bean(116, -14, 20, 9, angle_deg=20, bend=6), -0.06),
    Muscle("vastus lateralis", Bean(136, 4, 33, 12, angle_deg=82, bend=-8), -0.05),
    Muscle("rectus femoris", Bean(116, -52, 17, 12, angle_deg=15), -0.02),
    Muscle("sartorius", Bean(90, -72, 17, 7, angle_deg=-12, bend=3)),
    Muscle("tensor fasciae latae", Bean(143, -42, 20, 9, angle_deg=55, bend=-3), 0.03),
)


def _streaks() -> tuple[Part, ...]:
    """Return the streaks of fat between the coarse bundles of gluteus maximus."""
    lean = 0.09
    stations = (-0.88, -0.74, -0.55, -0.34, 0.31, 0.48, 0.62, 0.85)
    return tuple(
        Part(
            Tissue.FAT,
            Path(
                (
                    GLUTEUS_MAXIMUS.at(along - lean, -0.55),
                    GLUTEUS_MAXIMUS.at(along, 0.05),
                    GLUTEUS_MAXIMUS.at(along + lean, 0.6),
                )
            ),
            0.25,
        )
        for along in stations
    )


SMALL: Final = (
    *_streaks(),
    Part(Tissue.FLOW_VOID, Path(((78.0, -57.0),)), 3.8),
    Part(Tissue.VEIN, Path(((68.0, -56.0),)), 4.8),
    Part(Tissue.FLOW_VOID, Path(((88.0, -50.0),)), 2.2),
    Part(Tissue.VEIN, Path(((56.0, 74.0), (59.0, 74.5))), 1.5),
    Part(
        Tissue.TENDON,
        Path(((149.0, -24.0), (151.0, -6.0), (149.5, 14.0), (143.0, 34.0), (138.0, 46.0))),
        0.7,
    ),
)

RAMUS: Final = Path(((12.0, -36.0), (23.0, -9.0), (31.0, 12.0)))
RAMUS_RADIUS: Final = 5.5

MIDLINE: Final = (
    Part(Tissue.MUSCLE, Path(((0.0, 52.0),)), 14.0),
    Part(Tissue.MUCOSA, Path(((-3.0, 52.0), (3.0, 52.0))), 5.0),
    Part(Tissue.BOWEL, Path(((-3.0, 52.0), (3.0, 52.0))), 3.0),
    Part(Tissue.MUSCLE, Path(((-6.0, 18.0), (6.0, 18.0))), 9.0),
    Part(Tissue.MUCOSA, Path(((-6.0, 22.0), (0.0, 20.0), (6.0, 22.0))), 1.6),
    Part(Tissue.MUCOSA, Path(((0.0, 10.0),)), 3.0),
    Part(Tissue.SKIN, Path(((-6.0, 130.0), (6.0, 130.0), (0.0, 96.0)), closed=True), 2.0),
    Part(Tissue.AIR, Path(((-6.0, 130.0), (6.0, 130.0), (0.0, 98.0)), closed=True), 0.0),
)
