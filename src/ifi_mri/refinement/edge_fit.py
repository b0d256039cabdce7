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
#: or chi-square by less than this, where they keep it.
_CONVERGED_MM: Final = 0.04
_CONVERGED: Final = 0.5

#: Where marrow and surroundings meet without a cortex, as a share of the thickness it would have:
#: starts of a fit that may end in a hollow of its own.  A growth so many times beyond proof is
#: believed at once.
_WITHOUT_CORTEX: Final = (0.5, 0.0)
_FAR_BEYOND: Final = 4.0

_MAX_STEPS: Final = 12
_DAMPING: Final = 1e-3

#: Residuals beyond this many SD have no say: 95 % efficient for normal noise.
_BISQUARE: Final = 4.685

_SD_OF_MAD: Final = 1.4826


def fit_edge(pixels: Pixels, tissue: Tissue, start: Start, layered: bool = False) -> EdgeFit:
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
    """
    return _fit(Model(pixels, start, tissue, layered))


def evidence_of_cortex(pixels: Pixels, fit: EdgeFit, start: Start, proof: float) -> float:
    """Return by how much chi-square grows where marrow and surroundings meet without a cortex, or
    any growth that is less than ``proof``.

    ``fit`` and ``start`` are a bone's, without a layer: a dark layer would stand in for the cortex.
    """
    growth = np.inf
    for share in _WITHOUT_CORTEX:
        between = start._replace(offset_mm=fit.offset_mm - share * fit.thickness_mm)
        model = Model(pixels, between, Tissue.TENDON)
        growth = min(growth, _growth(model, fit, proof))
        if growth < proof or growth > _FAR_BEYOND * proof:
            break
    return growth


def evidence_of_layer(
    pixels: Pixels, tissue: Tissue, fit: EdgeFit, start: Start, proof: float
) -> float:
    """Return by how much chi-square grows without the layer of a layered fit, or any growth that is
    less than ``proof``."""
    return _growth(Model(pixels, start, tissue), fit, proof)


def _growth(model: Model, fit: EdgeFit, proof: float) -> float:
    misfit = _least_misfit(model, Say(fit.weight, fit.noise), fit.misfit + proof)
    return misfit - fit.misfit


def _fit(model: Model) -> EdgeFit:
    """Return the fit of a model, by damped Gauss-Newton steps in which pixels lose their say."""
    theta = model.start
    for step in range(_MAX_STEPS):
        predicted, slopes, window = model.evaluate(theta)
        left = model.pixels.value - predicted
        say = _say(left, window, model.pixels.noise, equal=step == 0)
        information, pull = model.normal_equations(theta, slopes, left, say)
        change = model.step(information, pull, _DAMPING)
        if step > 1 and np.abs(change[model.part["edge"]]).max() < _CONVERGED_MM:
            break
        theta = theta + change
    covariance = np.asarray(np.linalg.inv(information), dtype=np.float64)
    return model.result(theta, covariance, left, say)


def _least_misfit(model: Model, say: Say, enough: float) -> float:
    """Return the misfit of a model when every pixel keeps its say, or any misfit below ``enough``.

    Levenberg's and Marquardt's steps, for a model that does not fit may lead Gauss and Newton to
    and fro.
    """
    theta, damping = model.start, _DAMPING
    misfit, cost, information, pull = model.costs(theta, say)
    for _ in range(_MAX_STEPS):
        tried = theta + model.step(information, pull, damping)
        tried_misfit, tried_cost, *equations = model.costs(tried, say)
        if tried_cost > cost:
            damping *= 10
            continue
        gained, damping = cost - tried_cost, damping / 3
        theta, misfit, cost, (information, pull) = tried, tried_misfit, tried_cost, equations
        if gained < _CONVERGED or misfit < enough:
            break
    return misfit


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
