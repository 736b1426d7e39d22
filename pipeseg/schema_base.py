"""What every config has: strict keys, and the keys that all experiments share."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Section(BaseModel):
    """A part of a config: unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Experiment(Section):
    """Keys that every experiment has."""

    aliases: ClassVar[dict[str, str]] = {}

    seed: int = Field(42, ge=0, lt=2**32, description="seed of everything random")
    experiment_name: str = Field(
        "Pipeline Defects Detection", min_length=1, description="name of the MLflow experiment"
    )
    track_experiment: bool = Field(True, description="record the run in MLflow")
    defect_class: str | None = Field(None, description="class key; replaces {defect_class} in dataset names")

    @model_validator(mode="before")
    @classmethod
    def _fill_class(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        defect_class = values.get("defect_class")
        if values.get("defect_classes"):
            # the names stay as they are: every class has its own
            return values

        def fill(value: Any, key: str) -> Any:
            if isinstance(value, str) and "{defect_class}" in value:
                if not defect_class:
                    raise ValueError(
                        f"{key} holds {{defect_class}}, but defect_class is not set;"
                        " set it, e.g. --set defect_class=deposition"
                    )
                return value.replace("{defect_class}", str(defect_class))
            return value

        return {key: fill(value, key) for key, value in values.items()}
