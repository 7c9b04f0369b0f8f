"""Bodies that change some fields of a thing: absent is untouched, null empties. Knows no thing."""

from typing import Any, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from app.api.fields import Body


class Patch(Body):
    """A change of at least one field. Each field is declared by ``may_be_absent``."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    @model_validator(mode="after")
    def _names_a_field(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError("no_fields", "Give at least one field to change.")
        return self

    @property
    def changes(self) -> dict[str, Any]:
        """What the client wants changed: the fields it sent, null ones too."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set)}


def may_be_absent(**constraints: Any) -> Any:
    """Declare a field that a client may leave out; its type says whether it may be null."""
    return Field(default=None, json_schema_extra=_without_default, **constraints)


def _without_default(schema: dict[str, Any]) -> None:
    """Keep our stand-in for absence out of the API's description: null would empty the field."""
    schema.pop("default", None)
