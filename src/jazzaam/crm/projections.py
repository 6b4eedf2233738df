"""Which fields a read takes: made from the model that its reader is shown."""

from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel


def projection_of(model: type[BaseModel]) -> dict[str, int]:
    """Name every leaf of a model, so that a stored document can show nothing else.

    `id` is stored as `_id`. Models inside models, and lists of them, are followed; a plain `dict` is
    taken whole.
    """
    names = dict.fromkeys(_leaves(model), 1)
    if "id" in names:
        del names["id"]
    else:
        names["_id"] = 0
    return names


def _leaves(model: type[BaseModel], prefix: str = "") -> list[str]:
    leaves: list[str] = []
    for name, field in model.model_fields.items():
        stored = prefix + (field.alias or name)
        inner = _model_in(field.annotation)
        leaves += _leaves(inner, stored + ".") if inner else [stored]
    return leaves


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (list, Union, UnionType):
        found = [_model_in(argument) for argument in get_args(annotation)]
        return next((model for model in found if model is not None), None)
    return None
