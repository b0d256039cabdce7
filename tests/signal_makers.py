"""Quadratus femoris and its neighbours as voxels, fast, with every truth known.

A toy of one hip at the level of the ischiofemoral space: quadratus femoris as a curved, tapering
band of 25 ml, gluteus maximus behind, other muscles, femur, ischium, sciatic nerve, a vein and
subcutaneous fat around.  Partial volume in the plane and through the slice, blur, coil shading, and
noise that is correlated as in interpolated images, added to both channels before the magnitude is
taken.  The plane's x runs to the image's right, y down (to the back), z towards the head, mm.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import ndimage

from ifi_mri.model import Instance, Landmark, Volume
from ifi_mri.vocabulary import LandmarkName, Side

A, B = np.radians(9), np.radians(14)
TURN = np.array([[1, 0, 0], [0, np.cos(A), -np.sin(A)], [0, np.sin(A), np.cos(A)]]) @ np.array(
    [[np.cos(B), -np.sin(B), 0], [np.sin(B), np.cos(B), 0], [0, 0, 1]]
)
CENTRE_MM = np.array([95.0, 20.0, 60.0])

#: Signal over that of muscle.
FLUID = {"fat": 0.35, "marrow": 0.4, "cortex": 0.06, "nerve": 1.4, "vein": 2.6, "skin": 0.7}
T1 = {"fat": 3.2, "marrow": 2.7, "cortex": 0.1, "nerve": 1.3, "vein": 0.6, "skin": 1.2}

FIELD_MM = (150.0, 132.0)
SCANNER_FIELD_MM = 360.0
MUSCLE_MM = (24.0, 6.5)
MUSCLE_REACH_MM = 30.0
MUSCLE_HALF_HEIGHT_MM = 24.0

Shape = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Signed distance in mm (negative inside) at x, y, z."""


@dataclass(frozen=True)
class Oedema:
    """Raised signal: ``kind`` focal, diffuse, perimuscular or cranial; ``extent`` is the share of
    the muscle."""

    kind: str
    ratio: float
    extent: float
    centre_mm: tuple[float, float, float] = (-4.0, 0.0, 2.0)


@dataclass(frozen=True)
class Scan:
    """How the toy is scanned."""

    pixel_mm: tuple[float, float] = (1.1, 1.3)
    spacing_mm: float = 5.0
    thickness_mm: float = 4.0
    snr: float | None = 20.0
    shading: float = 0.0
    shading_deg: float = 30.0
    shading_offset_mm: tuple[float, float] = (60.0, 20.0)
    correlation_px: float = 0.6
    texture: float = 0.0
    level: float = 200.0
    fat_fraction: float = 0.0
    fat_signal: float | None = None
    shift_mm: tuple[float, float] = (0.0, 0.0)
    level_mm: float = 0.0
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Made:
    """Voxels, outlines and truths."""

    volume: Volume
    quadratus: tuple[Landmark, ...]
    reference: tuple[Landmark, ...]
    fat: tuple[Landmark, ...]
    space_line_mm: np.ndarray
    true_extent: float
    true_volume_ml: float
    true_muscle_ml: float
    true_median: float
    clean: Volume = field(repr=False)


# --- shapes -------------------------------------------------------------------------------------


def muscle_distance(x, y, z):
    """Return the signed distance to quadratus femoris: an ellipse about a bent axis that shrinks
    towards both ends."""
    size = np.sqrt(np.maximum(1 - (z / MUSCLE_REACH_MM) ** 2, 0.01))
    a, b = MUSCLE_MM[0] * size, MUSCLE_MM[1] * size
    bent = y - 0.006 * x**2 + 1.0
    f = np.sqrt((x / a) ** 2 + (bent / b) ** 2 + 1e-12)
    slope = np.sqrt((x / a**2 - bent * 0.012 * x / b**2) ** 2 + (bent / b**2) ** 2 + 1e-12) / f
    return (f - 1) / slope


def ellipse(x, y, middle, half, turn_deg=0.0):
    """Return the signed distance to an ellipse, first order in the distance."""
    c, s = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    dx, dy = x - middle[0], y - middle[1]
    p, q = (c * dx + s * dy) / half[0], (-s * dx + c * dy) / half[1]
    f = np.sqrt(p**2 + q**2 + 1e-12)
    return (f - 1) * f / np.sqrt((p / half[0]) ** 2 + (q / half[1]) ** 2 + 1e-12)


NEIGHBOURS = (
    ((0, 34), (52, 15), 4), ((-16, -22), (20, 9), 20), ((-50, -26), (16, 24), 10),
    ((56, -12), (11, 36), 0), ((2, -47), (24, 11), -10),
)  # fmt: skip


def plane_shapes():
    """Yield (tissue, signed distance as a function of x and y), back to front."""
    yield "fat", lambda x, y: ellipse(x, y, (0, -4), (82, 68))
    for middle, half, turn in NEIGHBOURS:
        yield "muscle", lambda x, y, m=middle, h=half, t=turn: ellipse(x, y, m, h, t)
    for middle, radius in (((27, -21), 14.0), ((-37, 4), 9.0)):
        yield "cortex", lambda x, y, m=middle, r=radius: np.hypot(x - m[0], y - m[1]) - r
        yield "marrow", lambda x, y, m=middle, r=radius: np.hypot(x - m[0], y - m[1]) - r + 2.5
    yield "nerve", lambda x, y: ellipse(x, y, (-8, 13.5), (4, 2))
    yield "vein", lambda x, y: np.hypot(x - 2, y - 13.5) - 1.5


def oedema_distance(oedema: Oedema, seed: int) -> Shape:
    """Return the signed distance-like function of the raised region, cut so that exactly its
    extent of the muscle lies inside."""
    shape = _unscaled(oedema, seed)
    x, y, z = muscle_points()
    values = shape(x, y, z)
    cut = np.quantile(values, oedema.extent)
    return lambda x, y, z: shape(x, y, z) - cut


def _unscaled(oedema: Oedema, seed: int) -> Shape:
    cx, cy, cz = oedema.centre_mm
    if oedema.kind == "diffuse":
        rng = np.random.default_rng(seed)
        waves = rng.normal(0, 1 / np.array([9.0, 5.0, 12.0]), (24, 3))
        phases = rng.uniform(0, 2 * np.pi, 24)

        slope = np.sqrt((waves[:, :2] ** 2).sum() / 2)

        def rough(x, y, z):
            angles = (
                k[0] * x + k[1] * y + k[2] * z + p for k, p in zip(waves, phases, strict=True)
            )
            return sum(np.cos(angle) for angle in angles) / slope

        return rough
    if oedema.kind == "cranial":
        return lambda x, y, z: (cz - z) + 0 * (x + y)
    if oedema.kind == "perimuscular":
        cy = cy + 6.0
    return lambda x, y, z: np.sqrt((x - cx) ** 2 + 2.2 * (y - cy) ** 2 + 0.5 * (z - cz) ** 2 + 1e-9)


def muscle_points(step=0.8):
    """Return points that fill the muscle evenly: x, y, z."""
    x, y, z = np.meshgrid(
        np.arange(-26, 26.1, step),
        np.arange(-9, 10.1, step / 2),
        np.arange(-24, 24.1, step),
        indexing="ij",
    )
    inside = (muscle_distance(x, y, z) < 0) & (np.abs(z) <= MUSCLE_HALF_HEIGHT_MM)
    return x[inside], y[inside], z[inside]


# --- scanning -----------------------------------------------------------------------------------


def affine_of(scan: Scan, n_slices: int) -> np.ndarray:
    """Return the affine: columns run to the patient's right, slices towards the feet."""
    rows, columns = (round(f / p) for f, p in zip(FIELD_MM[::-1], scan.pixel_mm, strict=True))
    steps = np.array(
        [[0, 0, -scan.pixel_mm[1]], [0, scan.pixel_mm[0], 0], [-scan.spacing_mm, 0, 0]]
    )
    affine = np.eye(4)
    affine[:3, :3] = TURN @ steps
    middle = np.array([(n_slices - 1) / 2, (rows - 1) / 2, (columns - 1) / 2])
    middle[0] += scan.level_mm / scan.spacing_mm
    affine[:3, 3] = CENTRE_MM - affine[:3, :3] @ middle
    return affine


def to_patient(points) -> np.ndarray:
    """Return patient positions of toy coordinates (x to the image's right, y down, z up)."""
    x, y, z = np.moveaxis(np.asarray(points, float), -1, 0)
    return CENTRE_MM + np.stack([-x, y, z], axis=-1) @ TURN.T


def make(scan: Scan = Scan(), oedema: Oedema | None = None, contrast=FLUID) -> Made:
    """Return one scanned hip."""
    n_slices = 2 * int(MUSCLE_HALF_HEIGHT_MM // scan.spacing_mm) + 3
    z = scan.level_mm - (np.arange(n_slices) - (n_slices - 1) / 2) * scan.spacing_mm
    rows, columns = (round(f / p) for f, p in zip(FIELD_MM[::-1], scan.pixel_mm, strict=True))
    y = (np.arange(rows) - (rows - 1) / 2)[:, None] * scan.pixel_mm[0]
    x = (np.arange(columns) - (columns - 1) / 2)[None] * scan.pixel_mm[1]
    clean = _clean(scan, oedema, contrast, x, y, z)
    sensitivity = _sensitivity(scan, x, y)
    rng = np.random.default_rng(scan.seed)
    voxels = clean * sensitivity * scan.level
    if scan.snr is not None:
        voxels = with_noise(voxels, scan.level / scan.snr, scan.correlation_px, rng)
    affine = affine_of(scan, n_slices)
    points = muscle_points()
    inside = 0.0
    median = 1.0
    if oedema is not None:
        values = oedema_distance(oedema, scan.seed)(*points)
        inside = float((values < 0).mean())
        median = float(np.median(np.where(values < 0, oedema.ratio, 1.0)))
    muscle_ml = len(points[0]) * 0.8 * 0.4 * 0.8 / 1000
    return Made(
        _volume(voxels, affine),
        _muscle_outlines(scan, z),
        _ellipse_outlines(LandmarkName.REFERENCE_MUSCLE, z, (5, 35), (17, 8), 4),
        _ellipse_outlines(LandmarkName.SUBCUTANEOUS_FAT, z, (5, 56), (20, 3), 0),
        to_patient([[-28.0, 2.0, 0.0], [20.0, -9.0, 0.0]]),
        inside,
        inside * muscle_ml,
        muscle_ml,
        median,
        _volume(clean * scan.level, affine),
    )


def _clean(scan, oedema, contrast, x, y, z):
    """Return the blurred, noise-free signal over that of muscle."""
    pixel = float(np.mean(scan.pixel_mm))
    contrast = contrast | ({} if scan.fat_signal is None else {"fat": scan.fat_signal})
    levels = {"muscle": 1.0} | contrast
    xs, ys = x - scan.shift_mm[0], y - scan.shift_mm[1]
    plane = np.zeros(np.broadcast_shapes(x.shape, y.shape))
    for tissue, distance in plane_shapes():
        cover = np.clip(0.5 - distance(xs, ys) / pixel, 0, 1)
        plane += cover * (levels[tissue] - plane)
    raised = None if oedema is None else oedema_distance(oedema, scan.seed)
    rng = np.random.default_rng(scan.seed + 1)
    stack = []
    for centre in z:
        mean = 0.0
        for part in (-0.4, -0.2, 0.0, 0.2, 0.4):
            mean = mean + 0.2 * _at(
                centre + part * scan.thickness_mm,
                plane,
                xs,
                ys,
                pixel,
                raised,
                oedema,
                scan,
                levels,
            )
        if scan.texture:
            rough = ndimage.gaussian_filter(rng.normal(size=plane.shape), 1.5)
            mean = mean * (1 + scan.texture * rough / rough.std())
        stack.append(mean)
    blur = (0, scan.correlation_px, scan.correlation_px)
    return ndimage.gaussian_filter(np.array(stack), blur)


def _at(level, plane, x, y, pixel, raised, oedema, scan, levels):
    """Return the signal at one depth."""
    z = np.full_like(plane, level)
    if abs(level) > MUSCLE_HALF_HEIGHT_MM:
        return plane
    distance = muscle_distance(x, y, z)
    rim = np.clip(0.5 - (distance - 1.0) / pixel, 0, 1)
    signal = plane + rim * (levels["fat"] - plane)
    cover = np.clip(0.5 - distance / pixel, 0, 1)
    muscle = (1 - scan.fat_fraction) * levels["muscle"] + scan.fat_fraction * levels["fat"]
    if raised is not None:
        share = _part_inside(raised, x, y, z, cover > 0, scan.pixel_mm)
        muscle = muscle + share * (oedema.ratio - 1)
        if oedema.kind == "perimuscular":
            around = np.clip(0.5 - (distance - 4.5) / pixel, 0, 1) * np.clip(
                0.5 - (raised(x, y, z) - 4) / pixel, 0, 1
            )
            signal = signal + around * (oedema.ratio - signal)
    return signal + cover * (muscle - signal)


def _part_inside(shape, x, y, z, wanted, pixel_mm):
    """Return how much of each wanted pixel lies inside a shape, 0 elsewhere, by 4 x 4 points: an
    oedema's function is negative inside but no distance, so that a ramp over its edge would paint
    faint signal where none is raised."""
    part = np.zeros(z.shape)
    rows, columns = (np.flatnonzero(wanted.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return part
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    off = (np.arange(4) - 1.5) / 4
    part[box] = np.mean(
        [
            shape(x[:, box[1]] + right, y[box[0]] + down, z[box]) < 0
            for down in off * pixel_mm[0]
            for right in off * pixel_mm[1]
        ],
        axis=0,
    )
    return part


def _sensitivity(scan, x, y):
    """Return the coil's sensitivity: ``shading`` is what it changes by, over its mean, across the
    scanner's field of view."""
    angle = np.radians(scan.shading_deg)
    px, py = x + scan.shading_offset_mm[0], y + scan.shading_offset_mm[1]
    along = (px * np.cos(angle) + py * np.sin(angle)) / SCANNER_FIELD_MM
    bowl = (px**2 + py**2) / (SCANNER_FIELD_MM / 2) ** 2
    return 1 + scan.shading * (0.8 * along + 0.2 * bowl)


def with_noise(voxels, sigma, correlation_px, rng):
    """Return the magnitude after correlated normal noise of SD ``sigma`` in both channels."""

    def channel():
        white = rng.standard_normal(voxels.shape)
        noise = ndimage.gaussian_filter(white, (0, correlation_px, correlation_px), mode="wrap")
        return sigma * noise / noise.std()

    return np.hypot(voxels + channel(), channel())


def _volume(voxels, affine) -> Volume:
    from pathlib import Path

    instances = tuple(
        Instance(
            Path(f"{k}.dcm"), None, f"1.2.{k}", None, tuple((affine @ (k, 0, 0, 1))[:3]), k + 1
        )
        for k in range(len(voxels))
    )
    return Volume(voxels.astype(np.float32), affine, "9.9", "9.1", instances)


# --- outlines -----------------------------------------------------------------------------------


def _muscle_outlines(scan, z) -> tuple[Landmark, ...]:
    marks = []
    for level in z[np.abs(z) <= MUSCLE_HALF_HEIGHT_MM]:
        size = np.sqrt(max(1 - (level / MUSCLE_REACH_MM) ** 2, 0.01))
        angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
        x = MUSCLE_MM[0] * size * np.cos(angle)
        y = MUSCLE_MM[1] * size * np.sin(angle) + 0.006 * x**2 - 1.0
        marks.append(_mark(LandmarkName.QUADRATUS_FEMORIS, x, y, level))
    return tuple(marks)


def _ellipse_outlines(name, z, middle, half, turn_deg) -> tuple[Landmark, ...]:
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    c, s = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    p, q = half[0] * np.cos(angle), half[1] * np.sin(angle)
    x, y = middle[0] + c * p - s * q, middle[1] + s * p + c * q
    return tuple(_mark(name, x, y, level) for level in z[np.abs(z) <= MUSCLE_HALF_HEIGHT_MM])


def _mark(name, x, y, level) -> Landmark:
    points = to_patient(np.stack([x, y, np.full_like(x, level)], axis=-1))
    return Landmark(name, Side.LEFT, tuple(tuple(p) for p in points.tolist()), closed=True)


def read_again(outlines, rng, sd_mm=1.0, length_mm=10.0) -> tuple[Landmark, ...]:
    """Return outlines as another reader draws them: off by ``sd_mm`` across themselves, to the
    same side over about ``length_mm``."""
    return tuple(_jittered(mark, rng, sd_mm, length_mm) for mark in outlines)


def _jittered(mark, rng, sd_mm, length_mm):
    points = np.asarray(mark.points_mm)
    plane = TURN[:, :2]
    flat = (points - points.mean(axis=0)) @ plane
    ahead = np.roll(flat, -1, axis=0) - np.roll(flat, 1, axis=0)
    normal = np.stack([ahead[:, 1], -ahead[:, 0]], axis=1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    step = np.linalg.norm(np.diff(flat, axis=0, append=flat[:1]), axis=1).mean()
    rough = ndimage.gaussian_filter1d(
        rng.standard_normal(len(flat)), length_mm / 2 / step, mode="wrap"
    )
    expected = np.sqrt(
        (
            ndimage.gaussian_filter1d(np.eye(1, len(flat))[0], length_mm / 2 / step, mode="wrap")
            ** 2
        ).sum()
    )
    off = sd_mm * rough / expected
    moved = points + (off[:, None] * normal) @ plane.T
    return replace(mark, points_mm=tuple(tuple(p) for p in moved.tolist()))


# --- the real study -----------------------------------------------------------------------------


def real_volume(folder, n_slices=10) -> Volume:
    """Return the first slices of a series of the real study, read with pydicom alone."""
    import pydicom

    files = [pydicom.dcmread(folder / f"1-{k:02d}.dcm") for k in range(1, n_slices + 1)]
    first = np.array([file.ImagePositionPatient for file in files], dtype=float)
    directions = np.array(files[0].ImageOrientationPatient, dtype=float).reshape(2, 3)
    affine = np.eye(4)
    affine[:3, 0] = (first[-1] - first[0]) / (n_slices - 1)
    affine[:3, 1] = directions[1] * float(files[0].PixelSpacing[0])
    affine[:3, 2] = directions[0] * float(files[0].PixelSpacing[1])
    affine[:3, 3] = first[0]
    return _volume(np.stack([file.pixel_array for file in files]), affine)


def real_landmarks(content) -> dict[str, tuple[Landmark, ...]]:
    """Return the landmarks of a native landmark file's content, by name."""
    found: dict[str, tuple[Landmark, ...]] = {}
    for mark in content["landmarks"]:
        points = tuple(tuple(point) for point in mark["points_mm"])
        made = Landmark(LandmarkName(mark["name"]), Side(mark["side"]), points, mark["closed"])
        found[mark["name"]] = (*found.get(mark["name"], ()), made)
    return found
