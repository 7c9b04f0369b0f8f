"""Secrets in files: ``NAME_FILE`` names one that holds ``NAME``. Knows no setting by its name."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource


class SecretFileError(Exception):
    """A secret is given twice, or its file cannot be read. The message names no value."""


class SecretFiles(PydanticBaseSettingsSource):
    """Reads secrets from the files that the environment names.

    Args:
        settings_cls: The settings they belong to.
        secrets: Which of its fields may stand in files.
        variables: The environment; names in any case.
    """

    def __init__(
        self,
        settings_cls: type[BaseSettings],
        secrets: Collection[str],
        variables: Mapping[str, str],
    ) -> None:
        super().__init__(settings_cls)
        self._secrets = secrets
        self._variables = {name.upper(): value for name, value in variables.items()}

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[str | None, str, bool]:  # noqa: ARG002 - the base class passes the field
        """Return what a field's file holds, None if the environment names none."""
        name = field_name.upper()
        path = self._variables.get(f"{name}_FILE")
        if not path:
            return None, field_name, False
        if self._variables.get(name):
            raise SecretFileError(f"{name} and {name}_FILE are both set; give one of them")
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            raise SecretFileError(f"{name}_FILE cannot be read: {type(error).__name__}") from None

    def __call__(self) -> dict[str, Any]:
        """Return the secrets that stand in files."""
        fields = self.settings_cls.model_fields
        values = {name: self.get_field_value(fields[name], name)[0] for name in self._secrets}
        return {name: value for name, value in values.items() if value is not None}
