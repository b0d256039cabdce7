"""Two bones on one T1-like slice, rendered from shapes whose true gap is known.

The ischium is a rounded block, the femur a disc with the lesser trochanter as a rounded spur:
marrow 1.0, cortex 0.15, muscle 0.35, fat 1.0.  A pixel is the mean over many places inside it
(partial volume) of a blurred picture (point spread), times the coil's shading, with Rician noise.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree
from skimage.measure import find_contours

from ifi_mri.model import Instance, Landmark, Volume
from ifi_mri.vocabulary import LandmarkName, Side

MARROW, CORTEX, MUSCLE, FAT = 1.0, 0.15, 0.35, 1.0

#: Places in a pixel, per axis, whose mean is its brightness.
SUPERSAMPLING = 6

#: Blur before the pixels are filled, in pixels: with the pixel's own box 0.46 pixels in all, as
#: wide as the sinc of a fully sampled k-space (full width at half maximum 1.2 pixels).
POINT_SPREAD_PIXELS = 0.35


@dataclass(frozen=True)
class Bones:
    """A slice with both bones.  The frame of the shapes: x from ischium to femur, y to the back.

    ``outside`` is muscle, fat, or a layer of fat ``layer_mm`` thick with muscle beyond.  The cortex
    is missing within ``hole_mm`` of the true ends.  ``ringing`` is 1 where the k-space was cut off
    without a filter: edges ring; less where a filter leaves so much of that.
    """

    gap_mm: float = 14.0
    cortex_mm: float = 2.0
    pixel_mm: tuple[float, float] = (0.6, 0.6)
    snr: float = 25.0
    shading: float = 0.3
    outside: str = "muscle"
    layer_mm: float = 1.0
    turn_deg: float = 20.0
    spur_mm: float = 6.0
    offset_mm: tuple[float, float] = (0.0, 0.0)
    has_cortex: tuple[bool, bool] = (True, True)
    hole_mm: float = 0.0
    ringing: float = 0.0
    side: Side = Side.LEFT

    def ischium(self, x, y):
        """Return signed distances to the ischium, mm: a block with corners of 6 mm."""
        dx = np.abs(x + self.gap_mm / 2 + 16) - 10
        dy = np.abs(y - 3) - 8
        outside = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0))
        return outside + np.minimum(np.maximum(dx, dy), 0) - 6

    def femur(self, x, y):
        """Return signed distances to the femur, mm: shaft and lesser trochanter."""
        start, end = np.array([22.0, -14.0]), np.array([self.spur_mm, 0.0])
        start[0] += self.gap_mm / 2
        end[0] += self.gap_mm / 2
        along = ((x - start[0]) * (end[0] - start[0]) + (y - start[1]) * (end[1] - start[1])) / (
            (end - start) @ (end - start)
        )
        along = np.clip(along, 0, 1)
        spur = np.hypot(
            x - start[0] - along * (end - start)[0], y - start[1] - along * (end - start)[1]
        )
        shaft = np.hypot(x - start[0], y - start[1]) - 14
        return _joined(spur - self.spur_mm, shaft)

    @cached_property
    def edges(self):
        """Outer edges of both bones facing one another, two arrays of shape (n, 2), mm."""
        step = 0.05
        x = np.arange(-self.gap_mm / 2 - 12, self.gap_mm / 2 + 14, step)
        y = np.arange(-16, 16, step)
        found = []
        for shape in (self.ischium, self.femur):
            contours = find_contours(shape(x[None], y[:, None]), 0)
            rows, columns = np.concatenate(contours).T
            found.append(np.stack([x[0] + columns * step, y[0] + rows * step], axis=1))
        return found

    @cached_property
    def nearest(self):
        """The ends of the true gap, shape (2, 2), mm."""
        first, second = self.edges
        distance, index = cKDTree(second).query(first)
        best = int(np.argmin(distance))
        return np.stack([first[best], second[index[best]]])

    @property
    def true_mm(self) -> float:
        """The true gap."""
        return float(np.linalg.norm(self.nearest[1] - self.nearest[0]))

    def tissue(self, x, y):
        """Return the brightness at places of the shapes' frame."""
        ischium, femur = self.ischium(x, y), self.femur(x, y)
        apart = np.minimum(ischium, femur)
        image = np.full(np.broadcast(x, y).shape, FAT if self.outside == "fat" else MUSCLE)
        if self.outside == "layer":
            image = np.where(apart < self.layer_mm, FAT, image)
        for distance, has_cortex in zip((ischium, femur), self.has_cortex, strict=True):
            image = np.where(distance < 0, CORTEX if has_cortex else MARROW, image)
            image = np.where(distance < -self.cortex_mm, MARROW, image)
        if self.hole_mm:
            for distance, end in zip((ischium, femur), self.nearest, strict=True):
                in_hole = np.hypot(x - end[0], y - end[1]) < self.hole_mm
                image = np.where(in_hole & (distance < 0), MARROW, image)
        return image

    @cached_property
    def affine(self):
        """Slice, row, column to patient mm: oblique by 11 degrees, columns run to the patient's
        right, the shapes' x turned by ``turn_deg`` in the plane and pointing to the side."""
        tilt = np.radians(11)
        right = np.array([-np.cos(tilt), 0, np.sin(tilt)])
        down = np.array([0.0, 1.0, 0.0])
        affine = np.eye(4)
        affine[:3, 2] = right * self.pixel_mm[1]
        affine[:3, 1] = down * self.pixel_mm[0]
        affine[:3, 0] = np.cross(right, down) * 5.0
        affine[:3, 3] = (self.side.sign * 70.0, -20.0, 30.0) - affine[:3, 1:3] @ (
            np.asarray(self.shape) / 2
        )
        return affine

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns: 72 x 84 mm."""
        return int(72 / self.pixel_mm[0]), int(84 / self.pixel_mm[1])

    @property
    def _frame(self):
        """The shapes' axes in the image's (right, down), shape (2, 2), and their origin there."""
        turn = np.radians(self.turn_deg)
        x_axis = np.array([-self.side.sign * np.cos(turn), -np.sin(turn)])
        y_axis = np.array([self.side.sign * np.sin(turn) * -1.0, np.cos(turn)])
        middle = np.array([self.shape[1] * self.pixel_mm[1], self.shape[0] * self.pixel_mm[0]]) / 2
        return np.stack([x_axis, y_axis]), middle + self.offset_mm

    def to_patient(self, places):
        """Return patient mm, shape (..., 3), of places in the shapes' frame."""
        axes, origin = self._frame
        image = np.asarray(places) @ axes + origin
        index = np.stack(
            [
                np.zeros(image.shape[:-1]),
                image[..., 1] / self.pixel_mm[0],
                image[..., 0] / self.pixel_mm[1],
            ],
            axis=-1,
        )
        return index @ self.affine[:3, :3].T + self.affine[:3, 3]

    @cached_property
    def clean(self):
        """The slice without noise, shape (rows, columns)."""
        axes, origin = self._frame
        n = SUPERSAMPLING
        rows, columns = self.shape
        down = ((np.arange(rows * n) + 0.5) / n - 0.5) * self.pixel_mm[0] - origin[1]
        right = ((np.arange(columns * n) + 0.5) / n - 0.5) * self.pixel_mm[1] - origin[0]
        inverse = np.linalg.inv(axes)
        x = right[None] * inverse[0, 0] + down[:, None] * inverse[1, 0]
        y = right[None] * inverse[0, 1] + down[:, None] * inverse[1, 1]
        tissue = self.tissue(x, y)
        fine = gaussian_filter(tissue, POINT_SPREAD_PIXELS * n, mode="nearest")
        image = fine.reshape(rows, n, columns, n).mean(axis=(1, 3))
        if self.ringing:
            image = self.ringing * _cut_off(tissue, n) + (1 - self.ringing) * image
        ramp = np.linspace(-0.5, 0.5, columns)[None] + np.linspace(-0.3, 0.3, rows)[:, None]
        return image * (1 + self.shading * ramp)

    def volume(self, generator=None, gain: float = 400.0) -> Volume:
        """Return the slice as a volume; noise of SD marrow / ``snr`` where a generator is given."""
        image = self.clean
        if generator is not None:
            noise = generator.normal(0, MARROW / self.snr, (2, *image.shape))
            image = np.hypot(image + noise[0], noise[1])
        return volume_of(image * gain, self.affine)

    def marks(self, generator=None, jitter_mm: float = 0.0) -> tuple[Landmark, Landmark]:
        """Return ischial tuberosity and lesser trochanter at the true ends, jittered per axis."""
        places = self.nearest
        if generator is not None:
            places = places + generator.normal(0, jitter_mm, (2, 2))
        names = LandmarkName.ISCHIAL_TUBEROSITY, LandmarkName.LESSER_TROCHANTER
        first, second = (
            Landmark(name, self.side, (tuple(float(c) for c in self.to_patient(place)),))
            for name, place in zip(names, places, strict=True)
        )
        return first, second

    def but(self, **changes) -> "Bones":
        """Return the same bones with something changed."""
        return replace(self, **changes)


def volume_of(image, affine) -> Volume:
    """Return an image as a volume of one slice."""
    voxels = np.asarray(image, dtype=np.float32)[None]
    position = tuple(float(x) for x in affine[:3, 3])
    instance = Instance(Path("1.dcm"), None, "1.2.3", None, position, 1)
    return Volume(voxels, affine, "9.9", "9", (instance,))


def _cut_off(fine, n: int):
    """Return an image of pixels n times as wide, of only the waves that they hold."""
    size = np.array(fine.shape) // n
    waves = np.fft.fftshift(np.fft.fft2(fine))
    low = np.array(fine.shape) // 2 - size // 2
    waves = waves[low[0] : low[0] + size[0], low[1] : low[1] + size[1]] / n**2
    down, right = (np.fft.fftshift(np.fft.fftfreq(count)) / n for count in size)
    to_middle = np.exp(2j * np.pi * (n - 1) / 2 * (down[:, None] + right))  # of n by n places
    return np.fft.ifft2(np.fft.ifftshift(waves * to_middle)).real


def _joined(a, b, radius: float = 4.0):
    """Return the union of two shapes with the corner between them filled to a radius."""
    blend = np.maximum(radius - np.abs(a - b), 0) / radius
    return np.minimum(a, b) - blend * blend * radius / 4
