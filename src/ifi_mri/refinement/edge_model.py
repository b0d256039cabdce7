"""The outer edge of bone or tendon as a model of the image, fitted to the pixels around a curve.

A path that leaves a bone runs through marrow, cortex and what lies outside: three plateaus, two
steps, blurred by the scanner's point spread.  Fitting that model finds the edge of a cortex thinner
than a pixel, where a threshold or the steepest slope is drawn aside: Treece GM et al., Med Image
Anal 2010;14:276, doi:10.1016/j.media.2010.01.003, on CT of the femur.  There, as here, a thin
cortex and its contrast trade against one another, and what is known of the cortex settles it: on
CT its density, on MRI that it is dark, since compact bone and tendon give next to no signal at the
echo times of a T1, proton density or T2 image.

What differs from there: not one profile after another but all pixels around a stretch of the edge
are fitted at once, at the places where they were acquired (interpolated profiles would carry
correlated noise).  Along that stretch the edge is a smooth curve, the cortex changes its thickness
slowly, and marrow and surroundings change their brightness slowly: Legendre polynomials with priors
on how far they bend.  Pixels that do not fit lose their say (Tukey's bisquare: Beaton AE, Tukey JW,
Technometrics 1974;16:147).  Where the bone is clothed in a layer of fat with muscle beyond, a
fourth plateau can be asked for.

A tendon is dark throughout, so its model begins with the outer step.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.polynomial import legendre
from scipy.special import ndtr

FloatArray = npt.NDArray[np.float64]


class Tissue(Enum):
    """What the edge bounds."""

    BONE = auto()
    TENDON = auto()


#: Marrow (or tendon) that takes part in a fit, mm, and at least so many pixels.
INSIDE_MM: Final = 1.5
INSIDE_PIXELS: Final = 1.5

#: The same of the surroundings: short, because they change; but with a single row of pixels beside
#: the edge its brightness would be a matter of taste.
OUTSIDE_MM: Final = 1.2
OUTSIDE_PIXELS: Final = 2.5

#: Surroundings beyond a layer of fat.
_BEYOND_MM: Final = 1.0

#: Where pixels enter and leave the fit, over how many mm: none may jump in or out.
_FADE_MM: Final = 0.4

#: SD of the point spread in pixels: a fully sampled k-space gives a sinc of 1.21 pixels full width
#: at half maximum, 0.51 pixels SD for a Gaussian as wide; the filters of scanners and interpolated
#: matrices make it wider or narrower.
BLUR_PIXELS: Final = 0.5

#: Brightness of compact bone as a fraction of its marrow, blood and fat in the bone included.
DARK_FRACTION: Final = 0.12

#: Mean of a magnitude image where there is no signal, in SD of its noise: sqrt(pi / 2)
#: (Gudbjartsson H, Patz S, Magn Reson Med 1995;34:910, doi:10.1002/mrm.1910340618).
NOISE_FLOOR: Final = 1.2533

#: A layer of fat on the bone, mm, before anything is known of it.
_LAYER_MM: Final = 1.0

_MAX_STEPS: Final = 12
_CONVERGED_MM: Final = 0.02
_DAMPING: Final = 1e-3

#: Residuals beyond this many SD have no say: 95 % efficient for normal noise.
_BISQUARE: Final = 4.685

_SD_OF_MAD: Final = 1.4826
_ROOT_2_PI: Final = float(np.sqrt(2 * np.pi))


class _Prior(NamedTuple):
    """SD of a parameter's Legendre coefficients about what is expected, and its longest step."""

    sd: tuple[float, ...]
    longest: float


#: Nothing is known of the first coefficient.
_FREE: Final = 1e3

#: mm: offset and slope are free; a bone 5 mm in radius bends by 1.1 mm of the third over 8 mm.
_EDGE: Final = _Prior((_FREE, _FREE, 1.5, 0.7, 0.4), 1.0)
_LOG_THICKNESS: Final = _Prior((0.8, 0.3), 0.4)
_LOG_BLUR: Final = _Prior((0.25,), 0.2)
_LOG_LAYER: Final = _Prior((0.5,), 0.3)

#: Brightness: of marrow and surroundings in units of the marrow's typical one (of a tendon's
#: surroundings), of the cortex as a fraction of the marrow.
_MARROW: Final = _Prior((_FREE, 0.2, 0.15), 1.0)
_CORTEX: Final = _Prior((0.08,), 0.2)
_TENDON: Final = _Prior((_FREE, 0.1, 0.1), 1.0)
_OUTSIDE: Final = _Prior((_FREE, 0.4, 0.3, 0.3), 1.0)
_BEYOND: Final = _Prior((_FREE, 0.3), 1.0)


class Pixels(NamedTuple):
    """Pixels around a curve, each with its place relative to it, arrays of shape (n,).

    ``along_mm`` is the position along the curve, 0 in its middle; ``height_mm`` how far outward of
    the curve; ``width_mm`` the pixel's width seen across the curve.  ``half_mm`` is the curve's
    half-length, ``noise`` the SD of the image's noise, of which ``per_sample`` pixels share one
    independent sample.
    """

    value: FloatArray
    along_mm: FloatArray
    height_mm: FloatArray
    width_mm: FloatArray
    half_mm: float
    noise: float
    per_sample: float = 1.0


class Start(NamedTuple):
    """Where a fit begins: heights of the edge, good to about 1 mm, at positions along the curve,
    and the thickness of the cortex; ``before`` is a fit of the same edge around another curve."""

    along_mm: FloatArray
    offset_mm: FloatArray
    thickness_mm: float
    before: "EdgeFit | None" = None


@dataclass(frozen=True, eq=False)
class EdgeFit:
    """The fitted edge, at the positions of the start.

    Attributes
    ----------
    offset_mm, sd_mm : arrays of shape (n,)
        Height of the outer edge over the curve and its standard deviation.
    inner, dark, outer : arrays of shape (n,)
        Brightness of marrow, cortex and surroundings; inside a tendon inner is dark.
    thickness_mm : array of shape (n,)
        Of the cortex; infinite for a tendon.
    blur_pixels : float
        SD of the point spread.
    layer_mm : float or None
        Thickness of the layer of fat outside, where one was fitted.
    noise : float
        SD of what the model leaves over.
    left, weight : arrays of shape (pixels,)
        What the model leaves over on every pixel, and the pixel's say.
    parameters : dict
        The model's parameters by name.
    """

    offset_mm: FloatArray
    sd_mm: FloatArray
    inner: FloatArray
    dark: FloatArray
    outer: FloatArray
    thickness_mm: FloatArray
    blur_pixels: float
    layer_mm: float | None
    noise: float
    left: FloatArray
    weight: FloatArray
    per_sample: float
    parameters: dict[str, FloatArray]

    @property
    def misfit(self) -> float:
        """Chi-square of what is left over, in independent samples."""
        return float((self.weight * self.left**2).sum() / (self.noise**2 * self.per_sample))


class _Say(NamedTuple):
    """The say of every pixel, and the noise they share."""

    weight: FloatArray
    noise: float


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
    return _fit(_Model(pixels, start, _parameters(tissue, layered)))


def evidence_of_cortex(pixels: Pixels, fit: EdgeFit, start: Start) -> float:
    """Return by how much chi-square grows where marrow and surroundings meet without a cortex.

    ``fit`` and ``start`` are a bone's, without a layer: a dark layer would stand in for the cortex.
    """
    between = start._replace(offset_mm=fit.offset_mm - fit.thickness_mm / 2)
    model = _Model(pixels, between, _parameters(Tissue.TENDON, layered=False))
    return _fit(model, _Say(fit.weight, fit.noise)).misfit - fit.misfit


def evidence_of_layer(pixels: Pixels, tissue: Tissue, fit: EdgeFit, start: Start) -> float:
    """Return by how much chi-square grows without the layer of a layered fit."""
    model = _Model(pixels, start, _parameters(tissue, layered=False))
    return _fit(model, _Say(fit.weight, fit.noise)).misfit - fit.misfit


def _parameters(tissue: Tissue, layered: bool) -> dict[str, _Prior]:
    bone = {"log_thickness": _LOG_THICKNESS, "inner": _MARROW, "dark": _CORTEX}
    layer = {"log_layer": _LOG_LAYER, "beyond": _BEYOND}
    return {
        "edge": _EDGE,
        **(bone if tissue is Tissue.BONE else {"dark": _TENDON}),
        "outer": _OUTSIDE,
        **(layer if layered else {}),
        "log_blur": _LOG_BLUR,
    }


def _fit(model: "_Model", fixed: _Say | None = None) -> EdgeFit:
    """Return the fit of a model; ``fixed`` keeps the say of every pixel."""
    theta = model.start
    for step in range(_MAX_STEPS):
        predicted, slopes, window = model.evaluate(theta)
        left = model.pixels.value - predicted
        say = fixed or _say(left, window, model.pixels.noise, equal=step == 0)
        certainty = say.weight / (say.noise**2 * model.pixels.per_sample)
        information = (slopes * certainty) @ slopes.T + np.diag(model.precision)
        pull = slopes @ (certainty * left)
        pull -= model.precision * (theta - model.expected)
        damped = information + _DAMPING * np.diag(np.diag(information))
        change = np.clip(np.linalg.solve(damped, pull), -model.longest, model.longest)
        if step > 1 and np.abs(change[model.part["edge"]]).max() < _CONVERGED_MM:
            break
        theta = theta + change
    covariance = np.asarray(np.linalg.inv(information), dtype=np.float64)
    return model.result(theta, covariance, left, say)


def _say(left: FloatArray, window: FloatArray, least_noise: float, equal: bool) -> _Say:
    """Return the say of pixels from what is left over; the noise is at least the image's own."""
    within = np.abs(left[window > 0.5])
    noise = max(_SD_OF_MAD * _median(within), least_noise)
    if equal:
        return _Say(window, noise)
    return _Say(window * np.clip(1 - (left / (_BISQUARE * noise)) ** 2, 0, 1) ** 2, noise)


def _median(values: FloatArray) -> float:
    """Return the median, the higher of two; 0 of nothing.  Many times faster than NumPy's."""
    middle = len(values) // 2
    return float(np.partition(values, middle)[middle]) if len(values) else 0.0


class _Model:
    """The parameters by name with their priors; the model's value and slopes at every pixel."""

    def __init__(self, pixels: Pixels, start: Start, parameters: dict[str, _Prior]) -> None:
        self.pixels, self.along_mm = pixels, start.along_mm
        self.part: dict[str, slice] = {}
        n = 0
        for name, prior in parameters.items():
            self.part[name] = slice(n, n + len(prior.sd))
            n += len(prior.sd)
        priors = parameters.values()
        self.precision = np.concatenate([prior.sd for prior in priors]) ** -2.0
        self.longest = np.concatenate([[prior.longest] * len(prior.sd) for prior in priors])
        self.polynomials = self._legendre(pixels.along_mm)
        self.bright = _typical_brightness(pixels, start, self.is_bone)
        self.expected = self._expected(start)
        self.start = self._start(start)

    @property
    def is_bone(self) -> bool:
        """Whether marrow and cortex lie within the edge."""
        return "inner" in self.part

    def _legendre(self, along_mm: FloatArray) -> FloatArray:
        position = np.clip(along_mm / self.pixels.half_mm, -1, 1)
        return np.asarray(legendre.legvander(position, len(_EDGE.sd) - 1).T, dtype=np.float64)

    def _along(self, name: str, theta: FloatArray, polynomials: FloatArray) -> FloatArray:
        coefficients = theta[self.part[name]]
        return np.asarray(coefficients @ polynomials[: len(coefficients)])

    def _exp_along(self, name: str, theta: FloatArray, polynomials: FloatArray) -> FloatArray:
        return np.asarray(np.exp(np.clip(self._along(name, theta, polynomials), -3.0, 3.0)))

    def _expected(self, start: Start) -> FloatArray:
        expected = np.zeros(len(self.precision))
        expected[self.part["log_blur"]] = np.log(BLUR_PIXELS)
        if self.is_bone:
            expected[self.part["log_thickness"].start] = np.log(start.thickness_mm)
            floor = NOISE_FLOOR * self.pixels.noise / self.bright
            expected[self.part["dark"].start] = np.hypot(DARK_FRACTION, floor)
        if "log_layer" in self.part:
            expected[self.part["log_layer"].start] = np.log(_LAYER_MM)
        return expected

    def _start(self, start: Start) -> FloatArray:
        theta = self.expected.copy()
        curve = self._legendre(start.along_mm)
        ridge = np.diag(1 / np.array(_EDGE.sd)) * 0.3  # as if the start were good to 0.3 mm
        theta[self.part["edge"]] = np.linalg.solve(
            curve @ curve.T + ridge**2, curve @ start.offset_mm
        )
        theta[self.part["dark"].start] = max(theta[self.part["dark"].start], DARK_FRACTION)
        for name in ("inner", "outer", "beyond"):
            if name in self.part:
                theta[self.part[name].start] = 1.0
        if start.before is not None:
            for name, values in start.before.parameters.items():
                if name != "edge" and name in self.part:
                    theta[self.part[name]] = values
        return theta

    def _levels(self, theta: FloatArray, polynomials: FloatArray) -> dict[str, FloatArray]:
        names = [name for name in ("inner", "dark", "outer", "beyond") if name in self.part]
        level: dict[str, FloatArray] = {
            name: self.bright * self._along(name, theta, polynomials) for name in names
        }
        if self.is_bone:
            level["dark"] *= theta[self.part["inner"].start]
        return level

    def evaluate(self, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the model, shape (pixels,), its slopes, (parameters, pixels), and the window."""
        level = self._levels(theta, self.polynomials)
        blur = self.pixels.width_mm * np.exp(theta[self.part["log_blur"]])
        height = self.pixels.height_mm - self._along("edge", theta, self.polynomials)
        outside = ndtr(height / blur)
        predicted = level["dark"] + (level["outer"] - level["dark"]) * outside
        lift = (level["outer"] - level["dark"]) * _bell(height, blur)
        slope = {"edge": -lift, "log_blur": -lift * height}
        share = {"dark": 1 - outside, "outer": outside}
        thickness = layer = np.zeros_like(height)
        if self.is_bone:
            thickness = self._exp_along("log_thickness", theta, self.polynomials)
            depth = height + thickness
            share["inner"] = ndtr(-depth / blur)
            share["dark"] = share["dark"] - share["inner"]
            predicted += (level["inner"] - level["dark"]) * share["inner"]
            fall = (level["inner"] - level["dark"]) * _bell(depth, blur)
            slope["edge"] += fall
            slope["log_blur"] += fall * depth
            slope["log_thickness"] = -fall * thickness
        if "beyond" in level:
            layer = self._exp_along("log_layer", theta, self.polynomials)
            past = height - layer
            share["beyond"] = ndtr(past / blur)
            share["outer"] = share["outer"] - share["beyond"]
            predicted += (level["beyond"] - level["outer"]) * share["beyond"]
            change = (level["beyond"] - level["outer"]) * _bell(past, blur)
            slope["edge"] -= change
            slope["log_blur"] -= change * past
            slope["log_layer"] = -change * layer
        slope |= {name: self.bright * part for name, part in share.items()}
        if self.is_bone:
            slope["dark"] = slope["dark"] * theta[self.part["inner"].start]
        slopes = [
            self.polynomials[: part.stop - part.start] * slope[name]
            for name, part in self.part.items()
        ]
        return predicted, np.concatenate(slopes), self._window(height, thickness, layer)

    def _window(self, height: FloatArray, thickness: FloatArray, layer: FloatArray) -> FloatArray:
        width = self.pixels.width_mm
        inside = height + thickness + np.maximum(INSIDE_MM, INSIDE_PIXELS * width)
        reach = np.where(layer > 0, layer + _BEYOND_MM, OUTSIDE_MM)
        outside = np.maximum(reach, OUTSIDE_PIXELS * width) - height
        return np.asarray(_fading(inside) * _fading(outside))

    def result(
        self, theta: FloatArray, covariance: FloatArray, left: FloatArray, say: _Say
    ) -> EdgeFit:
        """Return the fit in the words of anatomy."""
        curve, edge = self._legendre(self.along_mm), self.part["edge"]
        level = self._levels(theta, curve)
        bone, layered = self.is_bone, "log_layer" in self.part
        endless = np.full(curve.shape[1], np.inf)
        return EdgeFit(
            offset_mm=self._along("edge", theta, curve),
            sd_mm=np.sqrt(np.einsum("jn,jk,kn->n", curve, covariance[edge, edge], curve)),
            inner=level["inner"] if bone else level["dark"],
            dark=level["dark"],
            outer=level["outer"],
            thickness_mm=self._exp_along("log_thickness", theta, curve) if bone else endless,
            blur_pixels=float(np.exp(theta[self.part["log_blur"]][0])),
            layer_mm=float(np.exp(theta[self.part["log_layer"]][0])) if layered else None,
            noise=say.noise,
            left=left,
            weight=say.weight,
            per_sample=self.pixels.per_sample,
            parameters={name: theta[part] for name, part in self.part.items()},
        )


def _typical_brightness(pixels: Pixels, start: Start, is_bone: bool) -> float:
    """Return the median brightness of the marrow, or of what lies outside a tendon."""
    height = pixels.height_mm - np.interp(pixels.along_mm, start.along_mm, start.offset_mm)
    if is_bone:
        depth, reach = (
            -height - start.thickness_mm,
            np.maximum(INSIDE_MM, INSIDE_PIXELS * pixels.width_mm),
        )
        wanted = (depth > _FADE_MM) & (depth < reach)
    else:
        wanted = (height > _FADE_MM) & (height < OUTSIDE_MM + _FADE_MM)
    typical = float(np.median(pixels.value[wanted])) if wanted.any() else 0.0
    return typical if typical > 0 else max(float(np.abs(pixels.value).max()), pixels.noise)


def _fading(inside_mm: FloatArray) -> FloatArray:
    """Return 0 outside of a border, 1 inside, and a ramp between."""
    return np.asarray(np.clip(inside_mm / _FADE_MM + 0.5, 0, 1))


def _bell(height: FloatArray, blur: FloatArray) -> FloatArray:
    """Return the derivative of a blurred step."""
    return np.asarray(np.exp(-0.5 * (height / blur) ** 2) / (_ROOT_2_PI * blur))
