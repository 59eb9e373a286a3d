"""An error of the schema as «key is value; allowed: …», with both bounds, and the nearest key for a typo."""

from __future__ import annotations

import types
from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from samesku.params.schema import Params, Words

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

RANGE_ERRORS = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")


def explain_error(error: ErrorDetails) -> str:
    """One error of pydantic as a sentence that begins with the key."""
    keys, annotation = _follow(error["loc"])
    key, value = ".".join(keys), error["input"]
    if error["type"] == "extra_forbidden":
        return _explain_unknown(keys, str(error["loc"][-1]), annotation)
    if error["type"] == "missing":
        return f"{key} is missing; it must be given, as the shipped params.yaml has it"
    if error["loc"][-1] == "[key]":
        return f"{key} is no name; allowed: letters, digits and _, a letter first"
    is_range = error["type"] in RANGE_ERRORS
    return f"{key} is {value!r}; allowed: {_describe(annotation, numbers_alone=is_range)}"


def _explain_unknown(keys: list[str], unknown: str, group: Any) -> str:
    """A key that is not in the schema: the nearest one of its group, of all groups, or all of its group."""
    prefix = ".".join(keys)
    siblings = [f"{prefix}.{name}" if prefix else name for name in _model(group).model_fields]
    place = f"{prefix}.{unknown}" if prefix else unknown
    near = get_close_matches(place, siblings, 1, 0.7)
    elsewhere = [path for path in _paths(Params) if path.rpartition(".")[2] == unknown]
    if near or elsewhere:
        return f"{place}: unknown key; did you mean {(near or elsewhere)[0]}?"
    return f"{place}: unknown key; allowed: {', '.join(siblings)}"


def _paths(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """The dotted keys of a group and of the groups within it; not those of named entries."""
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _paths(field.annotation, f"{prefix}{name}.")


def _follow(loc: tuple[int | str, ...]) -> tuple[list[str], Any]:
    """The keys of a location, without the names that pydantic gives to branches of a union, and the type there."""
    keys: list[str] = []
    annotation: Any = Params
    for part in loc:
        if part == "[key]":
            continue
        if (inner := _inner(annotation, part)) is not None:
            annotation = inner
            keys.append(str(part))
    return keys, annotation


def _inner(annotation: Any, part: int | str) -> Any:
    """The type of an entry of a group, mapping or list; None where it has no such entry."""
    if _is_union(annotation):
        return next((step for arm in get_args(annotation) if (step := _inner(arm, part)) is not None), None)
    annotation = _bare(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get(str(part))
        return field and (
            Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
        )
    if get_origin(annotation) is dict:
        return get_args(annotation)[1]
    if get_origin(annotation) is list and isinstance(part, int):
        return get_args(annotation)[0]
    return None


def _model(annotation: Any) -> type[BaseModel]:
    """The group of keys that a type holds."""
    arms = get_args(annotation) if _is_union(annotation) else (annotation,)
    return next(arm for arm in arms if isinstance(arm, type) and issubclass(arm, BaseModel))


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)


def _bare(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _describe(annotation: Any, *, numbers_alone: bool = False) -> str:
    """What a type allows, in words; `numbers_alone` leaves out that it is a number, which is known."""
    if _is_union(annotation):
        words = [_describe(arm, numbers_alone=numbers_alone) for arm in get_args(annotation)]
        separator = ", or " if any(" or " in word or "," in word for word in words) else " or "
        return separator.join(words)
    bare, origin = _bare(annotation), get_origin(_bare(annotation))
    if _is_union(bare):
        return _describe(bare, numbers_alone=numbers_alone)
    if bare is type(None):
        return "null"
    if origin is Literal:
        *first, last = map(repr, get_args(bare))
        return f"{', '.join(first)} or {last}" if first else last
    if bare is bool:
        return "true or false"
    if bare in (int, float):
        bounds = _bounds(annotation, whole=bare is int)
        kind = "a whole number" if bare is int else "a number"
        return bounds if bounds and numbers_alone else f"{kind}, {bounds}" if bounds else kind
    if origin is list:
        least = next((c.min_length for c in _constraints(annotation) if isinstance(c, MinLen)), 0)
        each = _describe(get_args(bare)[0], numbers_alone=True)
        return f"a list of {least} or more, each {each}" if least else f"a list, each {each}"
    if origin is dict:
        return "a mapping from names"
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        return f"a group of keys: {', '.join(bare.model_fields)}"
    return next((m.text for m in _constraints(annotation) if isinstance(m, Words)), "text")


def _constraints(annotation: Any) -> Iterator[Any]:
    """The constraints of an annotated type, those within a `Field` too."""
    for constraint in get_args(annotation)[1:] if get_origin(annotation) is Annotated else ():
        yield from constraint.metadata if isinstance(constraint, FieldInfo) else [constraint]
    if get_origin(annotation) is Annotated:
        yield from _constraints(get_args(annotation)[0])


def _bounds(annotation: Any, *, whole: bool) -> str:
    """The range of a number: "0 to 1", "above 0 to 1", "1 or more"; "" without bounds."""
    of = {
        name: getattr(constraint, name)
        for constraint in _constraints(annotation)
        for name in ("ge", "gt", "le", "lt")
        if hasattr(constraint, name)
    }
    if whole:  # strict bounds of whole numbers are given as bounds that are allowed
        of |= {
            name: of[strict] + step
            for name, strict, step in (("ge", "gt", 1), ("le", "lt", -1))
            if strict in of
        }
    text = {name: str(bound) if isinstance(bound, int) else f"{bound:g}" for name, bound in of.items()}
    low = text["ge"] if "ge" in of else f"above {text['gt']}" if "gt" in of else ""
    high = text["le"] if "le" in of else f"below {text['lt']}" if "lt" in of else ""
    if low and high:
        return f"{low} to {high}"
    return (low if low.startswith("above") else f"{low} or more") if low else high
