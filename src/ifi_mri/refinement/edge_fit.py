"""The model of an edge fitted to pixels, and how much of it the pixels prove.

Least squares with priors: damped Gauss-Newton steps in which pixels that do not fit lose their say
(Tukey's bisquare: Beaton AE, Tukey JW, Technometrics 1974;16:147).  What a part of the model is
worth is by how much chi-square grows without it, when every pixel keeps its say.
"""

from typing import Final

import numpy as np

from ifi_mri.refinement.edge_model import (
    EdgeFit,
    FloatArray,
    Model,
    Pixels,
    Say,
    Start,
    Tissue,
)

#: A fit has converged when the edge moves by less than this, mm, where its pixels change their say,
#: or chi-square by less than this, where they keep it, or by this share of a growth of which it is
#: enough to know that it is large.
_CONVERGED_MM: Final = 0.04
_CONVERGED: Final = 0.5
_CLOSE: Final = 0.1

#: Where marrow and surroundings meet without a cortex, as a share of the thickness it would have:
#: starts of a fit that may end in a hollow of its own.
_WITHOUT_CORTEX: Final = (0.5, 0.0)

_MAX_STEPS: Final = 12
_DAMPING: Final = 1e-3

#: Residuals beyond this many SD have no say: 95 % efficient for normal noise.
_BISQUARE: Final = 4.685

_SD_OF_MAD: Final = 1.4826


def fit_edge(
    pixels: Pixels, tissue: Tissue, start: Start, layered: bool = False, rings: bool = False
) -> EdgeFit:
    """Return the outer edge of bone or tendon along a curve.

    Least squares with priors, by damped Gauss-Newton steps.  The standard deviations are those of
    the linearised fit, with the noise that the model leaves over.

    Parameters
    ----------
    pixels : Pixels
    tissue : Tissue
    start : Start
    layered : bool
        Whether a layer of another brightness clothes the edge, with something else beyond.
    rings : bool
        Whether the picture rings at edges, since its k-space was cut off without a filter.
    """
    return _fit(Model(pixels, start, tissue, layered, rings))


def without_cortex(
    pixels: Pixels, fit: EdgeFit, start: Start, enough: tuple[float, float], rings: bool = False
) -> float:
    """Return by how much chi-square grows where marrow and surroundings meet without a cortex.

    Every pixel keeps the say that it has in the fit with one.  Any growth that is less than the
    first of ``enough`` is as good as any other, and any that is more than the second.
    """
    growth = np.inf
    for share in _WITHOUT_CORTEX:
        between = start._replace(offset_mm=fit.offset_mm - share * fit.thickness_mm)
        model = Model(pixels, between, Tissue.MARROW, rings=rings)
        growth = min(growth, _growth(model, fit, enough))
        if not enough[0] <= growth <= enough[1]:
            break
    return growth


def ringing(pixels: Pixels, fit: EdgeFit, start: Start) -> float:
    """Return by how much chi-square grows, or falls, where a bone's edge rings, when every pixel
    keeps its say."""
    return _growth(Model(pixels, start._replace(before=fit), Tissue.BONE, rings=True), fit)


def without_layer(
    pixels: Pixels, tissue: Tissue, fit: EdgeFit, start: Start, enough: float
) -> float:
    """Return by how much chi-square grows without the layer of a layered fit, or any growth that is
    less than ``enough``."""
    return _growth(Model(pixels, start, tissue), fit, (enough, 2 * enough))


def _fit(model: Model) -> EdgeFit:
    """Return the fit of a model, by damped Gauss-Newton steps in which pixels lose their say."""
    theta = model.start
    for step in range(_MAX_STEPS):
        predicted, slopes, where = model.evaluate(theta)
        left = model.pixels.value - predicted
        say = _say(left, model.window(where), model.pixels.noise, equal=step == 0)
        information, pull = model.normal_equations(theta, slopes, left, say)
        change = model.step(information, pull, _DAMPING)
        if step > 1 and np.abs(change[model.part["edge"]]).max() < _CONVERGED_MM:
            break
        theta = theta + change
    covariance = np.asarray(np.linalg.inv(information), dtype=np.float64)
    return model.result(theta, covariance, left, say)


def _growth(model: Model, fit: EdgeFit, enough: tuple[float, float] = (-np.inf, np.inf)) -> float:
    """Return by how much chi-square grows from a fit to the best of a model, priors included, when
    every pixel keeps its say; roughly where it is less or more than ``enough``.

    Levenberg's and Marquardt's steps, for a model that does not fit may lead Gauss and Newton to
    and fro.
    """
    say = Say(fit.weight, fit.noise)
    theta, damping = model.start, _DAMPING
    cost, information, pull = model.cost(theta, say)
    for _ in range(_MAX_STEPS):
        tried = theta + model.step(information, pull, damping)
        tried_cost, *equations = model.cost(tried, say)
        if tried_cost > cost:
            damping *= 10
            continue
        gained, damping = cost - tried_cost, damping / 3
        theta, cost, (information, pull) = tried, tried_cost, equations
        growth = cost - fit.cost
        close = _CLOSE * growth if growth > enough[1] else _CONVERGED
        if gained < close or growth < enough[0]:
            break
    return cost - fit.cost


def _say(left: FloatArray, window: FloatArray, least_noise: float, equal: bool) -> Say:
    """Return the say of pixels from what is left over; the noise is at least the image's own."""
    within = np.abs(left[window > 0.5])
    noise = max(_SD_OF_MAD * _median(within), least_noise)
    if equal:
        return Say(window, noise)
    return Say(window * np.maximum(1 - (left / (_BISQUARE * noise)) ** 2, 0.0) ** 2, noise)


def _median(values: FloatArray) -> float:
    """Return the median, the higher of two; 0 of nothing.  Many times faster than NumPy's."""
    middle = len(values) // 2
    return float(np.partition(values, middle)[middle]) if len(values) else 0.0
