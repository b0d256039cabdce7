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
on how far they bend.  Where the bone is clothed in a layer of fat with muscle beyond, a fourth
plateau can be asked for.  `edge_fit` fits the model and says what of it is proven.

A tendon is dark throughout, so its model begins with the outer step.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, sici

FloatArray = npt.NDArray[np.float64]


class Tissue(Enum):
    """What the edge bounds."""

    BONE = auto()
    TENDON = auto()
    MARROW = auto()  # that meets the surroundings without a cortex: what evidence speaks against


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

#: SD of the point spread in pixels that were acquired: a fully sampled k-space gives a sinc of 1.21
#: pixels full width
#: at half maximum, 0.51 pixels SD for a Gaussian as wide; filters of scanners make it wider or
#: narrower.
BLUR_PIXELS: Final = 0.5

#: Brightness of compact bone as a fraction of its marrow, blood and fat in the bone included.
DARK_FRACTION: Final = 0.12

#: Mean of a magnitude image where there is no signal, in SD of its noise: sqrt(pi / 2)
#: (Gudbjartsson H, Patz S, Magn Reson Med 1995;34:910, doi:10.1002/mrm.1910340618).
NOISE_FLOOR: Final = 1.2533

#: What a start is good to, mm, where the edge's priors smooth it.
_GOOD_TO_MM: Final = 0.3

#: A layer of fat on the bone, mm, before anything is known of it.
_LAYER_MM: Final = 1.0

_ROOT_2_PI: Final = float(np.sqrt(2 * np.pi))


class _Prior(NamedTuple):
    """SD of a parameter's Legendre coefficients about what is expected, and its longest step."""

    sd: tuple[float, ...]
    longest: float


#: SD of the logarithm of a cortex's thickness about what a search took it for.
_ANY_THICKNESS: Final = 0.8

#: Nothing is known of the first coefficient.
_FREE: Final = 1e3

#: mm, of a curve 4 mm to both sides; longer ones bend more, in proportion.  Offset and slope are
#: free; a bone 5 mm in radius bends by 1.1 mm of the third over 8 mm.
_EDGE: Final = _Prior((_FREE, _FREE, 1.5, 0.7, 0.4), 1.0)
_EDGE_HALF_MM: Final = 4.0
_LOG_THICKNESS: Final = _Prior((_ANY_THICKNESS, 0.3), 0.4)
_LOG_BLUR: Final = _Prior((0.12,), 0.2)
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
    the curve; ``width_mm`` the pixel's width seen across the curve and ``cutoff_mm`` half the
    shortest wave that the pixels hold in that direction.  ``half_mm`` is the curve's half-length,
    ``noise`` the SD of the image's noise, of which ``per_sample`` pixels share one independent
    sample; so much of the inside takes part as ``inside_pixels`` says.
    """

    value: FloatArray
    along_mm: FloatArray
    height_mm: FloatArray
    width_mm: FloatArray
    cutoff_mm: FloatArray
    half_mm: float
    noise: float
    per_sample: float = 1.0
    inside_pixels: float = INSIDE_PIXELS

    @property
    def inside_mm(self) -> FloatArray:
        """How much of marrow or tendon takes part."""
        return np.asarray(np.maximum(INSIDE_MM, self.inside_pixels * self.width_mm))


class Start(NamedTuple):
    """Where a fit begins: heights of the edge, good to about 1 mm, at positions along the curve,
    and the thickness of the cortex with the SD of its logarithm; ``before`` is a fit of the same
    edge around another curve."""

    along_mm: FloatArray
    offset_mm: FloatArray
    thickness_mm: float
    log_thickness_sd: float = _ANY_THICKNESS
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
    rings : bool
        Whether it is an edge that rings.
    strain : float
        Chi-square of the parameters against what is expected of them.
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
    rings: bool
    strain: float
    left: FloatArray
    weight: FloatArray
    per_sample: float
    parameters: dict[str, FloatArray]

    @property
    def cost(self) -> float:
        """Chi-square of what is left over, in independent samples, and of the parameters."""
        return misfit_of(self.left, Say(self.weight, self.noise), self.per_sample) + self.strain


class Say(NamedTuple):
    """The say of every pixel, and the noise they share."""

    weight: FloatArray
    noise: float


class Layers(NamedTuple):
    """Where pixels lie: their height above the outer edge, and how thick the cortex below it and
    the layer of fat upon it are there, mm; 0 where the model has none."""

    height_mm: FloatArray
    thickness_mm: FloatArray
    layer_mm: FloatArray


def misfit_of(left: FloatArray, say: Say, per_sample: float) -> float:
    """Return the chi-square of what is left over, in independent samples."""
    return float((say.weight * left**2).sum() / (say.noise**2 * per_sample))


def expected_blur_pixels(pixels_per_sample: float) -> float:
    """Return the expected SD of the point spread, in pixels, of an image in which so many pixels
    share one sample: as if it had been interpolated by the same factor along both axes."""
    return float(BLUR_PIXELS * np.sqrt(pixels_per_sample))


def _edge_prior(half_mm: float) -> _Prior:
    return _EDGE._replace(sd=tuple(sd * half_mm / _EDGE_HALF_MM for sd in _EDGE.sd))


def _parameters(
    tissue: Tissue, half_mm: float, layered: bool, log_thickness_sd: float
) -> dict[str, _Prior]:
    thickness = _LOG_THICKNESS._replace(sd=(log_thickness_sd, *_LOG_THICKNESS.sd[1:]))
    bone = {"log_thickness": thickness, "inner": _MARROW, "dark": _CORTEX}
    alone = {"dark": _TENDON if tissue is Tissue.TENDON else _MARROW}
    layer = {"log_layer": _LOG_LAYER, "beyond": _BEYOND}
    return {
        "edge": _edge_prior(half_mm),
        **(bone if tissue is Tissue.BONE else alone),
        "outer": _OUTSIDE,
        **(layer if layered else {}),
        "log_blur": _LOG_BLUR,
    }


class Model:
    """The parameters by name with their priors; the model's value and slopes at every pixel."""

    def __init__(
        self,
        pixels: Pixels,
        start: Start,
        tissue: Tissue,
        layered: bool = False,
        rings: bool = False,
    ) -> None:
        self.rings = rings
        parameters = _parameters(tissue, pixels.half_mm, layered, start.log_thickness_sd)
        self.pixels, self.along_mm = pixels, start.along_mm
        self.part: dict[str, slice] = {}
        n = 0
        for name, prior in parameters.items():
            self.part[name] = slice(n, n + len(prior.sd))
            n += len(prior.sd)
        priors = parameters.values()
        self.precision = np.concatenate([prior.sd for prior in priors]) ** -2.0
        self.longest = np.concatenate([[prior.longest] * len(prior.sd) for prior in priors])
        self.row = np.repeat(np.arange(len(parameters)), [len(prior.sd) for prior in priors])
        self.degree = np.concatenate([np.arange(len(prior.sd)) for prior in priors])
        self.polynomials = self._legendre(pixels.along_mm)
        self.basis = self.polynomials[self.degree]
        self.bright = _typical_brightness(pixels, start, tissue)
        self.expected = self._expected(start)
        self.start = self._start(start, tissue)

    @property
    def is_bone(self) -> bool:
        """Whether marrow and cortex lie within the edge."""
        return "inner" in self.part

    def _legendre(self, along_mm: FloatArray) -> FloatArray:
        """Return Legendre's polynomials up to the fourth degree, shape (5, n)."""
        x = np.minimum(np.maximum(along_mm / self.pixels.half_mm, -1.0), 1.0)
        square = x * x
        third, fourth = (2.5 * square - 1.5) * x, (4.375 * square - 3.75) * square + 0.375
        return np.stack([np.ones_like(x), x, 1.5 * square - 0.5, third, fourth])

    def _along(self, theta: FloatArray, polynomials: FloatArray) -> dict[str, FloatArray]:
        """Return every parameter along the curve: heights and thicknesses in mm, brightness as in
        the image, and the point spread."""
        table = np.zeros((len(self.part), len(polynomials)))
        table[self.row, self.degree] = theta
        along: dict[str, FloatArray] = dict(zip(self.part, table @ polynomials, strict=True))
        for name in along.keys() & {"inner", "dark", "outer", "beyond"}:
            along[name] *= self.bright
        for name in along.keys() & {"log_thickness", "log_layer"}:
            along[name] = np.exp(np.minimum(np.maximum(along[name], -3.0), 3.0))
        if self.is_bone:
            along["dark"] *= theta[self.part["inner"].start]
        return along

    def _expected(self, start: Start) -> FloatArray:
        expected = np.zeros(len(self.precision))
        expected[self.part["log_blur"]] = np.log(expected_blur_pixels(self.pixels.per_sample))
        if self.is_bone:
            expected[self.part["log_thickness"].start] = np.log(start.thickness_mm)
            floor = NOISE_FLOOR * self.pixels.noise / self.bright
            expected[self.part["dark"].start] = np.hypot(DARK_FRACTION, floor)
        if "log_layer" in self.part:
            expected[self.part["log_layer"].start] = np.log(_LAYER_MM)
        return expected

    def _start(self, start: Start, tissue: Tissue) -> FloatArray:
        theta = self.expected.copy()
        curve = self._legendre(start.along_mm)
        ridge = np.diag(self.precision[self.part["edge"]]) * _GOOD_TO_MM**2
        theta[self.part["edge"]] = np.linalg.solve(curve @ curve.T + ridge, curve @ start.offset_mm)
        dark = self.part["dark"].start
        theta[dark] = 1.0 if tissue is Tissue.MARROW else max(theta[dark], DARK_FRACTION)
        for name in ("inner", "outer", "beyond"):
            if name in self.part:
                theta[self.part[name].start] = 1.0
        if start.before is not None:
            for name, values in start.before.parameters.items():
                if name != "edge" and name in self.part:
                    theta[self.part[name]] = values
        return theta

    def evaluate(self, theta: FloatArray) -> tuple[FloatArray, FloatArray, Layers]:
        """Return the model, shape (pixels,), its slopes, (parameters, pixels), and where each
        pixel lies in it."""
        along = self._along(theta, self.polynomials)
        dark, outer = along["dark"], along["outer"]
        blur = np.exp(theta[self.part["log_blur"]])
        wide_mm = self.pixels.cutoff_mm / BLUR_PIXELS if self.rings else self.pixels.width_mm
        blur, (step, bell) = wide_mm * blur, _RINGING if self.rings else _BLURRED
        height = self.pixels.height_mm - along["edge"]
        outside = step(height / blur)
        predicted = dark + (outer - dark) * outside
        lift = (outer - dark) * bell(height, blur)
        slope = {"edge": -lift, "log_blur": -lift * height}
        share = {"dark": 1 - outside, "outer": outside}
        thickness = layer = np.zeros_like(height)
        if self.is_bone:
            inner, thickness = along["inner"], along["log_thickness"]
            depth = height + thickness
            share["inner"] = step(-depth / blur)
            share["dark"] = share["dark"] - share["inner"]
            predicted += (inner - dark) * share["inner"]
            fall = (inner - dark) * bell(depth, blur)
            slope["edge"] += fall
            slope["log_blur"] += fall * depth
            slope["log_thickness"] = -fall * thickness
        if "beyond" in along:
            beyond, layer = along["beyond"], along["log_layer"]
            past = height - layer
            share["beyond"] = step(past / blur)
            share["outer"] = share["outer"] - share["beyond"]
            predicted += (beyond - outer) * share["beyond"]
            change = (beyond - outer) * bell(past, blur)
            slope["edge"] -= change
            slope["log_blur"] -= change * past
            slope["log_layer"] = -change * layer
        slope |= {name: self.bright * part for name, part in share.items()}
        if self.is_bone:
            slope["dark"] = slope["dark"] * theta[self.part["inner"].start]
        slopes = np.stack([slope[name] for name in self.part])[self.row] * self.basis
        return predicted, slopes, Layers(height, thickness, layer)

    def normal_equations(
        self, theta: FloatArray, slopes: FloatArray, left: FloatArray, say: Say
    ) -> tuple[FloatArray, FloatArray]:
        """Return the information, shape (parameters, parameters), and the pull, (parameters,)."""
        weighted = slopes * (say.weight / (say.noise**2 * self.pixels.per_sample))
        information = weighted @ slopes.T
        information.flat[:: len(theta) + 1] += self.precision  # on the diagonal
        return information, weighted @ left - self.precision * (theta - self.expected)

    def step(self, information: FloatArray, pull: FloatArray, damping: float) -> FloatArray:
        """Return a damped step, none of its parts longer than allowed."""
        damped = information.copy()
        damped.flat[:: len(pull) + 1] *= 1 + damping
        return np.asarray(np.clip(np.linalg.solve(damped, pull), -self.longest, self.longest))

    def cost(self, theta: FloatArray, say: Say) -> tuple[float, FloatArray, FloatArray]:
        """Return the misfit and strain together, and the normal equations."""
        predicted, slopes, _ = self.evaluate(theta)
        left = self.pixels.value - predicted
        misfit = misfit_of(left, say, self.pixels.per_sample)
        return misfit + self.strain(theta), *self.normal_equations(theta, slopes, left, say)

    def strain(self, theta: FloatArray) -> float:
        """Return the chi-square of parameters against what is expected of them."""
        return float((self.precision * (theta - self.expected) ** 2).sum())

    def window(self, where: Layers) -> FloatArray:
        """Return how much pixels take part by where they lie, from 0 to 1."""
        width = self.pixels.width_mm
        inside = where.height_mm + where.thickness_mm + self.pixels.inside_mm
        reach = where.layer_mm + _BEYOND_MM if "log_layer" in self.part else OUTSIDE_MM
        outside = np.maximum(reach, OUTSIDE_PIXELS * width) - where.height_mm
        return np.asarray(_fading(inside) * _fading(outside))

    def result(
        self, theta: FloatArray, covariance: FloatArray, left: FloatArray, say: Say
    ) -> EdgeFit:
        """Return the fit in the words of anatomy."""
        curve, edge = self._legendre(self.along_mm), self.part["edge"]
        along = self._along(theta, curve)
        endless = np.full(curve.shape[1], np.inf)
        return EdgeFit(
            offset_mm=along["edge"],
            sd_mm=np.sqrt(((covariance[edge, edge] @ curve) * curve).sum(axis=0)),
            inner=along.get("inner", along["dark"]),
            dark=along["dark"],
            outer=along["outer"],
            thickness_mm=along.get("log_thickness", endless),
            blur_pixels=float(np.exp(theta[self.part["log_blur"]][0])),
            layer_mm=float(np.median(along["log_layer"])) if "log_layer" in along else None,
            noise=say.noise,
            rings=self.rings,
            strain=self.strain(theta),
            left=left,
            weight=say.weight,
            per_sample=self.pixels.per_sample,
            parameters={name: theta[part] for name, part in self.part.items()},
        )


def _typical_brightness(pixels: Pixels, start: Start, tissue: Tissue) -> float:
    """Return the median brightness of the marrow, or of what lies outside a tendon."""
    height = pixels.height_mm - np.interp(pixels.along_mm, start.along_mm, start.offset_mm)
    if tissue is not Tissue.TENDON:
        depth = -height - (start.thickness_mm if tissue is Tissue.BONE else 0.0)
        wanted = (depth > _FADE_MM) & (depth < pixels.inside_mm)
    else:
        wanted = (height > _FADE_MM) & (height < OUTSIDE_MM + _FADE_MM)
    typical = float(np.median(pixels.value[wanted])) if wanted.any() else 0.0
    return typical if typical > 0 else max(float(np.abs(pixels.value).max()), pixels.noise)


def _fading(inside_mm: FloatArray) -> FloatArray:
    """Return 0 outside of a border, 1 inside, and a ramp between."""
    return np.asarray(np.minimum(np.maximum(inside_mm / _FADE_MM + 0.5, 0.0), 1.0))


def _bell(height: FloatArray, blur: FloatArray) -> FloatArray:
    """Return the derivative of a blurred step."""
    return np.asarray(np.exp(-0.5 * (height / blur) ** 2) / (_ROOT_2_PI * blur))


def _blurred_step(blurs: FloatArray) -> FloatArray:
    return np.asarray(ndtr(blurs))


def _ringing_step(waves: FloatArray) -> FloatArray:
    """Return a step of which a k-space holds no waves shorter than 2: it rings."""
    return np.asarray(0.5 + sici(np.pi * waves)[0] / np.pi)


def _sinc(height: FloatArray, blur: FloatArray) -> FloatArray:
    """Return the derivative of a step that rings."""
    return np.asarray(np.sinc(height / blur) / blur)


#: A blurred step and its derivative, of a picture that does not ring and of one that does.
_BLURRED: Final = _blurred_step, _bell
_RINGING: Final = _ringing_step, _sinc
