"""The sorts of values that input fields take."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.json_schema import GenerateJsonSchema

from hybridplace.model.forecast import Figure
from hybridplace.model.problem import LimitMeasure
from hybridplace.model.site import Domain, Market, Measure

# Neither white space nor what steers a terminal (control and bidirectional characters); a name
# becomes a tag at a provider, which bounds its length.
_NAME = r"^[^\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]{1,200}$"
_COUNTRY = r"^[A-Z]{2}$"
_TEXT = r"^[^\x00]*$"
_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]{0,199}$"
_OPTION = r"^[A-Za-z0-9_-]+(\.[^\s\x00-\x1f\x7f-\x9f]+)?$"
_ABSOLUTE = r"^/[^\x00-\x1f\x7f-\x9f]{0,999}$"
_MOMENT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)$"

PATTERNS = {
    _NAME: "a name without spaces or control characters",
    _COUNTRY: "a two-letter country code in capitals, as DE",
    _TEXT: "a text",
    _VARIABLE: "letters, digits and _, no digit first",
    _OPTION: "the name of an option, as image or image.eu-central-1",
    _ABSOLUTE: "a path that begins with /",
    _MOMENT: "a time with an offset, as 2026-01-05T08:00+01:00",
}
"""How each pattern is told to people."""


class Form(BaseModel):
    """What one mapping of an input file may hold; nothing is converted, nothing unknown is let by.

    Forms check and describe. Values are made from the plain data, so that the model's defaults are
    the only ones.
    """

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    @classmethod
    def published(cls) -> dict[str, Any]:
        """Return the JSON Schema that editors and programs use."""
        schema = cls.model_json_schema(schema_generator=_Untitled)
        return {"$schema": GenerateJsonSchema.schema_dialect, **schema}


class _Untitled(GenerateJsonSchema):
    """Leaves out the titles, which only repeat each field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


Name = Annotated[str, Field(pattern=_NAME)]
Names = list[Name]
Country = Annotated[str, Field(pattern=_COUNTRY)]
Text = Annotated[str, Field(pattern=_TEXT)]
Path = Annotated[str, Field(pattern=_ABSOLUTE)]
Options = dict[Annotated[str, Field(pattern=_OPTION)], Text]
Variables = dict[Annotated[str, Field(pattern=_VARIABLE)], Text]


def _is_moment(text: str) -> str:
    if re.fullmatch(_MOMENT, text) is None:
        raise ValueError("no time with an offset")
    datetime.fromisoformat(text)
    return text


Moment = Annotated[
    str,
    AfterValidator(_is_moment),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": _MOMENT}),
]

Amount = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
SomeFraction = Annotated[float, Field(gt=0, le=1)]
Discount = Annotated[float, Field(ge=0, lt=1)]
Ratio = Annotated[float, Field(ge=1)]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Longitude = Annotated[float, Field(ge=-180, le=180)]
Count = Annotated[int, Field(ge=0)]
CountFromOne = Annotated[int, Field(ge=1)]

# Members are written as text, which strict validation would refuse.
MarketName = Annotated[Market, Field(strict=False)]
MeasureName = Annotated[Measure, Field(strict=False)]
LimitMeasureName = Annotated[LimitMeasure, Field(strict=False)]
FigureName = Annotated[Figure, Field(strict=False)]
DomainName = Annotated[Domain, Field(strict=False)]


_PARTS = (0.125, 0.25, 0.5)


def _whole_or_part(value: float) -> float:
    if value in _PARTS or value.is_integer():
        return value
    raise ValueError("neither whole nor 1/2, 1/4 or 1/8")


Accelerators = Annotated[
    float,
    Field(ge=0),
    AfterValidator(_whole_or_part),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"enum": list(_PARTS)}]}),
]
