"""What a label map holds, beside what a label table knows of: refused, or said.

A wrong table gives numbers that look right: a vertebra measured as a femur.  So what a map holds is
compared with what its table says that the model writes, and with the names that the file gives its
labels.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from ifi_mri.errors import LandmarkFormatError
from ifi_mri.landmarks.label_tables import (
    NAMES_ID,
    Label,
    LabelTable,
    best_of_names,
    plain,
    presets,
)
from ifi_mri.landmarks.label_volumes import LabelVolume, Layer
from ifi_mri.landmarks.text_files import named, shown
from ifi_mri.model import Caution

#: Labels up to this are looked up in an array, larger ones one by one.
LARGEST_LOOKUP: Final = 2**16

_LISTED: Final = 8

#: Names that programs give to labels which nobody named.
_NO_NAME: Final = re.compile(r"(segment|label|l|structure)? ?\d*")


def present_labels(layer: Layer) -> list[int]:
    """Return the labels that voxels of a layer have, 0 left out, smallest first."""
    if layer.value is not None:
        return [layer.value] if layer.segment.any() else []
    voxels = layer.voxels
    low, high = int(voxels.min()), int(voxels.max())
    if low >= 0 and high <= LARGEST_LOOKUP:
        seen = np.zeros(high + 1, dtype=np.bool_)
        seen[voxels] = True
        values = np.flatnonzero(seen)
    else:
        values = np.unique(voxels)
    return [int(value) for value in values if value != 0]


def nothing_says(volume: LabelVolume) -> LandmarkFormatError:
    """Return the error for a map that comes without a table and names nothing that is known."""
    tables = ", ".join(table.id for table in presets())
    return LandmarkFormatError(
        f"{named(volume.sources[0])}: is a label map, and nothing says what its labels mean; it "
        f"holds {_held(volume)}. Name the table of the model that made it with --label-table "
        f"({tables}, or a TOML file)."
    )


def nothing_known(volume: LabelVolume, table: LabelTable) -> LandmarkFormatError:
    """Return the error for a map that holds none of a table's labels."""
    if volume.numbers_mean_something and not any(layer.names for layer in volume.layers):
        known = [str(value) for value in table.values]
    else:
        known = [repr(name) for label in table.labels for name in label.names[:1]]
    return LandmarkFormatError(
        f"{named(volume.sources[0])}: holds none of the labels of table {table.id!r}; it holds "
        f"{_held(volume)}, and {_listed(known)} were expected. Choose the table of the model that "
        "made it with --label-table."
    )


def refuse_other_models(volume: LabelVolume, table: LabelTable, unused: Sequence[int]) -> None:
    """Refuse a map with numbers that the table's model never writes: it is of another model, or of
    another version, in which the same numbers mean other structures."""
    foreign = [str(value) for value in unused if not table.may_hold(value)]
    if not foreign:
        return
    others = [
        other.id
        for other in presets()
        if other.id != table.id and other.writes and all(other.may_hold(int(v)) for v in foreign)
    ]
    hint = f" They occur in {_listed(others)}." if others else ""
    raise LandmarkFormatError(
        f"{named(volume.sources[0])}: holds the labels {_listed(foreign)}, which table "
        f"{table.spoken} never writes ({', '.join(table.writes)}): it was made by another model or "
        f"version, whose numbers mean other structures.{hint} Choose its table with --label-table."
    )


def refuse_contradictions(volume: LabelVolume, table: LabelTable) -> None:
    """Refuse a map that names a label as one structure where the table's number is another."""
    if not volume.numbers_mean_something or table.id == NAMES_ID:
        return
    for layer in volume.layers:
        if any(table.of_name(name) for names in layer.names.values() for name in names):
            continue  # the names decide
        for value in present_labels(layer):
            meaning = table.of_value(value)
            name = next((one for one in layer.names.get(value, ()) if _says_something(one)), None)
            if meaning is not None and name is not None and _is_otherwise(name, meaning):
                raise LandmarkFormatError(
                    f"{named(volume.sources[0])}: calls its label {value} {shown(name)}, table "
                    f"{table.spoken} takes {value} for {_spoken(meaning)}. Choose the table of the "
                    "model that made it with --label-table, or leave it out and let the names "
                    "decide."
                )


def _says_something(name: str) -> bool:
    return _NO_NAME.fullmatch(plain(name)) is None


def _is_otherwise(name: str, meaning: Label) -> bool:
    """Return whether a name that no table gives this label means something else.

    Names in other languages and spellings are let pass; the word of the other side, and the name
    of another structure that a preset knows, are not.
    """
    known = best_of_names([name])
    if known is not None:
        other = known.of_name(name)
        return other is not None and (other.structure, other.side) != (
            meaning.structure,
            meaning.side,
        )
    return meaning.side is not None and meaning.side.other.value in plain(name).split()


def _spoken(label: Label) -> str:
    side = f"{label.side} " if label.side else ""
    return f"the {side}{str(label.structure).replace('_', ' ')}"


def unused_cautions(
    volume: LabelVolume, table: LabelTable, unused: Iterable[tuple[int, tuple[str, ...]]]
) -> tuple[Caution, ...]:
    """Return what else a map holds, where the table does not say that its model writes it."""
    if table.writes:
        return ()
    texts = [_label_text(value, names, volume) for value, names in unused]
    texts += [_name_text(names, volume) for names in volume.unread]
    if not texts:
        return ()
    return (
        Caution(
            "labels_not_used",
            f"The label map also holds {_listed(texts)}, which "
            f"{'no known name fits' if table.id == NAMES_ID else f'table {table.id} does not know'}"
            f"; {'they were' if len(texts) > 1 else 'it was'} not used.",
        ),
    )


def _held(volume: LabelVolume) -> str:
    """Return what a map holds: the names of its labels, else their numbers."""
    texts = [
        _label_text(value, layer.names.get(value, ()), volume)
        for layer in volume.layers
        for value in present_labels(layer)
    ]
    return _listed(list(dict.fromkeys(texts + [_name_text(one, volume) for one in volume.unread])))


def _label_text(value: int, names: tuple[str, ...], volume: LabelVolume) -> str:
    if not names:
        return str(value)
    spoken = _name_text(names, volume)
    return f"{value} ({spoken})" if volume.numbers_mean_something else spoken


def _name_text(names: tuple[str, ...], volume: LabelVolume) -> str:
    """Return the first name of a label, quoted; withheld where it repeats the patient's."""
    if not names:
        return "a segment without a name"
    words = plain(names[0])
    private = any(word in words for word in volume.private_words)
    return "a segment whose name is withheld" if private else shown(names[0])


def _listed(entries: Sequence[str]) -> str:
    more = f" and {len(entries) - _LISTED} more" if len(entries) > _LISTED else ""
    return (", ".join(entries[:_LISTED]) or "nothing") + more
