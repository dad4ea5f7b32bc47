"""Every setting of a trial: its default (which stands nowhere else), its bounds, its menu, and a line of help."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, create_model, model_validator
from pydantic.fields import FieldInfo

from imbseg.copy_paste import COPY_PASTE
from imbseg.errors import InputError, unknown_name
from imbseg.losses import CLASS_WEIGHTS, LOSSES
from imbseg.losses.terms import parse_terms
from imbseg.models import ARCHITECTURES
from imbseg.post_hoc import POST_HOC, steps
from imbseg.sampling import SAMPLING
from imbseg.splits import SPLITS
from imbseg.trial.remedies import MENUS, Choice
from imbseg.trial.values import Kind, Size, short, show
from imbseg.trial.values import kind_of as accepted

IMBALANCES = ("full", "imbalanced")
STRATEGY = ("imbalance", "split", "sampling", "copy_paste")
Text = Annotated[str, Field(min_length=1)]
Side = Annotated[int, Field(ge=32, le=16384)]
SUMS = ", or a weighted sum such as weighted_cross_entropy+0.5*lovasz"


class Settings(BaseModel):
    """Settings of every trial, whatever its remedies; the defaults are the published experiment's."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    dataset: Text = Field("voc2012", description="a name in data/datasets, or the path of such a YAML file")
    root: Text | None = Field(None, description="where the data lies, instead of the file's root")
    meta: Text | None = Field(None, description="folder of the meta CSVs; default data/meta/<dataset>")
    imbalance: Literal["full", "imbalanced"] = Field("full", description="whether the deliberate imbalance is applied")
    split: Annotated[str, AfterValidator(Choice(SPLITS))] = Field("random", description="how the folds were made")
    sampling: Annotated[str, AfterValidator(Choice(SAMPLING))] = Field(
        "none", description="which images an epoch shows; all but none take twice the steps"
    )
    crop_on_object: float = Field(
        0.0, ge=0, le=1, description="share of the samples whose crop is placed on an object, with any sampling"
    )
    samples_per_image: int = Field(
        1, ge=1, le=1000000, description="samples of each train image in an epoch; large images have room for many"
    )
    copy_paste: Annotated[str, AfterValidator(Choice(COPY_PASTE))] = Field(
        "none", description="which objects are pasted into other images"
    )
    fold: int = Field(0, ge=0, le=4, description="which fold validates")
    split_seed: int | None = Field(None, ge=1, le=5, description="seed of the split, 1 to 5; default: seed")
    loss: Annotated[str, AfterValidator(Choice(LOSSES, parse_terms, SUMS))] = Field("focal", description="the loss")
    class_weights: Annotated[str, AfterValidator(Choice(CLASS_WEIGHTS))] = Field(
        "none", description="scheme of class weights, from the train fold's pixels, for every term that takes them"
    )
    lr: float = Field(0.01, gt=0, le=1e30, description="learning rate of the decoder")
    encoder_lr: float = Field(0.0001, gt=0, le=1e30, description="learning rate of the encoder (absolute)")
    optimizer: Literal["sgd", "adamw"] = Field("sgd", description="the optimizer")
    momentum: float = Field(0.9, ge=0, le=0.9999, description="momentum of sgd, first beta of adamw")
    weight_decay: float = Field(0.0001, ge=0, le=1e30, description="weight decay")
    poly_power: float = Field(0.9, ge=0, description="exponent of the polynomial decay of the learning rates")
    schedule: Literal["poly", "onecycle"] = Field("poly", description="the learning rates' course; onecycle warms up")
    ema: float = Field(
        0.0, ge=0, le=0.99999, description="decay a step of the averaged weights that are evaluated and kept; 0: none"
    )
    finish_epochs: int = Field(0, ge=0, description="how many epochs, the last, take finish_size; none stops early")
    finish_size: tuple[Side, Side] | None = Field(None, description="size of a training sample in these epochs")
    retrain_head_epochs: int = Field(
        0, ge=0, description="epochs beyond the others in which the last layer alone is learned anew, all classes alike"
    )
    image_weights: Text | None = Field(None, description="CSV of id and weight, which multiplies an image's loss")
    batch_size: int = Field(8, ge=2, description="samples a step")
    micro_batch: int | None = Field(
        None, ge=2, description="samples that pass the network at once, halved where memory is short; none: a batch"
    )
    accumulate: int = Field(
        1, ge=1, le=4096, description="batches whose mean gradient an optimizer step takes; schedules count steps"
    )
    epochs: int = Field(200, ge=1, description="most epochs")
    patience: int = Field(11, ge=0, description="epochs without a better validation mIoU before it stops; 0: never")
    resize: tuple[Side, Side] | None = Field(None, description="size the whole image is brought to first")
    crop: tuple[Side, Side] | None = Field((512, 512), description="size of the crop; none: all of resize")
    scale_min: float = Field(0.5, ge=0.1, le=10, description="smallest random scale")
    scale_max: float = Field(2.0, ge=0.1, le=10, description="largest random scale")
    flip: float = Field(0.5, ge=0, le=1, description="probability of a horizontal flip")
    color: float = Field(0.25, ge=0, le=0.9, description="range of brightness, contrast and saturation")
    architecture: Annotated[str, AfterValidator(Choice(ARCHITECTURES))] = Field(
        "deeplabv3plus", description="the network round the encoder"
    )
    encoder: Text = Field("resnet101", description="an encoder of segmentation_models.pytorch")
    encoder_weights: Text | None = Field(
        "imagenet", description="imagenet (from the hub), a file, or package:NAME (an installed package)"
    )
    output_stride: Literal[8, 16] = Field(16, description="output stride of the encoder")
    seed: int = Field(1, ge=0, le=2**31 - 1, description="seed of weights, order and augmentation")
    post_hoc: Annotated[str, AfterValidator(Choice(POST_HOC, steps, ", or several such as prior+rank"))] = Field(
        "prior",
        description="correction of the finished network, reported beside its own scores; rank comes beside prior",
    )
    device: Text = Field("auto", description="auto (a GPU that is there), cpu, cuda or cuda:N")
    precision: Literal["float32", "tf32", "bfloat16", "float16"] = Field(
        "float32", description="arithmetic of the network; tf32 and float16 on CUDA alone, bfloat16 slow on most CPUs"
    )
    cudnn: Literal["deterministic", "benchmark"] = Field(
        "deterministic", description="repeatable convolutions, or the fastest that cudnn finds"
    )
    channels_last: bool = Field(False, description="channels of a pixel side by side in memory, which is faster")
    fast_cpu: bool = Field(
        False, description="convolutions, upsampling, optimizer faster on a CPU in float32: other rounding"
    )
    compile: bool = Field(False, description="training steps by torch.compile: minutes at the start, other rounding")
    threads: int = Field(0, ge=0, le=1024, description="CPU threads of torch; 0: as many as it takes by itself")
    workers: int = Field(2, ge=0, le=256, description="processes that load samples; results don't depend on it")
    checkpoint_minutes: float = Field(
        5.0, gt=0, le=1e6, description="minutes between checkpoints inside an epoch; what a kill loses at most"
    )
    keep_last: bool = Field(False, description="keep the checkpoint beside best.pt when the trial has finished")
    cache_mb: int = Field(
        0, ge=0, description="MB of decoded images kept in data/cache (or IMBSEG_CACHE) for all trials; 0: none"
    )

    @model_validator(mode="before")
    @classmethod
    def _texts(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """Flags are texts, and so are some values of YAML and NNI."""
        return {name: KINDS[name].value(raw) if name in KINDS else raw for name, raw in given.items()}

    @property
    def strategy(self) -> str:
        """The four parts as one name, such as imbalanced/mskf/label/none."""
        return "/".join(getattr(self, part) for part in STRATEGY)

    @property
    def seed_of_split(self) -> int:
        """The split is cut with the trial's own seed where it names none."""
        return self.seed if self.split_seed is None else self.split_seed

    @property
    def at_once(self) -> int:
        """Most samples, or images of one size, that pass through the network together."""
        return min(self.micro_batch or self.batch_size, self.batch_size)

    @property
    def input_size(self) -> Size:
        """(width, height) of a training sample."""
        size = self.crop or self.resize
        if size is None:
            raise AssertionError("resolve() refuses a trial without crop and resize")
        return size

    @property
    def multiple(self) -> int:
        """Inputs are padded to sides of multiples of it."""
        found: int = ARCHITECTURES[self.architecture].multiple
        return found

    @property
    def padded_size(self) -> Size:
        """(width, height) of a training sample with its padding."""
        width, height = (-(-side // self.multiple) * self.multiple for side in self.input_size)
        return width, height

    def as_json(self) -> dict[str, Any]:
        """All fields, and the strategy they make, as JSON holds them."""
        return {**{name: show(getattr(self, name)) for name in FIELDS}, "strategy": self.strategy}


# The settings that the entries of these menus declare stand before this field.
DECLARED_BEFORE = {"crop_on_object": ["sampling"], "fold": ["copy_paste"], "lr": ["class_weights", "loss"]}
DECLARED_BEFORE |= {"encoder": ["architecture"], "device": ["post_hoc"]}
_FOUND: dict[str, dict[str, tuple[Any, FieldInfo]]] = {
    name: {key: one for axis in axes for key, one in MENUS[axis].declares().items()}
    for name, axes in DECLARED_BEFORE.items()
}
if TYPE_CHECKING:

    class Trial(Settings):
        """All settings of one trial: Settings, and what the remedies of the menus declare."""

        def __getattr__(self, name: str) -> Any:
            """A setting that a remedy declares."""
else:
    Trial = create_model(
        "Trial",
        __base__=Settings,
        __module__=__name__,
        __doc__="All settings of one trial: Settings, and what the remedies of the menus declare.",
        **{name: one for found in _FOUND.values() for name, one in found.items()},
    )

FIELDS: dict[str, FieldInfo] = {
    key: Trial.model_fields[key] for name in Settings.model_fields for key in (*_FOUND.get(name, {}), name)
}
KINDS: dict[str, Kind] = {name: accepted(field) for name, field in FIELDS.items()}
# What may differ when a trial is started again in its folder
WITHOUT_EFFECT = ("root", "meta", "workers", "checkpoint_minutes", "keep_last", "cache_mb")


def kind_of(name: str) -> Kind:
    """What a field accepts."""
    return KINDS[name]


def read(layer: Mapping[str, Any]) -> dict[str, Any]:
    """Texts, or values from JSON or YAML -> values of their fields.

    Raises:
        InputError: one is of another type, out of range, or no choice of its menu.
    """
    try:
        found = Trial(**layer)
    except ValidationError as error:
        raise InputError(_sentence(error.errors()[0], layer)) from error
    return {name: getattr(found, name) for name in layer}


def _sentence(error: Any, layer: Mapping[str, Any]) -> str:
    """What was expected of which field, and what was found."""
    name, cause = str(error["loc"][0]), error.get("ctx", {}).get("error")
    kind, value = KINDS[name], error["input"]
    if isinstance(cause, InputError):  # of a menu, which names what it is; or of a gap, which can't
        text = str(cause)
        return text if text.startswith("unknown") or kind.choices else f"{name}: {text}"
    if kind.type == "tuple" and len(error["loc"]) > 1:
        sides = f"sides of at least {kind.low:g} pixels, which the network takes, and at most {kind.high:g}"
        return f"{name}: expected {sides}, found {short(str(layer[name]))}"
    if kind.choices and kind.type == "str" and isinstance(value, str):
        return str(unknown_name(name.replace("_", " "), value, kind.choices))
    found = "none" if value is None else f"{value:g}" if kind.type == "float" and isinstance(value, float) else None
    return f"{name}: expected {kind.describe()}, found {short(found or repr(value))}"
