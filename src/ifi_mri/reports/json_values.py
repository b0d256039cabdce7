"""What the keys of ``report.json`` hold: numbers, points, names, and objects of them.

Numbers are rounded to 6 decimals; a number that is not finite is refused.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from ifi_mri import model

#: A millionth of a millimetre is far below what any image resolves, and keeps files readable.
DECIMALS: Final = 6
_PER_MM: Final = 1e6


def _rounded(value: float) -> float:
    return round(float(value), DECIMALS) + 0.0  # + 0.0 turns -0.0 into 0.0


def _rounded_points(points: model.Outline) -> model.Outline:
    """Return an outline as it is written, in whole millionths: a third of the time of `round`,
    which is exact where a number lies half-way between two."""
    try:
        return tuple(
            [
                (
                    round(x * _PER_MM) / _PER_MM,
                    round(y * _PER_MM) / _PER_MM,
                    round(z * _PER_MM) / _PER_MM,
                )
                for x, y, z in points
            ]
        )
    except OverflowError:  # so far away that no decimals are left
        return points


def _named(pairs: Any) -> Any:
    """Return (name, value) pairs as a mapping; a name given twice would be lost without a word."""
    if isinstance(pairs, Mapping):
        return pairs
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise ValueError("a name is given twice")
    return dict(pairs)


#: A matrix entry is not rounded: it is multiplied by voxel indices.
Exact = Annotated[float, Field(allow_inf_nan=False), AfterValidator(float)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False), AfterValidator(_rounded)]
Point = tuple[Number, Number, Number]

_Vertex = Annotated[tuple[_Finite, _Finite, _Finite], Strict(False)]  # lists, read from JSON
_Outline = Annotated[tuple[_Vertex, ...], Strict(False)]
_OUTLINES: Final = TypeAdapter[model.Outline](_Outline, config=ConfigDict(strict=True))


@lru_cache(256)
def checked_points(points: model.Outline) -> model.Outline:
    """Return an outline checked and rounded; ValidationError where it is none."""
    return _rounded_points(_OUTLINES.validate_python(points))


def _points(points: Any, check: ValidatorFunctionWrapHandler) -> model.Outline:
    """Return an outline as `checked_points` does: once, though it stands with every number that was
    taken from it.  What is wrong is left to pydantic, which says where."""
    if _is_made_of(tuple, points):
        try:
            return checked_points(points)
        except ValidationError:
            return _rounded_points(check(points))
    if not _is_made_of(list, points):  # as JSON has it
        raise ValueError("an outline is a list of points")
    return _rounded_points(check(points))


def _is_made_of(kind: type[list[Any]] | type[tuple[Any, ...]], points: Any) -> bool:
    return type(points) is kind and all(type(point) is kind for point in points)


Points = Annotated[_Outline, WrapValidator(_points)]
AffineRow = tuple[Exact, Exact, Exact, Exact]
Details = Annotated[dict[str, Number | int | str], BeforeValidator(_named)]
Names = Annotated[dict[str, str], BeforeValidator(_named)]


class Keys(BaseModel):
    """Base of all keys: frozen, nothing unknown, no value of a wrong type put right silently."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        from_attributes=True,
        use_attribute_docstrings=True,
    )

    NOUN: ClassVar[type[Any]]

    def to_noun(self) -> Any:
        """Return the noun of `ifi_mri.model` that these keys describe."""
        return self.NOUN(**self.fields())

    def fields(self, *but: str) -> dict[str, Any]:
        """Return what the keys hold as nouns, by name, without some of them."""
        names = (name for name in type(self).model_fields if name not in but)
        return {name: to_noun(getattr(self, name)) for name in names}


def to_noun(value: Any) -> Any:
    """Return a value with the nouns that its keys describe."""
    if isinstance(value, Keys):
        return value.to_noun()
    if isinstance(value, tuple):
        return tuple(to_noun(item) for item in value)
    if isinstance(value, dict):
        return tuple(value.items())
    return value
