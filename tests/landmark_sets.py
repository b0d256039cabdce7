"""Landmarks for the tests of landmark files: hand-built ones, and any at all."""

from hypothesis import strategies as st

from ifi_mri.landmarks.shapes import AREAS, AXES
from ifi_mri.model import Landmark, LandmarkSet
from ifi_mri.vocabulary import LandmarkName, Side

#: A left and a right hip on two slices with numbers that no rounding leaves alone.
IT_L = Landmark(LandmarkName.ISCHIAL_TUBEROSITY, Side.LEFT, ((58.493, 22.5461234567, 68.79),))
LT_L = Landmark(LandmarkName.LESSER_TROCHANTER, Side.LEFT, ((82.712, 12.783, 69.044),))
HAM_L = Landmark(LandmarkName.HAMSTRING_ORIGIN, Side.LEFT, ((72.946, 29.571, 68.484),))
IPS_L = Landmark(LandmarkName.ILIOPSOAS_TENDON, Side.LEFT, ((83.884, 14.344, 0.1 + 0.2),))
IT_R = Landmark(LandmarkName.ISCHIAL_TUBEROSITY, Side.RIGHT, ((-57.25, 21.5, 68.1),))
QF_L = Landmark(
    LandmarkName.QUADRATUS_FEMORIS,
    Side.LEFT,
    ((72.165, 25.667, 68.626), (87.79, 16.686, 68.886), (117.087, 21.367, 68.606)),
    closed=True,
)
CORTEX_R = Landmark(
    LandmarkName.LESSER_TROCHANTER,
    Side.RIGHT,
    ((-81.0, 11.0, 68.0), (-80.5, 12.5, 68.0), (-81.5, 14.0, 68.0)),
)
EXAMPLE = LandmarkSet((IT_L, LT_L, HAM_L, IPS_L, IT_R, QF_L, CORTEX_R))

coordinates = st.floats(-900, 900, allow_nan=False).filter(lambda x: x != 0)
points = st.tuples(coordinates, coordinates, coordinates)
uids = st.sampled_from([None, "1.2.840.1", "1.2.840.2"])


@st.composite
def landmarks(draw) -> Landmark:
    """Any landmark whose shape fits its structure."""
    name, side = draw(st.sampled_from(LandmarkName)), draw(st.sampled_from(Side))
    if name in AREAS:
        closed, fewest, most = True, 3, 5
    elif name in AXES:
        closed, fewest, most = False, 2, 4
    else:
        closed = draw(st.booleans())
        fewest, most = (3, 5) if closed else (1, 4)
    vertices = draw(st.lists(points, min_size=fewest, max_size=most))
    return Landmark(name, side, tuple(vertices), closed, draw(uids))


landmark_sets = st.builds(
    LandmarkSet,
    st.lists(landmarks(), min_size=1, max_size=6, unique_by=lambda mark: mark.points_mm).map(tuple),
)


def without_slices(landmark_set: LandmarkSet) -> list[Landmark]:
    """Return landmarks in a stable order, without the slices that some formats cannot name."""
    bare = [Landmark(m.name, m.side, m.points_mm, m.closed) for m in landmark_set.landmarks]
    return sorted(bare, key=lambda mark: (mark.name, mark.side, mark.points_mm))
