"""Coil shading: a smooth multiplicative field, fitted on muscle.

A receive coil multiplies the image by its sensitivity, which is smooth; in the logarithm it adds.
So log signal of muscle = level of its slice + a low-order polynomial of the place, the model
behind the classical retrospective corrections (Dawant et al., IEEE Trans Med Imaging 1993;12:770;
Vovk et al., IEEE Trans Med Imaging 2007;26:405).  It is fitted on blocks of pixels that look like
muscle, robustly (`ifi_mri.signal.field_fit`), quadratus femoris itself left out: oedema must not
pass for coil.

Where the fit would have to guess at quadratus femoris, a lower order is taken, down to none.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ifi_mri import geometry
from ifi_mri.signal.estimates import BoolArray, FloatArray, median
from ifi_mri.signal.field import Polynomial, terms_of
from ifi_mri.signal.field_fit import Blocks, Fit, IntArray, patches_of, robust_fit
from ifi_mri.signal.regions import CutOut
from ifi_mri.signal.settings import ShadingSettings
from ifi_mri.signal.tissues import Places

#: Blocks whose pixels vary more than this many times as much as those of the reference muscle hold
#: an edge.
UNEVEN: Final = 2.0

#: Margin in mm around quadratus femoris that takes no part in the fit.
SPARED_MM: Final = 3.0

#: A correction is worth its own error when it exceeds it by this factor (Akaike's criterion for one
#: parameter: chi-squared above 2).
WORTH_IT: Final = math.sqrt(2)

#: Least signal of which a logarithm is taken.
LEAST_LEVEL: Final = 1e-12

#: Pixels of quadratus femoris at which the leverage is looked at.
LEVERAGE_PIXELS: Final = 64


@dataclass(frozen=True, eq=False)
class Shading:
    """The field of one series around the regions.

    Attributes
    ----------
    field : ndarray of shape (slices, rows, columns)
        Sensitivity, 1 on average over the reference muscle; the same on every slice.
    order : int
        Order of the polynomial that was fitted; 0 means no field.
    gain : float
        Sensitivity at quadratus femoris over that at the reference: the factor by which the plain
        ratio is wrong.
    gain_sd : float
        Standard deviation of ``log(gain)``.
    is_applied : bool
        Whether ``gain`` (or ``also_gain``) differs from 1 by enough to be worth its own error; if
        not, ``field`` is 1 throughout.
    also_gain, also_gain_sd : float
        The same for the other structure, where one was named.
    n_blocks : int
        Blocks that the fit rests on.
    leverage : float
        Largest leverage of both in the fit.
    polynomial : Polynomial or None
        The fitted field; None where none was fitted.
    """

    field: FloatArray
    order: int = 0
    gain: float = 1.0
    gain_sd: float = 0.0
    is_applied: bool = False
    also_gain: float = 1.0
    also_gain_sd: float = 0.0
    n_blocks: int = 0
    leverage: float = 0.0
    polynomial: Polynomial | None = None

    @property
    def remaining_sd(self) -> float:
        """Standard deviation of log signal between quadratus femoris and reference that is left
        after the field: of its estimate, or where that is not applied of what it might be."""
        return self.gain_sd if self.is_applied else math.hypot(self.gain_sd, math.log(self.gain))

    @property
    def also_remaining_sd(self) -> float:
        """The same for the other structure."""
        unapplied = 0.0 if self.is_applied else math.log(self.also_gain)
        return math.hypot(self.also_gain_sd, unapplied)


def no_shading(shape: Sequence[int]) -> Shading:
    """Return an even field."""
    return Shading(_even(shape))


def _even(shape: Sequence[int]) -> FloatArray:
    return np.broadcast_to(np.float64(1), tuple(shape))


def fit_shading(
    around: CutOut,
    image: CutOut,
    muscle: BoolArray,
    reference: BoolArray,
    settings: ShadingSettings,
    *,
    shown: Places | None = None,
    also: BoolArray | None = None,
) -> Shading:
    """Return the shading field of a series around the regions.

    Parameters
    ----------
    around : CutOut
        The surroundings that hold the muscle to fit on.
    image : CutOut
        The part that holds the regions, on the same slices; the field is wanted there.
    muscle, reference : ndarrays of bool, shape of ``image``
        Quadratus femoris, which takes no part, and normal muscle, whose level the others are
        compared with.
    settings : ShadingSettings
    shown : Places, optional
        Where another series shows muscle; no other places are then looked at.  Without it only a
        plane is fitted: on fat-suppressed images marrow and badly suppressed fat pass for muscle
        and bend anything higher.
    also : ndarray of bool, shape of ``image``, optional
        Another structure whose signal is to be compared with the reference; takes no part.
    """
    shape = image.voxels.shape
    slices = _spread_out(np.flatnonzero(reference.any(axis=(1, 2))), settings.max_slices)
    if settings.order == 0 or not len(slices):
        return no_shading(shape)
    highest = settings.order if shown is not None else min(settings.order, 1)
    place = _place(reference, around, image, settings)
    spared = muscle if also is None else muscle | also
    blocks = _blocks(around, image, spared, reference, slices, place, settings, shown)
    regions = _regions(muscle, reference, also, place, highest)
    fields, fitted = [no_shading(shape)], None
    for order in range(1, highest + 1):
        fitted = robust_fit(blocks, order, settings, fitted)
        if fitted is None:
            break
        shading = _shading(fitted, regions, place, around.affine, shape)
        if shading.leverage > settings.max_leverage:
            break
        fields.append(shading)
    return _told_apart(fields, image.affine)


def _told_apart(fields: Sequence[Shading], affine: FloatArray) -> Shading:
    """Return the field of the highest order, laid out where it is worth its error on the cut-out of
    the regions.

    Half of what the last order changed counts to its uncertainty: the polynomial is a model.
    """
    best = fields[-1]
    if best.order == 0:
        return best
    lower = fields[-2] if best.order > 1 else best
    gain_sd, also_gain_sd = (
        math.hypot(sd, math.log(here / before) / 2)
        for sd, here, before in (
            (best.gain_sd, best.gain, lower.gain),
            (best.also_gain_sd, best.also_gain, lower.also_gain),
        )
    )
    is_applied = (
        abs(math.log(best.gain)) > WORTH_IT * gain_sd
        or abs(math.log(best.also_gain)) > WORTH_IT * also_gain_sd
    )
    field = best.field
    if is_applied and best.polynomial is not None:
        field = np.broadcast_to(best.polynomial.on(affine, field.shape[1:]), field.shape)
    return replace(
        best,
        field=field,
        is_applied=is_applied,
        gain_sd=gain_sd,
        also_gain_sd=also_gain_sd,
    )


def _spread_out(slices: IntArray, at_most: int) -> IntArray:
    """Return at most so many of the slices, evenly spread: the field is one for all."""
    if len(slices) <= at_most:
        return slices
    chosen = np.rint(np.linspace(0, len(slices) - 1, at_most)).astype(np.intp)
    return np.asarray(slices[chosen])


class _Place(NamedTuple):
    """Coordinates in which the polynomial is written: from ``middle_mm`` (along rows, along
    columns) in units of ``scale_mm``, so that the terms are of order one.  ``first`` is the row and
    column of the surroundings that the regions' cut-out begins at."""

    pixel_mm: tuple[float, float]
    middle_mm: tuple[float, float]
    scale_mm: float
    first: tuple[int, int]

    def coordinates(self, rows: FloatArray, columns: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the scaled place of pixels given by row and column of the surroundings."""
        v = (rows * self.pixel_mm[0] - self.middle_mm[0]) / self.scale_mm
        u = (columns * self.pixel_mm[1] - self.middle_mm[1]) / self.scale_mm
        return u, v


def _place(
    reference: BoolArray, around: CutOut, image: CutOut, settings: ShadingSettings
) -> _Place:
    first_row, first_column = (part.start for part in around.place_of(image)[1:])
    rows, columns = np.nonzero(reference.any(axis=0))
    row_mm, column_mm = image.pixel_mm
    middle = (
        (float(rows.mean()) + first_row) * row_mm,
        (float(columns.mean()) + first_column) * column_mm,
    )
    return _Place(image.pixel_mm, middle, settings.radius_mm, (first_row, first_column))


class _Weights(NamedTuple):
    """The pixels of a region in the plane: how much each counts over its slices (1 together), the
    polynomial's terms there, and their mean."""

    shares: FloatArray
    terms: FloatArray
    mean_terms: FloatArray


class _Regions(NamedTuple):
    """The regions in the plane; ``looked_at`` are terms, less those at the reference, at some
    pixels of all but the reference."""

    muscle: _Weights
    reference: _Weights
    also: _Weights | None
    looked_at: FloatArray


def _regions(
    muscle: BoolArray, reference: BoolArray, also: BoolArray | None, place: _Place, order: int
) -> _Regions:
    of_muscle, of_reference = (_weights(part, place, order) for part in (muscle, reference))
    of_also = None if also is None or not also.any() else _weights(also, place, order)
    terms = of_muscle.terms
    if of_also is not None:
        terms = np.concatenate([terms, of_also.terms])
    looked_at = terms[:: max(1, len(terms) // LEVERAGE_PIXELS)] - of_reference.mean_terms
    return _Regions(of_muscle, of_reference, of_also, looked_at)


def _weights(region: BoolArray, place: _Place, order: int) -> _Weights:
    n_voxels = region.sum(axis=0)
    row, column = np.nonzero(n_voxels)
    shares = n_voxels[row, column] / n_voxels.sum()
    u, v = place.coordinates(
        row.astype(np.float64) + place.first[0], column.astype(np.float64) + place.first[1]
    )
    terms = terms_of(u, v, order)
    return _Weights(shares, terms, (shares[:, None] * terms).sum(axis=0))


def _blocks(
    around: CutOut,
    image: CutOut,
    spared: BoolArray,
    reference: BoolArray,
    slices: IntArray,
    place: _Place,
    settings: ShadingSettings,
    shown: Places | None,
) -> Blocks:
    side = tuple(max(1, round(settings.block_mm / spacing)) for spacing in place.pixel_mm)
    levels = np.array([median(image.voxels[k][reference[k]]) for k in slices], dtype=np.float32)
    mean, spread = _mean_and_spread(around.voxels[slices], levels, side)
    of_reference, of_spared = (
        _block_share(mask[slices], side, place.first, mean.shape)
        for mask in (reference, _grown(spared, place.pixel_mm))
    )
    usual = median(spread[of_reference == 1]) if (of_reference == 1).any() else math.inf
    rows, columns = (
        (np.arange(n) + 0.5) * s - 0.5 for n, s in zip(mean.shape[1:], side, strict=True)
    )
    u, v = place.coordinates(rows[:, None], columns[None])
    chosen = (mean > 0) & (spread <= UNEVEN * usual + 1e-9) & (of_spared == 0)
    k, row, column = np.nonzero(chosen & (u * u + v * v <= 1))
    if shown is not None:
        centres = np.stack([slices[k], rows[row], columns[column]], axis=-1)
        kept = shown.throughout(around.affine, centres, [n / 3 for n in side])
        kept |= of_reference[k, row, column] == 1
        k, row, column = k[kept], row[kept], column[kept]
    u, v = u[0, column], v[row, 0]
    return Blocks(
        np.log(mean[k, row, column]),
        u,
        v,
        k,
        patches_of(u, v, place.scale_mm),
        np.log(np.maximum(levels, LEAST_LEVEL)),
    )


def _mean_and_spread(
    stack: npt.NDArray[np.floating], levels: npt.NDArray[np.float32], side: tuple[int, ...]
) -> tuple[FloatArray, npt.NDArray[np.float32]]:
    """Return means and standard deviations over blocks of rows and columns.  Seven digits are
    enough for what is off the ``levels`` of the slices; no comparison holds for blocks with values
    that are no finite numbers, or whose squares are none: such take no part."""
    with np.errstate(over="ignore", invalid="ignore"):
        off = stack.astype(np.float32, copy=False) - levels[:, None, None]
        mean = _block_mean(off, side)
        spread = np.sqrt(np.maximum(_block_mean(off * off, side) - mean * mean, 0))
    return mean.astype(np.float64) + levels[:, None, None], spread


def _block_mean(stack: npt.NDArray[np.float32], side: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Return means over blocks of rows and columns; what does not fill a block is left out."""
    _, n_rows, n_columns = stack.shape
    whole = stack[:, : n_rows // side[0] * side[0], : n_columns // side[1] * side[1]]
    of_rows = whole[:, :: side[0]].copy()
    for row in range(1, side[0]):
        of_rows += whole[:, row :: side[0]]
    sums = of_rows[:, :, :: side[1]].copy()
    for column in range(1, side[1]):
        sums += of_rows[:, :, column :: side[1]]
    return sums / np.float32(math.prod(side))


def _block_share(
    mask: BoolArray, side: tuple[int, ...], first: tuple[int, int], shape: tuple[int, ...]
) -> FloatArray:
    """Return the share of each block, of as many as ``shape`` says, that a mask covers whose first
    pixel is ``first``."""
    k, row, column = np.nonzero(mask)
    row, column = (row + first[0]) // side[0], (column + first[1]) // side[1]
    inside = (row < shape[1]) & (column < shape[2])
    at = np.ravel_multi_index((k[inside], row[inside], column[inside]), shape)
    n_pixels = np.bincount(at, minlength=math.prod(shape)).reshape(shape)
    return np.asarray(n_pixels / math.prod(side))


def _grown(mask: BoolArray, pixel_mm: tuple[float, float]) -> BoolArray:
    """Return a mask (slices, rows, columns) grown in the plane by `SPARED_MM`."""
    for axis, spacing in enumerate(pixel_mm, start=1):
        here = np.moveaxis(mask, axis, -1)
        mask = mask.copy()
        grown = np.moveaxis(mask, axis, -1)
        for step in range(1, math.ceil(SPARED_MM / spacing) + 1):
            grown[..., step:] |= here[..., :-step]
            grown[..., :-step] |= here[..., step:]
    return mask


def _shading(
    fitted: Fit, regions: _Regions, place: _Place, affine: FloatArray, shape: Sequence[int]
) -> Shading:
    """Return what the fitted field means for the regions, not yet laid out on their cut-out of that
    ``shape``; ``affine`` is that of the surroundings."""
    n_terms = len(fitted.polynomial)
    looked_at = regions.looked_at[:, :n_terms]

    def mean_over(region: _Weights) -> float:
        # not by matrix product: so long and thin, BLAS would wake its threads for it
        exponent = np.einsum("pk,k->p", region.terms[:, :n_terms], fitted.polynomial)
        return float((region.shares * np.exp(exponent)).sum())

    mean = mean_over(regions.reference)

    def gain_at(region: _Weights) -> tuple[float, float]:
        """Mean sensitivity over that at the reference, and the SD of its logarithm."""
        apart = (region.mean_terms - regions.reference.mean_terms)[:n_terms]
        variance = float(apart @ fitted.covariance @ apart)
        return mean_over(region) / mean, math.sqrt(max(0.0, variance))

    gain, gain_sd = gain_at(regions.muscle)
    also_gain, also_gain_sd = (1.0, 0.0) if regions.also is None else gain_at(regions.also)
    return Shading(
        field=_even(shape),
        order=fitted.order,
        gain=gain,
        gain_sd=gain_sd,
        also_gain=also_gain,
        also_gain_sd=also_gain_sd,
        n_blocks=fitted.n_blocks,
        leverage=float(((looked_at @ fitted.inverse) * looked_at).sum(axis=1).max()),
        polynomial=_polynomial(fitted, place, affine, mean),
    )


def _polynomial(fitted: Fit, place: _Place, affine: FloatArray, mean: float) -> Polynomial:
    """Return the fitted field with its origin in the patient."""
    middle = [mm / spacing for mm, spacing in zip(place.middle_mm, place.pixel_mm, strict=True)]
    x, y, z = (float(value) for value in geometry.voxel_to_patient(affine, (0.0, *middle)))
    coefficients = tuple(float(value) for value in fitted.polynomial)
    return Polynomial((x, y, z), place.scale_mm, coefficients, math.log(mean))
