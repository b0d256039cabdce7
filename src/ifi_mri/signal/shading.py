"""Coil shading: a smooth multiplicative field, fitted on muscle.

A receive coil multiplies the image by its sensitivity, which is smooth; in the logarithm it adds.
So log signal of muscle = level of its slice + a low-order polynomial of the place, the model
behind the classical retrospective corrections (Dawant et al., IEEE Trans Med Imaging 1993;12:770;
Vovk et al., IEEE Trans Med Imaging 2007;26:405).  It is fitted on blocks of pixels that look like
muscle, robustly (Tukey's biweight), quadratus femoris itself left out: oedema must not pass for
coil.  Blocks close together share their anatomy, so the field's uncertainty is taken from the
scatter of patches of them (clustered sandwich, Liang and Zeger, Biometrika 1986;73:13).

Where the fit would have to guess at quadratus femoris, a lower order is taken, down to none.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ifi_mri import geometry
from ifi_mri.signal.estimates import BoolArray, FloatArray, robust_spread
from ifi_mri.signal.field import Polynomial, terms_of
from ifi_mri.signal.regions import CutOut
from ifi_mri.signal.settings import ShadingSettings

IntArray = npt.NDArray[np.intp]

#: Cut of Tukey's biweight, in spreads: 95 % efficient on normal data.
TUKEY_CUT: Final = 4.685

#: Side in mm of the patches whose scatter gives the uncertainty: about one muscle.
PATCH_MM: Final = 20.0

#: Rounds of re-weighting; the weights settle in about five.
ROUNDS: Final = 8

#: Blocks whose pixels vary more than this many times as much as those of the reference muscle hold
#: an edge.
UNEVEN: Final = 2.0

#: Margin in mm around quadratus femoris that takes no part in the fit.
SPARED_MM: Final = 3.0

#: Least spread of log signal that residuals are weighed by, for perfect synthetic images.
LEAST_SPREAD: Final = 1e-3

#: Fewest blocks for each unknown.
BLOCKS_PER_UNKNOWN: Final = 8

#: A correction is worth its own error when it exceeds it by this factor (Akaike's criterion for one
#: parameter: chi-squared above 2).
WORTH_IT: Final = math.sqrt(2)

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
    return Shading(np.ones(tuple(shape)))


def fit_shading(
    around: CutOut,
    image: CutOut,
    muscle: BoolArray,
    reference: BoolArray,
    settings: ShadingSettings,
    *,
    is_muscle: Callable[[FloatArray], BoolArray] | None = None,
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
    is_muscle : callable, optional
        Says of patient positions, shape (..., 3), whether another series shows muscle there; no
        other places are then looked at.  Without it only a plane is fitted: on fat-suppressed
        images marrow and badly suppressed fat pass for muscle and bend anything higher.
    also : ndarray of bool, shape of ``image``, optional
        Another structure whose signal is to be compared with the reference; takes no part.
    """
    shape = image.voxels.shape
    slices = _spread_out(np.flatnonzero(reference.any(axis=(1, 2))), settings.max_slices)
    if settings.order == 0 or not len(slices):
        return no_shading(shape)
    box = around.place_of(image)[1:]
    place = _place(reference, image, box, settings)
    spared = muscle if also is None else muscle | also
    blocks = _blocks(around, image, spared, reference, slices, place, settings, is_muscle)
    highest = settings.order if is_muscle is not None else min(settings.order, 1)
    fields = [no_shading(shape)]
    for order in range(1, highest + 1):
        fitted = _fit(blocks, order, settings)
        if fitted is None:
            break
        shading = _shading(fitted, place, box, muscle, reference, also, around.affine)
        if shading.leverage > settings.max_leverage:
            break
        fields.append(shading)
    return _told_apart(fields)


def _told_apart(fields: Sequence[Shading]) -> Shading:
    """Return the field of the highest order, evened out again where it is not worth its error.

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
    return replace(
        best,
        field=best.field if is_applied else np.ones_like(best.field),
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
    columns) in units of ``scale_mm``, so that the terms are of order one."""

    pixel_mm: tuple[float, float]
    middle_mm: tuple[float, float]
    scale_mm: float

    def coordinates(self, rows: FloatArray, columns: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the scaled place of pixels given by row and column."""
        v = (rows * self.pixel_mm[0] - self.middle_mm[0]) / self.scale_mm
        u = (columns * self.pixel_mm[1] - self.middle_mm[1]) / self.scale_mm
        return u, v


def _place(
    reference: BoolArray, image: CutOut, box: tuple[slice, ...], settings: ShadingSettings
) -> _Place:
    rows, columns = np.nonzero(reference.any(axis=0))
    row_mm, column_mm = image.pixel_mm
    middle = (
        (float(rows.mean()) + box[0].start) * row_mm,
        (float(columns.mean()) + box[1].start) * column_mm,
    )
    return _Place(image.pixel_mm, middle, settings.radius_mm)


class _Blocks(NamedTuple):
    """Even blocks of pixels that may be muscle, one entry each.

    ``slice_of`` counts the slices that take part; ``levels`` holds log signal of the reference on
    each.
    """

    log_signal: FloatArray
    u: FloatArray
    v: FloatArray
    slice_of: IntArray
    levels: FloatArray
    scale_mm: float


def _blocks(
    around: CutOut,
    image: CutOut,
    spared: BoolArray,
    reference: BoolArray,
    slices: IntArray,
    place: _Place,
    settings: ShadingSettings,
    is_muscle: Callable[[FloatArray], BoolArray] | None,
) -> _Blocks:
    side = tuple(max(1, round(settings.block_mm / spacing)) for spacing in place.pixel_mm)
    stack = around.voxels[slices].astype(np.float64)
    stack[~np.isfinite(stack)] = np.nan  # no comparison holds: such blocks take no part
    mean = _block_mean(stack, side)
    spread = np.sqrt(np.maximum(_block_mean(stack * stack, side) - mean * mean, 0))
    box = around.place_of(image)[1:]

    def share(mask: BoolArray) -> FloatArray:
        """Share of each block that a mask of the smaller cut-out covers."""
        full = np.zeros(stack.shape, dtype=np.bool_)
        full[:, box[0], box[1]] = mask[slices]
        return _block_mean(full, side)

    of_reference = share(reference) == 1
    usual = float(np.median(spread[of_reference])) if of_reference.any() else math.inf
    rows, columns = (
        (np.arange(n) + 0.5) * s - 0.5 for n, s in zip(mean.shape[1:], side, strict=True)
    )
    u, v = place.coordinates(rows[:, None], columns[None])
    chosen = (mean > 0) & (spread <= UNEVEN * usual + 1e-9) & (np.hypot(u, v) <= 1)
    chosen &= share(_grown(spared, place.pixel_mm)) == 0
    if is_muscle is not None:
        index = np.stack(
            np.broadcast_arrays(slices[:, None, None], rows[:, None], columns), axis=-1
        )
        shown = _all_muscle(is_muscle, around, index[chosen], side)
        chosen[chosen] = shown | of_reference[chosen]
    where = np.nonzero(chosen)
    levels = np.array([_log_median(image.voxels[k][reference[k]]) for k in slices])
    return _Blocks(
        np.log(mean[where]),
        np.broadcast_to(u, mean.shape)[where],
        np.broadcast_to(v, mean.shape)[where],
        where[0],
        levels,
        place.scale_mm,
    )


def _all_muscle(
    is_muscle: Callable[[FloatArray], BoolArray],
    around: CutOut,
    centres: FloatArray,
    side: tuple[int, ...],
) -> BoolArray:
    """Return whether blocks given by their centres (slice, row, column) are muscle at the centre
    and towards all four corners."""
    corners = np.array([(0, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)]) / 3
    offsets = np.concatenate([np.zeros((5, 1)), corners * side], axis=1)
    points = geometry.voxel_to_patient(around.affine, centres[:, None] + offsets)
    return np.asarray(is_muscle(points).all(axis=1))


def _log_median(values: FloatArray) -> float:
    return math.log(max(float(np.median(values)), 1e-12))


def _block_mean(stack: FloatArray | BoolArray, side: tuple[int, ...]) -> FloatArray:
    """Return means over blocks of rows and columns; what does not fill a block is left out."""
    _, n_rows, n_columns = stack.shape
    whole = stack[:, : n_rows // side[0] * side[0], : n_columns // side[1] * side[1]]
    sums = np.zeros((len(stack), n_rows // side[0], n_columns // side[1]))
    for row in range(side[0]):
        for column in range(side[1]):
            sums += whole[:, row :: side[0], column :: side[1]]
    return sums / math.prod(side)


def _grown(mask: BoolArray, pixel_mm: tuple[float, float]) -> BoolArray:
    """Return a mask grown in the plane by `SPARED_MM`."""
    rows, columns = (2 * math.ceil(SPARED_MM / spacing) + 1 for spacing in pixel_mm)
    return np.asarray(ndimage.maximum_filter(mask, size=(1, rows, columns)))


class _Fit(NamedTuple):
    """Polynomial of log signal, with its block of the inverse normal matrix and its covariance."""

    order: int
    polynomial: FloatArray
    inverse: FloatArray
    covariance: FloatArray
    n_blocks: int


def _fit(blocks: _Blocks, order: int, settings: ShadingSettings) -> _Fit | None:
    """Return the robust fit, or None where there are too few blocks.

    In every round blocks further from the present field than the gate do not count.
    """
    terms = terms_of(blocks.u, blocks.v, order)
    n_slices, n_terms = len(blocks.levels), terms.shape[1]
    design = np.concatenate([np.eye(n_slices)[blocks.slice_of], terms], axis=1)
    solution = np.concatenate([blocks.levels, np.zeros(n_terms)])
    for _ in range(ROUNDS):
        residual = blocks.log_signal - design @ solution
        inside = np.abs(residual) < math.log(settings.gate)
        if inside.sum() < BLOCKS_PER_UNKNOWN * (n_slices + n_terms):
            return None
        spread = max(robust_spread(residual[inside]), LEAST_SPREAD)
        weights = np.clip(1 - (residual / (TUKEY_CUT * spread)) ** 2, 0, None) ** 2 * inside
        weighted = weights[:, None] * design
        inverse = np.linalg.pinv(design.T @ weighted, hermitian=True)
        solution = inverse @ (weighted.T @ blocks.log_signal)
    scores = weighted * (blocks.log_signal - design @ solution)[:, None]
    covariance = _clustered(scores, inverse, blocks, n_terms)
    of_terms = np.s_[n_slices:, n_slices:]
    return _Fit(
        order,
        solution[n_slices:],
        inverse[of_terms],
        covariance[of_terms],
        int((weights > 0).sum()),
    )


def _clustered(
    scores: FloatArray, inverse: FloatArray, blocks: _Blocks, n_terms: int
) -> FloatArray:
    """Return the covariance of the coefficients when blocks of one patch err together."""
    patch = np.stack([blocks.u, blocks.v], axis=1) * (blocks.scale_mm / PATCH_MM)
    _, patch_of = np.unique(np.floor(patch).astype(int), axis=0, return_inverse=True)
    n_patches = int(patch_of.max()) + 1
    sums = np.zeros((n_patches, scores.shape[1]))
    np.add.at(sums, patch_of.ravel(), scores)
    few = n_patches / max(1, n_patches - n_terms)
    return np.asarray(few * inverse @ (sums.T @ sums) @ inverse)


def _shading(
    fitted: _Fit,
    place: _Place,
    box: tuple[slice, ...],
    muscle: BoolArray,
    reference: BoolArray,
    also: BoolArray | None,
    affine: FloatArray,
) -> Shading:
    """Return the field over the regions' cut-out, and what it means for them; ``affine`` is that of
    the surroundings, whose rows and columns ``place`` and ``box`` count."""
    rows, columns = (np.arange(part.start, part.stop, dtype=np.float64) for part in box)
    u, v = np.broadcast_arrays(*place.coordinates(rows[:, None], columns[None]))
    terms = terms_of(u, v, fitted.order)
    plane = np.exp(terms @ fitted.polynomial)
    at_reference = reference.sum(axis=0)
    mean = float(np.average(plane, weights=at_reference))
    plane = plane / mean
    origin = np.average(terms, axis=(0, 1), weights=at_reference)

    def gain_at(mask: BoolArray) -> tuple[float, float]:
        """Mean sensitivity over that at the reference, and the SD of its logarithm."""
        weights = mask.sum(axis=0)
        apart = np.average(terms, axis=(0, 1), weights=weights) - origin
        variance = float(apart @ fitted.covariance @ apart)
        return float(np.average(plane, weights=weights)), math.sqrt(max(0.0, variance))

    wanted = muscle if also is None else muscle | also
    there = terms[wanted.any(axis=0)]
    there = there[:: max(1, len(there) // LEVERAGE_PIXELS)] - origin
    gain, gain_sd = gain_at(muscle)
    also_gain, also_gain_sd = (1.0, 0.0) if also is None or not also.any() else gain_at(also)
    return Shading(
        field=np.broadcast_to(plane, muscle.shape),
        order=fitted.order,
        gain=gain,
        gain_sd=gain_sd,
        also_gain=also_gain,
        also_gain_sd=also_gain_sd,
        n_blocks=fitted.n_blocks,
        leverage=float(np.einsum("ij,jk,ik->i", there, fitted.inverse, there).max()),
        polynomial=_polynomial(fitted, place, affine, mean),
    )


def _polynomial(fitted: _Fit, place: _Place, affine: FloatArray, mean: float) -> Polynomial:
    """Return the fitted field with its origin in the patient."""
    middle = [mm / spacing for mm, spacing in zip(place.middle_mm, place.pixel_mm, strict=True)]
    x, y, z = (float(value) for value in geometry.voxel_to_patient(affine, (0.0, *middle)))
    coefficients = tuple(float(value) for value in fitted.polynomial)
    return Polynomial((x, y, z), place.scale_mm, coefficients, math.log(mean))
