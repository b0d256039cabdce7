"""Everything about the signal of one quadratus femoris, from volumes and outlines.

The one door of this room: regions, shading, ratio, oedema, place, spread, fat suppression, shift
and grade in the order in which they are taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ifi_mri.model import Landmark, Volume
from ifi_mri.signal.estimates import Estimate
from ifi_mri.signal.fat import MARGIN_MM, FatSuppression, fat_suppression
from ifi_mri.signal.grade import Judgement, judge
from ifi_mri.signal.oedema import Oedema, measure_oedema
from ifi_mri.signal.place import Place, Spread, place_of, spread_beyond
from ifi_mri.signal.regions import (
    CutOut,
    NotAssessable,
    Region,
    common_slices,
    cut_outs,
    moved,
    region,
    vertices_mm,
)
from ifi_mri.signal.relative import RelativeSignal, median_ratio, plain_ratio, relative_signal
from ifi_mri.signal.settings import MuscleSignalSettings, RegionSettings
from ifi_mri.signal.shading import Shading, fit_shading
from ifi_mri.signal.shift import Shift, in_plane_shift
from ifi_mri.signal.tissues import Tissues, tissues


@dataclass(frozen=True, eq=False)
class MuscleSignal:
    """Signal of one quadratus femoris on the fluid-sensitive series.

    Attributes
    ----------
    image : CutOut
        The part of the series that was looked at.
    muscle, reference : Region
        On the compared slices alone.
    slices : tuple of int
        Those slices, counted in the volume.
    ratio : Estimate
        Median ratio of quadratus femoris to reference muscle, field and noise floor taken out.
    plain_ratio : float
        The same with nothing taken out.
    relative : RelativeSignal
    shading : Shading
    oedema : Oedema
    judgement : Judgement
    place : Place or None
        None without raised signal, or without the line of the ischiofemoral space.
    spread : Spread
    shift : Shift or None
        None without the anatomy series.
    moved_mm : tuple of 3 floats or None
        By what the outlines were moved; None where they stayed.
    suppression : FatSuppression or None
        None where no fat is known near the regions.
    """

    image: CutOut
    muscle: Region
    reference: Region
    slices: tuple[int, ...]
    ratio: Estimate
    plain_ratio: float
    relative: RelativeSignal
    shading: Shading
    oedema: Oedema
    judgement: Judgement
    place: Place | None
    spread: Spread
    shift: Shift | None
    moved_mm: tuple[float, float, float] | None
    suppression: FatSuppression | None


def muscle_signal(
    fluid: Volume,
    quadratus: Sequence[Landmark],
    reference: Sequence[Landmark],
    settings: MuscleSignalSettings | None = None,
    *,
    anatomy: Volume | None = None,
    fat: Sequence[Landmark] = (),
    space_line_mm: npt.ArrayLike | None = None,
) -> MuscleSignal:
    """Return the signal of quadratus femoris on the fluid-sensitive series.

    Parameters
    ----------
    fluid : Volume
        Fat-suppressed; the caller answers for that.
    quadratus, reference : sequences of Landmark
        Closed outlines in the shared frame of reference, on one or many slices.
    settings : MuscleSignalSettings or None
        None means the defaults.
    anatomy : Volume or None
        Without fat suppression, in the same frame of reference, the same slices.  Shows where
        muscle and fat are and whether the patient moved; without it the field is a plane and
        neither fat suppression (but by ``fat``) nor shift is judged.
    fat : sequence of Landmark
        Outlines of subcutaneous fat.
    space_line_mm : array_like of shape (2, 3) or None
        The ischiofemoral space on its narrowest slice, ischial end first.

    Raises
    ------
    NotAssessable
        With the reason, where no signal can be measured.
    """
    settings = settings or MuscleSignalSettings()
    _refuse_unmarked(quadratus, reference)
    shift = _shift(anatomy, fluid, (*quadratus, *reference), settings)
    shown = _tissues(anatomy, reference, settings)
    moved_mm = None
    if shift is not None and settings.regions.apply_shift and shift.is_significant:
        moved_mm = shift.vector_mm
        quadratus, reference, fat = (moved(part, moved_mm) for part in (quadratus, reference, fat))
    points = vertices_mm((*quadratus, *reference, *fat))
    image, around = cut_outs(fluid, points, (MARGIN_MM, settings.shading.radius_mm))
    muscle = region("quadratus_femoris", quadratus, image, settings.regions)
    normal = region("reference_muscle", reference, image, settings.regions)
    slices = common_slices(muscle, normal, settings.regions)
    muscle, normal = muscle.on(slices), normal.on(slices)
    _refuse_no_numbers(image, muscle, normal)
    shading = fit_shading(
        around,
        image,
        muscle.whole,
        normal.inner,
        settings.shading,
        shown=shown.muscle if shown else None,
    )
    relative = relative_signal(image, normal, slices, shading, settings.noise)
    ratio = median_ratio(relative, muscle, image.pixel_mm, settings.noise)
    _refuse_dark(ratio, settings.regions)
    oedema = measure_oedema(image, relative, muscle, normal, settings.oedema, settings.noise)
    line = None if space_line_mm is None else np.asarray(space_line_mm) + (moved_mm or 0.0)
    outlined = region("subcutaneous_fat", fat, image, settings.regions).inner if fat else None
    return MuscleSignal(
        image=image,
        muscle=muscle,
        reference=normal,
        slices=tuple(image.first[0] + k for k in slices),
        ratio=ratio,
        plain_ratio=plain_ratio(image, muscle, normal, slices),
        relative=relative,
        shading=shading,
        oedema=oedema,
        judgement=judge(
            oedema.extent, oedema.ratio.value if oedema.ratio else 1.0, settings.oedema
        ),
        place=None
        if line is None
        else place_of(oedema, muscle, relative.correlation, line, settings.place),
        spread=spread_beyond(image, relative, muscle, oedema, settings.oedema, line),
        shift=shift,
        moved_mm=moved_mm,
        suppression=fat_suppression(image, relative, shown, outlined, settings.fat),
    )


def _refuse_unmarked(quadratus: Sequence[Landmark], reference: Sequence[Landmark]) -> None:
    for name, outlines in (("quadratus_femoris", quadratus), ("reference_muscle", reference)):
        if not outlines:
            raise NotAssessable(f"no {name} outline")


def _shift(
    anatomy: Volume | None,
    fluid: Volume,
    outlines: Sequence[Landmark],
    settings: MuscleSignalSettings,
) -> Shift | None:
    """Return the shift between the series, or None where it cannot be told."""
    if anatomy is None:
        return None
    try:
        return in_plane_shift(anatomy, fluid, vertices_mm(outlines), settings.shift)
    except NotAssessable:
        return None


def _tissues(
    anatomy: Volume | None, reference: Sequence[Landmark], settings: MuscleSignalSettings
) -> Tissues | None:
    """Return what the anatomy series shows, or None where it cannot be used."""
    if anatomy is None:
        return None
    try:
        return tissues(anatomy, reference, settings.shading.radius_mm, settings.regions)
    except NotAssessable:
        return None


def _refuse_no_numbers(image: CutOut, muscle: Region, reference: Region) -> None:
    if not all(np.isfinite(image.voxels[part.inner]).all() for part in (muscle, reference)):
        raise NotAssessable("the outlined regions hold values that are no finite numbers")


def _refuse_dark(ratio: Estimate, settings: RegionSettings) -> None:
    """Refuse regions of which the first is too dark for muscle beside the second: what holds no
    muscle signal shows no oedema, and says nothing about its absence."""
    if ratio.value < settings.darkest_ratio:
        raise NotAssessable(
            f"the outlined quadratus_femoris is {ratio.value:.2f} times as bright as the "
            f"reference_muscle, at least {settings.darkest_ratio:g} was expected of muscle: it may "
            "be fat, a loss of signal or another structure, or the reference is not normal muscle"
        )
