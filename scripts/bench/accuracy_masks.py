"""Distances from outlines and masks: a section of ``accuracy.py``.

Truths are known from the shapes: two ellipses in a plane, or two spheres in space, in random poses.
Outlines are given by their exact vertices, or come from masks of several pixel sizes through the
same door as label maps in files: binary, as parts of voxels, and on a grid turned against the
slices.
"""

import time
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

import ifi_mri
from ifi_mri import geometry
from ifi_mri.config import Config
from ifi_mri.landmarks import contours
from ifi_mri.measurements import ischiofemoral_space, quadratus_femoris_space
from ifi_mri.model import Grid, Hip
from ifi_mri.pipeline import choose_series
from ifi_mri.vocabulary import Role, Side

#: Upright slices of 1 mm, in whose plane distances are taken.
FLAT = np.eye(4)[:, [2, 1, 0, 3]]

#: Half-axes of the ellipses, mm: bones, and tendons.
BONES_MM, TENDONS_MM = (8.0, 20.0), (3.0, 6.0)

SAMPLE = Path(__file__).resolve().parents[2] / "sample_data" / "narrowed_with_oedema"


# --- two ellipses in a plane --------------------------------------------------------------------


def ellipse(centre, axes, angle, count):
    """Return vertices of an ellipse, x and y in mm."""
    t = np.linspace(0, 2 * np.pi, count, endpoint=False)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([axes[0] * np.cos(t), axes[1] * np.sin(t)]) @ turn.T + centre


def pair_of_ellipses(rng, half_axes):
    """Return two ellipses 3 to 20 mm and more apart, and the distance between them."""
    axes, angles = rng.uniform(*half_axes, (2, 2)), rng.uniform(0, np.pi, 2)
    towards, apart = rng.uniform(0, 2 * np.pi), axes.max(axis=1).sum() + rng.uniform(3, 20)
    first = rng.uniform(0, 1.5, 2)
    second = first + apart * np.array([np.cos(towards), np.sin(towards)])
    shapes = list(zip((first, second), axes, angles, strict=True))
    fine = [ellipse(*shape, 4000) for shape in shapes]  # 0.03 mm apart: right to 1e-4 mm
    return shapes, float(cKDTree(fine[0]).query(fine[1])[0].min())


def covered(centre, axes, angle, pixel_mm, parts):
    """Return the part of every pixel that an ellipse covers, and the first pixel's centre."""
    first = pixel_mm * np.floor((centre - axes.max() - 3 * pixel_mm) / pixel_mm)
    n = int(2 * (axes.max() + 4 * pixel_mm) / pixel_mm) + 2
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    grid = first + np.stack(np.meshgrid(*[np.arange(n)] * 2, indexing="ij"), axis=-1) * pixel_mm

    def inside(points):
        return (((points - centre) @ turn.T / axes) ** 2).sum(axis=-1) <= 1

    part = inside(grid).astype(np.float64)
    if parts > 1:
        near = np.abs(np.linalg.norm((grid - centre) @ turn.T / axes, axis=-1) - 1)
        edge = near * axes.min() < pixel_mm
        offsets = ((np.arange(parts) + 0.5) / parts - 0.5) * pixel_mm
        shifts = np.stack(np.meshgrid(offsets, offsets), axis=-1).reshape(-1, 2)
        part[edge] = np.mean([inside(grid[edge] + shift) for shift in shifts], axis=0)
    return part, first


def outline(occupancy, first, pixel_mm):
    """Return the outline of one slice, mm."""
    affine = np.array(FLAT)
    affine[:2, 1:3] *= pixel_mm
    affine[:3, 1], affine[:3, 2] = (pixel_mm, 0, 0), (0, pixel_mm, 0)
    affine[:2, 3] = first
    (line,) = contours.sections(
        occupancy[None], affine, Grid.from_affine(affine, (1, *occupancy.shape))
    )[0]
    return line


def gap_mm(first, second):
    return geometry.closest_in_plane(
        first, second, FLAT, first_closed=True, second_closed=True
    ).distance_mm


def from_vertices(shapes):
    lines = [np.column_stack([ellipse(*shape, 720), np.zeros(720)]) for shape in shapes]
    return gap_mm(*lines)


def from_masks(shapes, pixel_mm, parts):
    lines = []
    for shape in shapes:
        part, first = covered(*shape, pixel_mm, parts)
        lines.append(
            outline(part > 0.5 if parts == 1 else part.astype(np.float32), first, pixel_mm)
        )
    return gap_mm(*lines)


# --- two spheres on a grid turned against the slices --------------------------------------------


def from_turned_mask(rng, voxel_mm, radii_mm=(12.0, 20.0)):
    """Return the error of the distance between two spheres on a slice through both centres, from
    masks on a grid of its own, turned by up to 20 degrees about every axis."""
    radii = rng.uniform(*radii_mm, 2)
    apart = radii.sum() + rng.uniform(3, 20)
    centres = np.array([(0.0, 0.0, 0.0), (apart, 0.0, 0.0)]) + rng.uniform(0, 2, 3)
    turn = Rotation.from_euler("xyz", rng.uniform(-20, 20, 3), degrees=True).as_matrix()
    plane = np.array(FLAT)
    plane[:3, 3] = centres[0]
    lines = []
    for centre, radius in zip(centres, radii, strict=True):
        n = 2 * int(radius / min(voxel_mm)) + 8
        affine = np.eye(4)
        affine[:3, :3] = turn[:, ::-1] * voxel_mm
        affine[:3, 3] = centre + rng.uniform(-0.5, 0.5, 3) - affine[:3, :3] @ np.full(3, n / 2)
        places = geometry.voxel_to_patient(affine, np.moveaxis(np.indices((n, n, n)), 0, -1))
        mask = np.linalg.norm(places - centre, axis=-1) <= radius
        (line,) = contours.sections(mask, affine, Grid.from_affine(plane, (1, 8, 8)))[0]
        lines.append(line)
    return gap_mm(*lines) - (apart - radii.sum())


# --- time ---------------------------------------------------------------------------------------


def milliseconds():
    """Return how long both spaces of one hip take from outlines on five slices, ms."""
    study = ifi_mri.load_study(SAMPLE / "study")
    landmarks = ifi_mri.read_landmarks(SAMPLE / "landmarks")
    anatomy = choose_series(study, landmarks, Config())[0].series
    hip = Hip(Side.LEFT, landmarks.on(Side.LEFT), {Role.ANATOMY: anatomy}, {})
    taken = []
    for _ in range(60):
        begin = time.perf_counter()
        ischiofemoral_space.measure(hip, Config())
        quadratus_femoris_space.measure(hip, Config())
        taken.append(1e3 * (time.perf_counter() - begin))
    return min(taken), float(np.median(taken))


def rows(draws):
    """Yield name and errors of every row, mm."""
    rng = np.random.default_rng(7)
    pairs = [pair_of_ellipses(rng, BONES_MM) for _ in range(draws)]
    small = [pair_of_ellipses(rng, TENDONS_MM) for _ in range(draws)]
    yield "exact outlines of 720 vertices", [from_vertices(one) - truth for one, truth in pairs]
    for pixel_mm in (0.5, 0.7, 1.0, 1.5):
        for name, parts in (("mask", 1), ("partial volume", 6)):
            errors = [from_masks(one, pixel_mm, parts) - truth for one, truth in pairs]
            yield f"{name}, {pixel_mm} mm pixels", errors
    errors = [from_masks(one, 0.7, 1) - truth for one, truth in small]
    yield "mask of tendons (half-axes 3-6 mm), 0.7 mm pixels", errors
    for voxel_mm in ((1.0, 1.0, 1.0), (1.5, 1.5, 1.5), (3.0, 0.8, 0.8)):
        size = " x ".join(f"{one:g}" for one in voxel_mm)
        errors = [from_turned_mask(rng, voxel_mm) for _ in range(draws // 4)]
        yield f"mask of spheres on a turned grid of its own, {size} mm", errors


def run(arguments):
    """Print the table of outlines and masks, and the time that both spaces of a hip take."""
    print(f"\nDistance between two outlines, {arguments.draws} random poses, mm\n")
    print("| from | bias | SD | largest |\n|---|---|---|---|")
    for name, errors in rows(arguments.draws):
        digits = 4 if "exact" in name else 3
        print(
            f"| {name} | {np.mean(errors):+.{digits}f} | {np.std(errors):.{digits}f} "
            f"| {np.abs(errors).max():.{digits}f} |"
        )
    shortest, median = milliseconds()
    print(
        f"\nBoth spaces of one hip, outlines on 5 slices: {shortest:.1f} ms (median {median:.1f})"
    )
