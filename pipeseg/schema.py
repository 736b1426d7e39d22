"""What a config may hold, stage by stage: keys, types, ranges, defaults, and what each key means. No torch in here."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pipeseg.arguments import check_combination, check_model_args
from pipeseg.errors import did_you_mean
from pipeseg.registry import LOSSES, MODELS, REFINERS
from pipeseg.schema_base import Experiment, Section
from pipeseg.schema_study import CleanConfig, SplitConfig, StudyConfig

METRICS = ("iou", "dice", "precision", "recall", "specificity", "loss")
# networks of the U-Net family halve the picture five times
STRIDE = 32
# pictures per step where batch_size is left to us: a step of SGD that is neither noisy nor dear
AUTO_BATCH = 8
DEVICE = r"^(auto|cpu|mps|cuda(:\d+)?)$"
# kinds of device of which several can share a training; auto means GPUs then
SEVERAL = ("auto", "cuda", "cpu")
Precision = Literal["auto", "float32", "bfloat16", "float16"]


def _known(registry: Mapping[str, str], what: str) -> AfterValidator:
    def check(name: str) -> str:
        if name not in registry:
            raise ValueError(
                f"unknown {what} {name!r}{did_you_mean(name, list(registry))} (known: {', '.join(registry)})"
            )
        return name

    return AfterValidator(check)


def _metric(name: Any) -> Any:
    """Accept the original's spellings (`IoU`, `Soft IoU`) for our `iou`."""
    return str(name).lower().removeprefix("soft ").strip()


def _runs(value: Any) -> Any:
    named = value if isinstance(value, list) else [value]
    if not named or not all(isinstance(name, str) and name for name in named):
        raise ValueError(f"must be latest, all, a run, or a list of runs (got {value!r})")
    return value


def check_stride(size: tuple[int, int]) -> tuple[int, int]:
    """Return `size` as it is.

    Raises:
        ValueError: a side that networks of the U-Net family cannot halve five times.
    """
    for side in size:
        if side < STRIDE or side % STRIDE:
            raise ValueError(
                f"{side} is not a multiple of {STRIDE}; the nearest is {max(1, round(side / STRIDE)) * STRIDE}"
            )
    return size


class ModelConfig(Section):
    name: Annotated[str, _known(MODELS, "model")] = Field("UNetAttention", description=f"network: {', '.join(MODELS)}")
    args: Annotated[dict[str, Any], AfterValidator(check_model_args)] = Field(
        default_factory=lambda: {"encoder_name": "resnet34", "encoder_weights": "imagenet"},
        description="arguments of the network: encoder_name (resnet34, mit_b0, tu-<name in timm>, ...),"
        " encoder_weights (imagenet, null or a file), freeze_encoder (true or false), ...",
    )


class CriterionConfig(Section):
    name: Annotated[str, _known(LOSSES, "loss")] = Field("TverskyLoss", description=f"loss: {', '.join(LOSSES)}")
    args: dict[str, Any] = Field(
        default_factory=dict,
        description="arguments of the loss: alpha (FP), beta (FN), smooth, gamma, pos_weight, ...; of CombinedLoss:"
        " losses: [{name, weight, args}, ...]",
    )

    @model_validator(mode="after")
    def _parts_are_known(self) -> "CriterionConfig":
        if self.name == "CombinedLoss":
            check_combination(self.args)
        return self


class OptimizerConfig(Section):
    name: Literal["AdamW", "Adam", "NAdam", "RAdam", "RMSprop", "SGD"] = Field(
        "AdamW", description="optimizer of torch.optim"
    )
    args: dict[str, Any] = Field(default_factory=dict, description="arguments of the optimizer: momentum, betas, ...")


class RefinerConfig(Section):
    """How box masks are sharpened; a plain word is a name without arguments."""

    name: Annotated[str, _known(REFINERS, "refiner")] = Field("crops", description=f"refiner: {', '.join(REFINERS)}")
    args: dict[str, Any] = Field(
        default_factory=dict,
        description="arguments of the refiner; of crops: steps, size, learning_rate, teachers (first, all); of crops"
        " and ensemble: flips (none, horizontal, dihedral, auto), calibrate (fill, val, none), tight, target (soft,"
        " hard), weight (confidence, band, none), band, false_boxes, reset_below, least_gain; of auto: candidates",
    )

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class BoxesConfig(Section):
    """How pictures teach that nobody drew; see `pipeseg.training.boxes`."""

    hand_share: float = Field(0.5, gt=0, lt=1, description="share of each batch that hand-drawn pictures have")
    mean_teacher: float = Field(
        0.0, ge=0, le=1, description="share of a target inside boxes that the averaged network takes over, e.g. 0.5"
    )
    ramp_up: float = Field(0.3, gt=0, le=1, description="share of the training until it has taken over that much")
    strong_views: bool = Field(
        True, description="beside a mean teacher, the network sees light and noise changed, its average does not"
    )
    projection: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="weight of: a row or column through a box holds some defect; e.g. 0.1",
    )


class TrainConfig(Experiment):
    """Trains one binary model.

    Stages: `baseline` (hand masks), `final` (refined masks), and what the two are held against: `equal_budget` (hand
    masks, for as long as teachers and final took together) and `full_masks` (true masks of every picture).
    """

    aliases: ClassVar[dict[str, str]] = {"validataion_dataset": "validation_dataset"}

    stage: Literal["baseline", "final", "equal_budget", "full_masks"] = Field(
        "baseline", description="what the run is in the study; equal_budget and full_masks are only compared with"
    )
    defect_classes: list[str] | None = Field(
        None, min_length=2, description="several classes for one network, each from its own {defect_class} sets"
    )
    image_size: Annotated[tuple[int, int], AfterValidator(check_stride)] = Field(
        (704, 512), description="network input [height, width], px"
    )
    train_dataset: str = Field(min_length=1, description="folder in DATASETS_DIR to learn from")
    validation_dataset: str = Field(min_length=1, description="folder in DATASETS_DIR to choose the checkpoint on")
    evaluation_dataset: str = Field(min_length=1, description="folder in DATASETS_DIR, the test set: reported once")
    validation_metrics: Literal["soft", "binary"] = Field(
        "soft", description="val on probabilities or after the threshold"
    )
    evaluation_metrics: Literal["soft", "binary"] = Field(
        "binary", description="test on probabilities or after the threshold"
    )
    threshold: Annotated[float, Field(gt=0, lt=1)] | Literal["auto"] = Field(
        0.5, description="probability from which a pixel is defect; auto = the best one on val, chosen at the end"
    )
    model: ModelConfig = Field(default_factory=ModelConfig, description="the network")
    start_from: str | None = Field(
        None,
        min_length=1,
        description="run whose best weights the network starts from; baseline = the latest of this class and seed;"
        " null = the encoder's own",
    )
    epochs: int = Field(30, ge=1, description="passes over the training set, or blocks of steps_per_epoch steps")
    steps_per_epoch: int | None = Field(
        None, ge=1, description="optimizer steps per epoch; null = one pass over the data"
    )
    optimizer: OptimizerConfig = Field(default_factory=OptimizerConfig, description="what makes steps of gradients")
    learning_rate: float = Field(1e-4, gt=0, le=10, description="learning rate, at its peak")
    schedule: Literal["constant", "cosine", "linear", "poly"] = Field(
        "constant", description="what becomes of the rate after the warm-up; all but constant end at 0"
    )
    warmup_steps: int = Field(0, ge=0, description="optimizer steps in which the rate rises to learning_rate")
    weight_decay: float = Field(0.01, ge=0, allow_inf_nan=False, description="decay of weights, not of biases or norms")
    clip_norm: float | None = Field(None, gt=0, description="longest gradient, all weights together; null = any")
    ema_decay: float | None = Field(
        None, gt=0, lt=1, description="score and keep a moving average of the weights, e.g. 0.999; null = the weights"
    )
    early_stop: int | None = Field(None, ge=1, description="end after so many validations without a better score")
    batch_size: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        2, description="pictures per optimizer step; auto = 8, of which as many at once as memory holds"
    )
    micro_batch: Annotated[int, Field(ge=1)] | Literal["auto"] | None = Field(
        None,
        description="pictures at once on a device, gradients are added up, BatchNorm sees so many;"
        " auto = halved when memory runs out, null = batch_size / devices",
    )
    augment: bool = Field(True, description="random flips, shifts and light on training pictures")
    criterion: CriterionConfig = Field(default_factory=CriterionConfig, description="the loss")
    boxes: BoxesConfig | None = Field(
        None, description="train_dataset is a hybrid one, its boxes are constraints; null = its masks are labels"
    )
    scoring_per_epoch: int = Field(1, ge=1, description="validations per epoch")
    save_by_metric: Annotated[
        Literal["iou", "dice", "precision", "recall", "specificity", "loss"], BeforeValidator(_metric)
    ] = Field("iou", description="validation metric that chooses the best checkpoint")
    checkpoint_minutes: float = Field(
        10, gt=0, description="`last` is also saved every so many minutes; a killed run goes on from it"
    )
    visualization_samples: int = Field(30, ge=0, description="prediction pictures kept from the test set")
    device: str = Field("auto", pattern=DEVICE, description="auto, cpu, cuda, cuda:N or mps")
    devices: int = Field(
        1,
        ge=1,
        description="GPUs (with device: cpu, processes) that share each batch: it stays batch_size and is dealt out"
        " evenly, BatchNorm sees one device's part",
    )
    precision: Precision = Field("auto", description="auto = bfloat16 where the device has it; float16 needs CUDA")
    deterministic: bool = Field(True, description="ask for repeatable kernels; false = the fastest ones on CUDA")
    compile: bool = Field(
        False, description="torch.compile: a minute or two at the start, faster steps on CUDA, slower ones on a CPU"
    )
    num_workers: int | None = Field(
        None, ge=0, description="loader processes of each device; null = chosen by the machine"
    )

    @property
    def pictures_per_step(self) -> int:
        return AUTO_BATCH if self.batch_size == "auto" else self.batch_size

    @property
    def pictures_per_device(self) -> int:
        """Pictures of each step that one of the devices learns from."""
        return self.pictures_per_step // self.devices

    @property
    def shrinks_micro_batch(self) -> bool:
        """Whether a smaller micro-batch may be chosen when memory runs out."""
        return self.micro_batch == "auto" or (self.batch_size == "auto" and self.micro_batch is None)

    @property
    def first_micro_batch(self) -> int:
        return self.micro_batch if isinstance(self.micro_batch, int) else self.pictures_per_device

    @property
    def classes(self) -> tuple[str | None, ...]:
        """Class keys in the order of the network's outputs; None is a class that only the datasets know."""
        return tuple(self.defect_classes) if self.defect_classes else (self.defect_class,)

    def dataset_name(self, key: str, defect_class: str | None) -> str:
        """Return the folder that `key` (`train_dataset`, ...) names for a class."""
        return getattr(self, key).replace("{defect_class}", str(defect_class))

    @model_validator(mode="after")
    def _one_set_per_class(self) -> "TrainConfig":
        if self.defect_classes is None:
            return self
        if self.defect_class is not None:
            raise ValueError("defect_class and defect_classes are both set; remove one")
        if len(set(self.defect_classes)) < len(self.defect_classes):
            raise ValueError("defect_classes names a class twice")
        for key in ("train_dataset", "validation_dataset", "evaluation_dataset"):
            if "{defect_class}" not in getattr(self, key):
                raise ValueError(f"{key} must hold {{defect_class}}: each of defect_classes has its own set")
        return self

    @model_validator(mode="after")
    def _teacher_is_an_average(self) -> "TrainConfig":
        if self.boxes and self.boxes.mean_teacher and self.ema_decay is None:
            raise ValueError("boxes.mean_teacher needs averaged weights; set ema_decay: 0.99, or boxes.mean_teacher: 0")
        return self

    @model_validator(mode="after")
    def _batch_can_be_dealt_out(self) -> "TrainConfig":
        if self.devices == 1:
            return self
        if self.device not in SEVERAL:
            raise ValueError(
                f"devices: {self.devices} of them are cuda:0 to cuda:{self.devices - 1} or CPU processes, not"
                f" {self.device}; set device: cuda (CUDA_VISIBLE_DEVICES says which) or cpu, or devices: 1"
            )
        if self.pictures_per_step % self.devices:
            below = self.pictures_per_step // self.devices * self.devices
            sizes = " or ".join(str(size) for size in (below, below + self.devices) if size)
            raise ValueError(
                f"batch_size: {self.pictures_per_step} pictures cannot be dealt out evenly to {self.devices} devices;"
                f" set it to {sizes}, or change devices"
            )
        return self

    @model_validator(mode="after")
    def _disjoint(self) -> "TrainConfig":
        names = {"train_dataset": self.train_dataset, "validation_dataset": self.validation_dataset}
        for key, name in names.items():
            if name == self.evaluation_dataset:
                raise ValueError(
                    f"{key} and evaluation_dataset are both {name!r}; a test set that was learned from proves nothing"
                )
        return self


class RefineConfig(Experiment):
    """Lets a baseline sharpen the box masks of a source dataset: stage `refine`, writes `<name>_H<round>`."""

    stage: Literal["refine"] = Field(description="what the run is in the study")
    source_dataset: str = Field("sample", min_length=1, description="dataset with images/ and boxes.csv")
    baseline_dataset: str = Field(min_length=1, description="hand masks for training, merged into the hybrid dataset")
    validation_dataset: str = Field(min_length=1, description="hand masks that become the hybrid dataset's val")
    evaluation_dataset: str = Field(min_length=1, description="test set: its groups are kept out")
    hybrid_dataset: str = Field(min_length=1, description="dataset to write, e.g. sample_{defect_class}_H1")
    baseline_run: Annotated[str | list[str], BeforeValidator(_runs)] = Field(
        "latest",
        description="teachers: latest (of this seed), all (the newest of every seed, of one recipe), a run, or [runs]",
    )
    teacher_dataset: str | None = Field(
        None,
        description="what the teachers of latest and all learned from; null = baseline_dataset, for a second round the"
        " hybrid dataset of the first",
    )
    refiner: RefinerConfig = Field(default_factory=RefinerConfig, description="how box masks are sharpened")
    batch_size: int = Field(16, ge=1, description="pictures per prediction step")
    device: str = Field("auto", pattern=DEVICE, description="auto, cpu, cuda, cuda:N or mps")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto = bfloat16 where the device has it"
    )


Config = TrainConfig | RefineConfig | CleanConfig | SplitConfig | StudyConfig
STAGES: dict[str, type[Config]] = {
    "clean": CleanConfig,
    "split": SplitConfig,
    "baseline": TrainConfig,
    "refine": RefineConfig,
    "final": TrainConfig,
    "equal_budget": TrainConfig,
    "full_masks": TrainConfig,
    "study": StudyConfig,
}
