"""What the configs of a study and of its data steps may hold: keys, types, ranges, defaults, meanings."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from pipeseg.schema_base import Experiment


class CleanConfig(Experiment):
    """Audits a dataset and writes a copy without what is wrong: stage `clean`."""

    stage: Literal["clean"] = Field(description="what the run is in the study")
    source_dataset: str = Field("sample", min_length=1, description="dataset to look at; it is not changed")
    cleaned_dataset: str | None = Field(
        None, min_length=1, description="dataset to write; null = the source's name with _CLEAN"
    )
    content: bool = Field(True, description="look at what boxes show: hand polygons, and learn")
    learn: bool = Field(True, description="networks learn from all boxes what classes look like; takes minutes")
    keep_duplicates: bool = Field(False, description="copies stay, in one group")
    drop: list[str] = Field(default_factory=list, description="classes that go, with their pictures")
    min_images: int = Field(0, ge=0, description="classes of fewer pictures go")
    replace: bool = Field(False, description="replace a cleaned dataset of that name")

    @property
    def target_dataset(self) -> str:
        return self.cleaned_dataset or f"{self.source_dataset}_CLEAN"


class SplitConfig(Experiment):
    """Deals the labelled pictures of a dataset to train, val and test, by duplicate group: stage `split`."""

    stage: Literal["split"] = Field(description="what the run is in the study")
    seed: int = Field(0, ge=0, lt=2**32, description="seed of the draw")
    source_dataset: str = Field("sample", min_length=1, description="dataset with images/ and labels.csv")
    labels: Literal["hand", "boxes"] = Field(
        "hand", description="what the masks are drawn from: hand polygons, or filled detection boxes"
    )
    test: float = Field(0.5, ge=0.05, le=0.9, description="share of the groups for the test set")
    validation: float = Field(0.15, ge=0.05, le=0.9, description="share of the rest for val; what is left is train")
    clean: float = Field(0.25, ge=0, description="groups without the defect, per group with it")
    replace: bool = Field(False, description="replace sets of another draw")


class StudyConfig(Experiment):
    """The whole path as a graph of runs, for every class and seed, ending in the comparison: stage `study`."""

    stage: Literal["study"] = Field(description="what the run is in the study")
    source_dataset: str = Field("sample", min_length=1, description="dataset with images/, boxes.csv and labels.csv")
    classes: list[str] = Field(min_length=1, description="class keys, one row of the table each")
    seeds: list[int] = Field(
        default_factory=lambda: [0], min_length=1, description="one baseline and one final per seed"
    )
    clean: dict[str, Any] | None = Field(
        None, description="overrides for the clean experiment; null = the dataset is taken as it is"
    )
    split: dict[str, Any] | None = Field(
        default_factory=dict, description="overrides for the split experiment; null = the sets are there already"
    )
    baseline: dict[str, Any] = Field(default_factory=dict, description="overrides for the baseline experiment")
    refine: dict[str, Any] | None = Field(
        default_factory=dict, description="overrides for the refine experiment; null = the study ends at the baselines"
    )
    final: dict[str, Any] = Field(default_factory=dict, description="overrides for the final experiment")
    teachers: Literal["own", "all"] = Field(
        "own", description="who refines: own = each seed's baseline for its own final, all = those of all seeds as one"
    )
    multilabel: bool = Field(False, description="one network for all classes instead of one for each")
    arms: list[Literal["equal_budget", "full_masks"]] = Field(
        default_factory=list,
        description="more runs to hold the finals against: equal_budget (hand masks, as many steps as teachers and"
        " final took together), full_masks (full_dataset, as many steps)",
    )
    full_dataset: str | None = Field(
        None, min_length=1, description="training set with true masks, e.g. sample_{defect_class}_FULL"
    )
    jobs: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        "auto", description="steps at a time; auto = one per GPU, without a GPU one per 4 cores"
    )
    reuse: bool = Field(True, description="take finished steps of the same config, data and code; false = do all anew")

    @model_validator(mode="before")
    @classmethod
    def _fill_class(cls, values: Any) -> Any:
        # names are patterns here: every class has its own sets
        return values

    @model_validator(mode="after")
    def _graph_is_possible(self) -> "StudyConfig":
        for key, values in (("classes", self.classes), ("seeds", self.seeds), ("arms", self.arms)):
            if len(set(values)) < len(values):
                raise ValueError(f"{key} names {next(one for one in values if values.count(one) > 1)} twice")
        if self.defect_class is not None:
            raise ValueError(f"defect_class is for a single run; a study has classes: [{self.defect_class}]")
        if self.multilabel and len(self.classes) < 2:
            raise ValueError("multilabel needs at least two classes")
        if self.refine is None and self.arms:
            raise ValueError("arms are held against finals, and refine: null leaves none; remove arms")
        if self.refine is not None and (self.split or {}).get("labels") == "boxes":
            raise ValueError("split.labels: boxes leaves no hand masks to refine with; set refine: null")
        if ("full_masks" in self.arms) != (self.full_dataset is not None):
            raise ValueError("the arm full_masks and full_dataset (its training set) go together; set both or none")
        if self.full_dataset and len(self.classes) > 1 and "{defect_class}" not in self.full_dataset:
            raise ValueError("full_dataset must hold {defect_class}: each class has its own set")
        return self
