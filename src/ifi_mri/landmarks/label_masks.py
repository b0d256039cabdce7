"""Label maps as landmarks: a number in every voxel says which structure it belongs to.

A map is read from NIfTI, MetaImage, NRRD (`label_files`) or DICOM SEG (`dicom_seg`) with a table of
what its numbers mean (`label_tables`).  Every structure becomes a `Mask` on its own box of voxels,
because segments of a DICOM SEG may overlap and may be fractions.  Masks become outlines on the
slices of the anatomy series, finer than the voxels (`contours`); whole bones lead to landmarks
through `bone_labels`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from ifi_mri import geometry
from ifi_mri.landmarks import contours, dicom_seg, label_contents, label_files
from ifi_mri.landmarks.contours import Occupancy
from ifi_mri.landmarks.label_contents import LARGEST_LOOKUP, present_labels
from ifi_mri.landmarks.label_tables import Label, LabelTable, Structure, best_of_names, find
from ifi_mri.landmarks.label_volumes import LabelVolume, Layer, Voxels
from ifi_mri.landmarks.text_files import is_dicom, named, read_head
from ifi_mri.model import Caution, Grid, Landmark, Series
from ifi_mri.vocabulary import LandmarkName, Side

#: A map's own slices count as axial up to this tilt; beyond, sections are cut along the patient's
#: axial planes.  The design's decision 3 cautions beyond the same angle.
OWN_SLICES_TILT_DEG: Final = 10.0

#: Spacing of planes that are cut between voxels, mm: finer gains nothing.
CUT_SPACING_MM: Final = 1.5

#: What rounding may put a vertex outside a picture, pixels.
_ROUNDING_PIXELS: Final = 1e-4

SUFFIXES: Final = label_files.SUFFIXES


@dataclass(frozen=True, eq=False)
class Mask:
    """One label of a map, on the box of voxels around it.

    Attributes
    ----------
    label : Label
        What it means.
    occupancy : numpy.ndarray of shape (slices, rows, columns), bool or float32
        Which voxels belong to it, or how much of each (0 to 1); read-only.
    corner : tuple of 3 ints
        Indices of the box's first voxel in the map.
    affine : numpy.ndarray of shape (4, 4)
        From ``(slice, row, column, 1)`` of ``occupancy`` to patient LPS mm.
    """

    label: Label
    occupancy: Occupancy
    corner: tuple[int, int, int]
    affine: npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LabelMap:
    """What a label map holds of the structures that its table knows.

    Attributes
    ----------
    grid : Grid
        The voxels of the whole map.
    masks : tuple of Mask
        In the order of the table; labels without a voxel are left out.
    table : LabelTable
    study_uid, frame_of_reference_uid : str or None
        None where the format cannot carry them.
    sources : tuple of pathlib.Path
        The files it was read from.
    cautions : tuple of Caution
        Code ``labels_not_used``: what else is in it.
    """

    grid: Grid
    masks: tuple[Mask, ...]
    table: LabelTable
    study_uid: str | None = None
    frame_of_reference_uid: str | None = None
    sources: tuple[Path, ...] = ()
    cautions: tuple[Caution, ...] = ()

    def of(self, structure: Structure) -> tuple[Mask, ...]:
        """Return the masks of a structure, on whatever side."""
        return tuple(mask for mask in self.masks if mask.label.structure is structure)

    @property
    def name(self) -> str:
        """The file as messages call it."""
        return named(self.sources[0]) if self.sources else "the label map"


# --- reading ------------------------------------------------------------------------------------


def is_label_map(path: Path, head: bytes) -> bool:
    """Return whether a file is a label map, by its name and first bytes."""
    return dicom_seg.is_segmentation(head) if is_dicom(head) else label_files.is_label_file(path)


def read(path: Path | str, label_table: str | Path | LabelTable | None = None) -> LabelMap:
    """Return the label map in a file.

    Parameters
    ----------
    path : pathlib.Path or str
        NIfTI, MetaImage, NRRD or DICOM SEG.
    label_table : str, pathlib.Path, LabelTable or None
        The id of a preset, or a TOML file.  None takes the names that the file gives its labels.

    Raises
    ------
    ConfigError
        The label table is not known or is wrong.
    LandmarkError, LandmarkFormatError
        The file cannot be read, is of no known format or broken, does not say where its voxels
        lie, holds none of the table's labels, or numbers that the table's model never writes; or
        nothing says what its labels mean.
    """
    table, source = None if label_table is None else find(label_table), Path(path)

    def wanted(names: tuple[str, ...]) -> bool:
        if table is None:
            return best_of_names(names) is not None
        return any(map(table.of_name, names))

    head = read_head(source)
    volume = dicom_seg.read(source, wanted) if is_dicom(head) else label_files.read(source)
    return from_volume(volume, table)


def from_volume(volume: LabelVolume, table: LabelTable | None) -> LabelMap:
    """Return the label map that voxels and their segments make with a table.

    Without a table the file's own names say what its labels mean; see `read` for the errors.
    """
    if table is None:
        names = [
            name for layer in volume.layers for of_one in layer.names.values() for name in of_one
        ]
        table = best_of_names(names)
        if table is None:
            raise label_contents.nothing_says(volume)
    label_contents.refuse_contradictions(volume, table)
    masks, unused = [], []
    for layer in volume.layers:
        present = present_labels(layer)
        meanings = _meanings(layer, volume, table)
        masks += _masks_of_layer(layer, volume.grid, meanings)
        unused += [
            (value, layer.names.get(value, ())) for value in present if value not in meanings
        ]
    if volume.numbers_mean_something:
        label_contents.refuse_other_models(volume, table, [value for value, _ in unused])
    if not masks:
        raise label_contents.nothing_known(volume, table)
    return LabelMap(
        grid=volume.grid,
        masks=tuple(masks),
        table=_with_status(table, volume),
        study_uid=volume.study_uid,
        frame_of_reference_uid=volume.frame_of_reference_uid,
        sources=volume.sources,
        cautions=label_contents.unused_cautions(volume, table, unused),
    )


def _with_status(table: LabelTable, volume: LabelVolume) -> LabelTable:
    """Return a table whose landmarks are a proposal where the file says that a model drew them."""
    return table.model_copy(update={"status": "proposed"}) if volume.made_by_model else table


def _masks_of_layer(layer: Layer, grid: Grid, meanings: dict[int, Label]) -> list[Mask]:
    """Return the masks of a layer's labels."""
    from scipy.ndimage import find_objects

    if not meanings:
        return []
    if layer.value is not None:
        numbered = np.asarray(layer.segment > 0, dtype=np.uint16)
        known = [meanings[layer.value]]
    else:
        known = list(dict.fromkeys(meanings.values()))
        numbered = _numbered(
            layer.voxels, {value: known.index(label) + 1 for value, label in meanings.items()}
        )
    masks = []
    for number, box in enumerate(find_objects(numbered, max_label=len(known)), start=1):
        if box is not None:
            inside = layer.segment[box] if layer.value is not None else numbered[box] == number
            masks.append(_mask(known[number - 1], inside, box, grid))
    return masks


def _meanings(layer: Layer, volume: LabelVolume, table: LabelTable) -> dict[int, Label]:
    """Return what the numbers of a layer mean: by their names where the table knows one of them,
    else by themselves."""
    by_name = {
        value: label
        for value, names in layer.names.items()
        for label in [next(filter(None, map(table.of_name, names)), None)]
        if label is not None
    }
    if by_name or not volume.numbers_mean_something:
        return by_name
    return {label.value: label for label in table.labels if label.value is not None}


def _numbered(voxels: Voxels, numbers: dict[int, int]) -> npt.NDArray[np.uint16]:
    """Return voxels with their labels replaced; labels without a number become 0."""
    low, high = int(voxels.min()), int(voxels.max())
    if low >= 0 and high <= LARGEST_LOOKUP:
        lookup = np.zeros(high + 1, dtype=np.uint16)
        for value, number in numbers.items():
            if value <= high:
                lookup[value] = number
        return np.asarray(lookup[voxels])
    numbered = np.zeros(voxels.shape, dtype=np.uint16)
    for value, number in numbers.items():
        numbered[voxels == value] = number
    return numbered


def _mask(label: Label, inside: Occupancy, box: tuple[slice, ...], grid: Grid) -> Mask:
    corner = tuple(side.start for side in box)
    affine = np.array(grid.affine)
    affine[:3, 3] = geometry.voxel_to_patient(grid.affine, corner)
    occupancy = np.ascontiguousarray(inside)
    for array in (affine, occupancy):
        array.flags.writeable = False
    return Mask(label, occupancy, corner, affine)  # type: ignore[arg-type]


# --- outlines -----------------------------------------------------------------------------------


def axial_grid(label_map: LabelMap) -> Grid:
    """Return the axial planes of a map that comes without an image: its own slices, or, where they
    are tilted by more than `OWN_SLICES_TILT_DEG`, the patient's axial planes."""
    own = label_map.grid
    if geometry.tilt_from_axial_deg(own.affine) <= OWN_SLICES_TILT_DEG:
        return own
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in own.shape])).reshape(3, -1).T
    positions = geometry.voxel_to_patient(own.affine, corners)
    low, high = positions.min(axis=0), positions.max(axis=0)
    affine = np.eye(4)
    affine[:3, :3] = CUT_SPACING_MM * np.eye(3)[:, ::-1]
    affine[:3, 3] = low
    shape = np.ceil((high - low) / CUT_SPACING_MM).astype(int)[::-1] + 1
    return Grid.from_affine(affine, shape.tolist())


def outlines(label_map: LabelMap, anatomy: Series | None = None) -> tuple[Landmark, ...]:
    """Return the structures of a map that readers mark, as closed outlines.

    Parameters
    ----------
    label_map : LabelMap
    anatomy : Series or None
        Its slices are the planes, and the outlines name them; without it, `axial_grid`.

    Returns
    -------
    tuple of Landmark
        Every piece of every structure on every slice.  A structure that the table wants only
        beside another one is left out of the slices that do not show that one.
    """
    grid = None if anatomy is None else anatomy.grid
    planes = axial_grid(label_map) if grid is None else grid
    shown: dict[tuple[Structure, Side | None], set[int]] = {}
    found: list[Landmark] = []
    for mask in sorted(label_map.masks, key=lambda one: one.label.beside is not None):
        label = mask.label
        if not isinstance(label.structure, LandmarkName):
            continue
        wanted = None if label.beside is None else shown.get((label.beside, label.side), set())
        by_slice = _lines_by_slice(mask, planes, grid, wanted)
        pixel_mm = geometry.pixel_within_mm(mask.affine, planes.affine)
        shown.setdefault((label.structure, label.side), set()).update(by_slice)
        for number, lines in by_slice.items():
            found += [_landmark(label, line, number, anatomy, pixel_mm) for line in lines]
    return tuple(found)


def beyond_picture(label_map: LabelMap, picture: Grid) -> tuple[Caution, ...]:
    """Return which structures a picture cuts off that is smaller than the map."""
    cut: dict[Side | None, list[str]] = {}
    for mask in label_map.masks:
        structure = mask.label.structure
        if isinstance(structure, LandmarkName) and _reaches_beyond(mask, picture):
            cut.setdefault(mask.label.side, []).append(str(structure))
    return tuple(
        Caution(
            "label_beyond_picture",
            f"The label map shows more of the {side} {' and '.join(dict.fromkeys(names))} than the "
            "picture does: outlines were cut off at the picture's edge, and areas are those "
            "inside it.",
            side,
        )
        for side, names in cut.items()
    )


def _reaches_beyond(mask: Mask, picture: Grid) -> bool:
    """Return whether a mask has voxels beyond the rows and columns of a picture."""
    return not bool(_in_picture(mask, picture) is mask.occupancy)


def _in_picture(mask: Mask, picture: Grid | None) -> Occupancy:
    """Return a mask without the voxels whose centres lie beyond a picture's rows and columns; the
    mask itself where there are none."""
    if picture is None:
        return mask.occupancy
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in mask.occupancy.shape])).reshape(3, -1).T
    beyond = _beyond(geometry.voxel_to_patient(mask.affine, corners), picture)
    if not beyond.any():
        return mask.occupancy
    inside = np.argwhere(mask.occupancy > 0)
    outside = inside[_beyond(geometry.voxel_to_patient(mask.affine, inside), picture)]
    if len(outside) == 0:
        return mask.occupancy
    cut: Occupancy = mask.occupancy.copy()
    cut[tuple(outside.T)] = 0
    return cut


def _beyond(points_mm: npt.NDArray[np.float64], picture: Grid) -> npt.NDArray[np.bool_]:
    """Return which points lie beyond the rows and columns of a picture, its outer voxels whole."""
    indices = geometry.patient_to_voxel(picture.affine, points_mm)[:, 1:]
    last = np.array(picture.shape[1:]) - 0.5
    outside = (indices < -0.5 - _ROUNDING_PIXELS) | (indices > last + _ROUNDING_PIXELS)
    return np.asarray(outside.any(axis=1), dtype=np.bool_)


def _kept_inside(line: npt.NDArray[np.float64], picture: Grid | None) -> npt.NDArray[np.float64]:
    """Return an outline whose vertices lie on the picture: at its edge the outline of a mask may be
    a fraction of a voxel outside."""
    if picture is None:
        return line
    indices = geometry.patient_to_voxel(picture.affine, line)
    kept = np.clip(indices[:, 1:], -0.5, np.array(picture.shape[1:]) - 0.5)
    if np.abs(kept - indices[:, 1:]).max() <= _ROUNDING_PIXELS:
        return line
    return geometry.voxel_to_patient(picture.affine, np.column_stack([indices[:, 0], kept]))


def _lines_by_slice(
    mask: Mask, planes: Grid, picture: Grid | None, wanted: set[int] | None
) -> dict[int, contours.Lines]:
    """Return the outlines of a mask by slice, as far as the picture shows them; only on the wanted
    slices, None meaning all."""
    corners = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in mask.occupancy.shape]))
    positions = geometry.voxel_to_patient(mask.affine, corners.reshape(3, -1).T)
    coordinates = geometry.slice_coordinate(planes.affine, positions)
    first, last = int(np.floor(coordinates.min())), int(np.ceil(coordinates.max()))
    first, last = max(0, first), min(planes.shape[0] - 1, last)
    if wanted is not None:
        first = max(first, min(wanted, default=last + 1))
        last = min(last, max(wanted, default=first - 1))
    if last < first:
        return {}
    affine = np.array(planes.affine)
    affine[:3, 3] += first * affine[:3, 0]
    near = Grid.from_affine(affine, (last - first + 1, *planes.shape[1:]))
    lines = contours.sections(_in_picture(mask, picture), mask.affine, near)
    return {
        number: [_kept_inside(line, picture) for line in found]
        for number, found in enumerate(lines, start=first)
        if found and (wanted is None or number in wanted)
    }


def _landmark(
    label: Label,
    line: npt.NDArray[np.float64],
    number: int,
    anatomy: Series | None,
    pixel_mm: float,
) -> Landmark:
    assert isinstance(label.structure, LandmarkName)
    assert label.side is not None, "label tables give every outline a side"
    points = tuple((float(x), float(y), float(z)) for x, y, z in line)
    uid = anatomy.instances[number].sop_instance_uid if anatomy is not None else None
    return Landmark(label.structure, label.side, points, True, uid, pixel_mm)
