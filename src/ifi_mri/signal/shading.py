"""Coil shading: a smooth multiplicative field, fitted on muscle.

A receive coil multiplies the image by its sensitivity, which is smooth; in the logarithm it adds.
So log signal of muscle = level of its slice + a low-order polynomial of the place, the model
behind the classical retrospective corrections (Dawant et al., IEEE Trans Med Imaging 1993;12:770;
Vovk et al., IEEE Trans Med Imaging 2007;26:405).  It is fitted on blocks of pixels that look like
muscle (`ifi_mri.signal.blocks`), robustly (`ifi_mri.signal.field_fit`), quadratus femoris itself
left out: oedema must not pass for coil.

Where the fit would have to guess at quadratus femoris, a lower order is taken, down to none.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np

from ifi_mri import geometry
from ifi_mri.signal.blocks import Place, blocks_of_muscle
from ifi_mri.signal.estimates import BoolArray, FloatArray, IntArray
from ifi_mri.signal.field import Polynomial, terms_of
from ifi_mri.signal.field_fit import Fit, robust_fit
from ifi_mri.signal.regions import CutOut
from ifi_mri.signal.settings import ShadingSettings
from ifi_mri.signal.tissues import Places

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
    return Shading(np.broadcast_to(np.float64(1), tuple(shape)))


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
    place = Place.around(reference, image, around, settings.radius_mm)
    spared = muscle if also is None else muscle | also
    blocks = blocks_of_muscle(around, image, spared, reference, slices, place, settings, shown)
    regions = _regions(muscle, reference, also, place, highest)
    even = no_shading(shape)
    fields, fitted = [even], None
    for order in range(1, highest + 1):
        fitted = robust_fit(blocks, order, settings, fitted)
        if fitted is None:
            break
        shading = _shading(fitted, regions, place, around.affine, even.field)
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
    muscle: BoolArray, reference: BoolArray, also: BoolArray | None, place: Place, order: int
) -> _Regions:
    of_muscle, of_reference = (_weights(part, place, order) for part in (muscle, reference))
    of_also = None if also is None or not also.any() else _weights(also, place, order)
    terms = of_muscle.terms
    if of_also is not None:
        terms = np.concatenate([terms, of_also.terms], axis=1)
    every = max(1, terms.shape[1] // LEVERAGE_PIXELS)
    looked_at = terms[:, ::every] - of_reference.mean_terms[:, None]
    return _Regions(of_muscle, of_reference, of_also, looked_at)


def _weights(region: BoolArray, place: Place, order: int) -> _Weights:
    n_voxels = region.sum(axis=0, dtype=np.int32)
    row, column = np.nonzero(n_voxels)
    shares = n_voxels[row, column] / int(n_voxels.sum())
    u, v = (
        axis.scaled(pixels.astype(np.float64) + axis.first)
        for axis, pixels in ((place.columns, column), (place.rows, row))
    )
    terms = terms_of(u, v, order)
    return _Weights(shares, terms, (shares * terms).sum(axis=1))


def _shading(
    fitted: Fit, regions: _Regions, place: Place, affine: FloatArray, even: FloatArray
) -> Shading:
    """Return what the fitted field means for the regions, not yet laid out on their cut-out, where
    it is still ``even``; ``affine`` is that of the surroundings."""
    n_terms = len(fitted.polynomial)
    looked_at = regions.looked_at[:n_terms]

    def mean_over(region: _Weights) -> float:
        # not by matrix product: so long and thin, BLAS would wake its threads for it
        exponent = np.einsum("kp,k->p", region.terms[:n_terms], fitted.polynomial)
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
        field=even,
        order=fitted.order,
        gain=gain,
        gain_sd=gain_sd,
        also_gain=also_gain,
        also_gain_sd=also_gain_sd,
        n_blocks=fitted.n_blocks,
        leverage=float(((fitted.inverse @ looked_at) * looked_at).sum(axis=0).max()),
        polynomial=_polynomial(fitted, place, affine, mean),
    )


def _polynomial(fitted: Fit, place: Place, affine: FloatArray, mean: float) -> Polynomial:
    """Return the fitted field with its origin in the patient."""
    middle = [axis.middle_mm / axis.pixel_mm for axis in place]
    x, y, z = (float(value) for value in geometry.voxel_to_patient(affine, (0.0, *middle)))
    coefficients = tuple(float(value) for value in fitted.polynomial)
    return Polynomial((x, y, z), place.rows.scale_mm, coefficients, math.log(mean))
