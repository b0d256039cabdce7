"""The clinical intake: what the referring clinician knows, read from TOML, JSON or a table.

Every question about symptoms, mechanism, examination and earlier treatment is answered ``yes``,
``no`` or ``unknown``, per side; the person's age, sex and position at scanning are asked once.  An
answer may stand

- at the top or in its group's table (``[symptoms]``): it holds for both sides;
- as ``question = {left = "yes", right = "no"}``;
- in a table ``[left]`` or ``[right]``, at the top or inside a group (``[symptoms.left]``).

An answer for a side wins over one for both sides.  Two that contradict each other at the same rank
are refused, as are unknown keys, answers in the wrong group, and a rotation in degrees that does
not fit its direction.  The questions come from a sports physician's account of ischiofemoral
impingement and from the literature's tests (project evidence document, sections 0 and 6).
"""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import BeforeValidator, Field, RootModel, WithJsonSchema, model_validator

from ifi_mri import clinical_table
from ifi_mri.config import Settings, check_settings, read_settings
from ifi_mri.errors import ClinicalIntakeError
from ifi_mri.model import ClinicalIntake, SideIntake
from ifi_mri.vocabulary import Answer, HipRotation, Side

PERSON: Final = "person"

#: Every field of the intake, by group, with its one-line explanation, in the order of the form.
GROUPS: Final[Mapping[str, Mapping[str, str]]] = {
    PERSON: {
        "age_years": "age at scanning in years, 0 to 120",
        "sex": "female, male, other (f and m will do)",
        "hip_rotation": "how the feet lay while scanning: neutral, internal, external",
        "hip_rotation_deg": "how far, 0 to 90 degrees in that direction, without a sign",
        "hip_adduction": "the hips were held in adduction while scanning",
        "knee_bolster": "knees rested on a bolster while scanning",
    },
    "symptoms": {
        "deep_buttock_pain": "pain deep in the buttock",
        "burning_quality": "the pain burns",
        "unloads_buttock_when_seated": "takes the weight off this buttock when seated",
        "pain_on_long_stride": "pain on long steps, less on short ones",
        "groin_pain": "pain in the groin",
        "radiates_below_knee": "pain runs down below the knee",
        "snapping": "the hip snaps, clunks or locks",
    },
    "mechanism": {
        "turnout_dancer": "dancer or the like who stands in extreme turn-out",
        "hypermobility": "hypermobile joints",
        "splits_slip": "began with a slip into a splits (flexion and external rotation)",
        "forced_extension_slip": "began with a slip that forced the hip into extension",
        "fall_onto_buttock": "began with a fall onto the buttock",
        "hip_surgery": "this hip was operated on before (replacement, osteotomy ...)",
        "femoral_fracture": "this femur was fractured before",
    },
    "examination": {
        "hamstring_loading_provokes": "loading the hamstring provokes the pain",
        "pain_localised_by_palpation": "patient or examiner can put a finger on the pain",
        "bent_knee_fall_out_provokes": "supine, bent knee falling out provokes buttock pain",
        "ischiofemoral_impingement_test": "side-lying, extension with adduction provokes pain",
        "long_stride_walking_test": "pain beside the ischium on long strides, none on short ones",
        "straight_leg_raise": "straight leg raise positive",
        "seated_piriformis_stretch": "seated piriformis stretch test positive",
        "active_piriformis_test": "active piriformis test positive",
        "puranen_orava": "Puranen-Orava test (standing hamstring stretch) positive",
        "bent_knee_stretch": "bent-knee stretch test of the hamstring positive",
        "trochanteric_tenderness": "tender over the greater trochanter",
        "lumbar_signs": "signs from the lumbar spine (back pain, dermatomal signs ...)",
    },
    "earlier_treatment": {
        "epidural_injection": "had epidural injection without relief",
        "eccentric_hamstring_training": "had an eccentric hamstring programme without relief",
    },
}

#: Files that hold a record a row.
TABLE_SUFFIXES: Final = (".csv", ".tsv")

_GROUP_OF: Final = {name: group for group, names in GROUPS.items() for name in names}
_SIDES: Final = tuple(side.value for side in Side)
_SHOWN_PROBLEMS: Final = 5


# --- the person -----------------------------------------------------------------------------------


def _unless_unknown(value: Any) -> Any:
    """Return None for ``unknown`` and for empty text, other text in lower case."""
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    return None if text in ("unknown", "") else text


def _sex(value: Any) -> Any:
    text = _unless_unknown(value)
    return {"f": "female", "m": "male"}.get(text, text) if isinstance(text, str) else text


def _rotation(value: Any) -> Any:
    return HipRotation.NOT_RECORDED if (text := _unless_unknown(value)) is None else text


def _answer(value: Any) -> Any:
    """Return an answer as ``yes``, ``no`` or ``unknown`` where it is one in another spelling."""
    if isinstance(value, bool):
        return Answer.YES if value else Answer.NO
    return Answer.UNKNOWN if (text := _unless_unknown(value)) is None else text


def _number_schema(largest: int) -> dict[str, Any]:
    number = {"type": "number", "minimum": 0, "maximum": largest}
    return {"anyOf": [number, {"enum": ["unknown", None]}]}


_ANSWER_SCHEMA: Final = {"enum": ["yes", "no", "unknown", True, False, None]}

_Years = Annotated[float, Field(strict=True, ge=0, le=120, allow_inf_nan=False)]
_Degrees = Annotated[float, Field(strict=True, ge=0, le=90, allow_inf_nan=False)]


class PersonIntake(Settings):
    """What is asked once: the person, and how the patient lay while scanned."""

    age_years: Annotated[
        _Years | None, BeforeValidator(_unless_unknown), WithJsonSchema(_number_schema(120))
    ] = None
    sex: Annotated[
        Literal["female", "male", "other"] | None,
        BeforeValidator(_sex),
        WithJsonSchema({"enum": ["female", "male", "other", "f", "m", "unknown", None]}),
    ] = None
    hip_rotation: Annotated[
        HipRotation,
        BeforeValidator(_rotation),
        WithJsonSchema({"enum": [*(r.value for r in HipRotation), "unknown", None]}),
    ] = HipRotation.NOT_RECORDED
    hip_rotation_deg: Annotated[
        _Degrees | None, BeforeValidator(_unless_unknown), WithJsonSchema(_number_schema(90))
    ] = None
    hip_adduction: Annotated[Answer, BeforeValidator(_answer), WithJsonSchema(_ANSWER_SCHEMA)] = (
        Answer.UNKNOWN
    )
    knee_bolster: Annotated[Answer, BeforeValidator(_answer), WithJsonSchema(_ANSWER_SCHEMA)] = (
        Answer.UNKNOWN
    )

    @model_validator(mode="after")
    def _degrees_fit_the_direction(self) -> "PersonIntake":
        degrees = self.hip_rotation_deg
        fits = {
            HipRotation.INTERNAL: degrees != 0,
            HipRotation.EXTERNAL: degrees != 0,
            HipRotation.NEUTRAL: degrees == 0,
            HipRotation.NOT_RECORDED: False,
        }[self.hip_rotation]
        if degrees is not None and not fits:
            raise ValueError(
                f"hip_rotation_deg {degrees:g} does not fit hip_rotation "
                f"{str(self.hip_rotation)!r}: internal and external need more than 0 degrees, "
                "neutral 0, and without a direction the degrees say nothing"
            )
        return self


# --- reading --------------------------------------------------------------------------------------


class _File(RootModel[dict[str, Any]]):
    """The whole file, a table of whatever it holds."""


class _Statement(NamedTuple):
    """One answer as it stands in the file; ``side`` is None where it holds for both."""

    name: str
    side: Side | None
    value: Any
    where: str


class _Problem(NamedTuple):
    text: str


def read(path: Path, case_id: str | None = None) -> ClinicalIntake:
    """Return the clinical intake of a TOML file, of a JSON file by its ending ``.json``, or of one
    record of a table by its ending ``.csv`` or ``.tsv`` (`ifi_mri.clinical_table`).

    Parameters
    ----------
    path : pathlib.Path
    case_id : str or None
        Which record of a table; None where it holds one.  Other files are of one case anyway.

    Raises
    ------
    ClinicalIntakeError
        The file cannot be read or is not TOML, JSON or a table, a key is not known (the nearest
        known one is named), an answer is not one, two answers contradict each other, or a table
        does not hold the record.
    """
    if path.suffix.lower() in TABLE_SUFFIXES:
        return replace(parse(_of_table(path, case_id), str(path)), sources=(path,))
    content = read_settings(path, _File, ClinicalIntakeError).root
    return replace(parse(content, str(path)), sources=(path,))


def _of_table(path: Path, case_id: str | None) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as problem:
        raise ClinicalIntakeError(
            f"{path}: cannot be read ({problem.strerror}). Check the path."
        ) from problem
    except UnicodeDecodeError as problem:
        raise ClinicalIntakeError(f"{path}: is not UTF-8 text. Save it as UTF-8.") from problem
    once = list(GROUPS[PERSON])
    sided = [name for name in _GROUP_OF if name not in GROUPS[PERSON]]
    return clinical_table.content_of(text, str(path), case_id, sided, once)


def parse(content: Mapping[str, Any], source: str) -> ClinicalIntake:
    """Return the clinical intake of a table as TOML or JSON gives it.

    ``source`` names it in errors.

    Raises
    ------
    ClinicalIntakeError
        As `read` does.
    """
    found = [_checked(item) for item in _statements(content)]
    statements = [item for item in found if isinstance(item, _Statement)]
    problems = [item.text for item in found if isinstance(item, _Problem)]
    problems += _contradictions(statements)
    if problems:
        raise ClinicalIntakeError(f"{source}: {_sentence(problems)}")
    of_person = {s.name: s.value for s in statements if _GROUP_OF[s.name] == PERSON}
    of_sides = [s for s in statements if _GROUP_OF[s.name] != PERSON]
    person = check_settings(of_person, PersonIntake, source, ClinicalIntakeError)
    return ClinicalIntake(
        **dict(person),
        left=_side_intake(of_sides, Side.LEFT),
        right=_side_intake(of_sides, Side.RIGHT),
    )


def _statements(
    table: Mapping[str, Any],
    path: tuple[str, ...] = (),
    side: Side | None = None,
    group: str | None = None,
) -> Iterator[_Statement | _Problem]:
    """Walk a table of the file, whose ``path`` has settled a side, a group, both or neither."""
    for key, value in table.items():
        here = (*path, key)
        where = f"{'.'.join(here):.80}"
        if key in _SIDES or key in GROUPS:
            settled = side is not None if key in _SIDES else group is not None
            if settled or (side and key == PERSON) or (key in _SIDES and group == PERSON):
                yield _Problem(f"{where!r}: a table [{key}] has no place in [{'.'.join(path)}]")
            elif not isinstance(value, Mapping):
                yield _Problem(f"{where!r}: must be a table of answers, found {value!r:.60}")
            elif key in _SIDES:
                yield from _statements(value, here, Side(key), group)
            else:
                yield from _statements(value, here, side, key)
        elif key not in _GROUP_OF:
            yield _Problem(f"{where!r} is not a known field{_nearest(key)}")
        elif group is not None and _GROUP_OF[key] != group:
            yield _Problem(f"{where!r}: {key} belongs to [{_GROUP_OF[key]}], not to [{group}]")
        elif _GROUP_OF[key] == PERSON and side is not None:
            yield _Problem(f"{where!r}: {key} is asked once and not per side; put it in [{PERSON}]")
        elif isinstance(value, Mapping) and _GROUP_OF[key] != PERSON:
            yield from _each_side(key, value, where, side)
        else:
            yield _Statement(key, side, value, where)


def _each_side(
    name: str, answers: Mapping[str, Any], where: str, side: Side | None
) -> Iterator[_Statement | _Problem]:
    """Take apart ``question = {left = ..., right = ...}``."""
    if side is not None:
        yield _Problem(f"{where!r}: is already in the table of one side, so it takes one answer")
        return
    for key, value in answers.items():
        if key in _SIDES:
            yield _Statement(name, Side(key), value, f"{where}.{key}")
        else:
            yield _Problem(f"{where + '.' + key!r}: expected left or right, found {key!r:.60}")


def _checked(item: _Statement | _Problem) -> _Statement | _Problem:
    """Return a statement with its answer understood; those of the person are checked elsewhere."""
    if isinstance(item, _Problem) or _GROUP_OF[item.name] == PERSON:
        return item
    answer = _answer(item.value)
    if not isinstance(answer, str) or answer not in list(Answer):
        return _Problem(f"{item.where!r}: must be yes, no or unknown, found {item.value!r:.60}")
    return item._replace(value=Answer(answer))


def _contradictions(statements: Sequence[_Statement]) -> Iterator[str]:
    """Say which fields stand twice at the same rank with different answers."""

    def rank(statement: _Statement) -> tuple[str, str]:
        return statement.name, statement.side or ""

    for _, same in groupby(sorted(statements, key=rank), key=rank):
        first, *others = same
        for other in others:
            if other.value != first.value:
                yield (
                    f"{first.where!r} says {first.value!s:.60} and {other.where!r} says "
                    f"{other.value!s:.60}"
                )


def _side_intake(statements: Sequence[_Statement], side: Side) -> SideIntake:
    """Return one side's answers: first those for both sides, then its own, which win."""
    both = {s.name: s.value for s in statements if s.side is None}
    own = {s.name: s.value for s in statements if s.side is side}
    return SideIntake(**(both | own))


def _nearest(key: str) -> str:
    near = difflib.get_close_matches(key[:80].lower(), [*_GROUP_OF, *GROUPS, *_SIDES], n=1)
    return f"; the nearest is {near[0]!r}" if near else ""


def _sentence(problems: Sequence[str]) -> str:
    more = len(problems) - _SHOWN_PROBLEMS
    shown = "; ".join(problems[:_SHOWN_PROBLEMS]) + (f"; and {more} more" if more > 0 else "")
    return f"{shown}. Correct the file (`ifi-mri schema clinical` prints what is allowed)."


# --- the form and its schema ----------------------------------------------------------------------


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a clinical intake file."""
    person = PersonIntake.model_json_schema()["properties"]
    for name, text in GROUPS[PERSON].items():
        person[name] = {**person[name], "description": text}
    sided = {group: names for group, names in GROUPS.items() if group != PERSON}
    one_side = {g: dict.fromkeys(names, _ANSWER_SCHEMA) for g, names in sided.items()}
    both = {
        group: {name: _both_sides_schema(text) for name, text in names.items()}
        for group, names in sided.items()
    }
    side_table = _flat(one_side) | {g: _table(answers) for g, answers in one_side.items()}
    whole = (
        person
        | _flat(both)
        | {PERSON: _table(person)}
        | {g: _table(both[g] | dict.fromkeys(_SIDES, _table(one_side[g]))) for g in sided}
        | dict.fromkeys(_SIDES, _table(side_table))
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ifi_mri clinical intake",
        **_table(whole),
    }


def template(suffix: str = ".toml") -> bytes:
    """Return an empty form: every field, unknown.

    Parameters
    ----------
    suffix : str
        ``.toml`` explains every field; ``.json`` is for programs; ``.csv`` is a table with the
        columns of a REDCap form and no record.

    Raises
    ------
    ClinicalIntakeError
        Another ending.
    """
    if suffix == ".json":
        form = {group: dict.fromkeys(names, "unknown") for group, names in GROUPS.items()}
        return (json.dumps(form, indent=1) + "\n").encode()
    if suffix == ".csv":
        return (",".join(["record_id", *_columns()]) + "\n").encode()
    if suffix != ".toml":
        raise ClinicalIntakeError(
            f"a form ending in {suffix!r:.20} is not written; .toml, .json or .csv was expected. "
            "Choose one of them."
        )
    lines = [
        "# Clinical intake.  Every answer is yes, no or unknown, unless its line says otherwise.",
        '# An answer holds for both sides; for one side write { left = "yes", right = "no" }.',
    ]
    for group, names in GROUPS.items():
        lines += ["", f"[{group}]"]
        lines += [f'{name} = "unknown"  # {text}' for name, text in names.items()]
    return ("\n".join(lines) + "\n").encode()


def _columns() -> Iterator[str]:
    for name, group in _GROUP_OF.items():
        if group == PERSON:
            yield name
        else:
            yield from (f"{name}_{side}" for side in _SIDES)


def _both_sides_schema(text: str) -> dict[str, Any]:
    each = _table(dict.fromkeys(_SIDES, _ANSWER_SCHEMA))
    return {"description": text, "anyOf": [_ANSWER_SCHEMA, each]}


def _table(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "additionalProperties": False}


def _flat(by_group: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {name: content for names in by_group.values() for name, content in names.items()}
