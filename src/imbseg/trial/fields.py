"""Every setting of a trial: its default (which stands nowhere else), its bounds, its menu, and a line of help."""

from __future__ import annotations

import dataclasses
from typing import Any

from imbseg.copy_paste import COPY_PASTE
from imbseg.losses import CLASS_WEIGHTS, LOSSES
from imbseg.post_hoc import POST_HOC
from imbseg.sampling import SAMPLING, SCORES
from imbseg.splits import SPLITS
from imbseg.trial.values import Kind, Size, show

IMBALANCES = ("full", "imbalanced")
STRATEGY = ("imbalance", "split", "sampling", "copy_paste")


def _setting(default: Any, kind: str, text: str, **bounds: Any) -> Any:
    return dataclasses.field(default=default, metadata={"kind": Kind(kind, **bounds), "help": text})


def _choice(default: str, choices: Any, text: str) -> Any:
    return _setting(default, "text", text, choices=tuple(choices))


@dataclasses.dataclass(frozen=True)
class Trial:
    """All settings of one trial; the defaults are the published experiment's."""

    dataset: str = _setting("voc2012", "text", "a name in data/datasets, or the path of such a YAML file")
    root: str | None = _setting(None, "text", "where the data lies, instead of the file's root", optional=True)
    meta: str | None = _setting(None, "text", "folder of the meta CSVs; default data/meta/<dataset>", optional=True)
    imbalance: str = _choice("full", IMBALANCES, "whether the deliberate imbalance is applied")
    split: str = _choice("random", SPLITS, "how the folds were made")
    sampling: str = _choice("none", SAMPLING, "which images an epoch shows; all but none take twice the steps")
    repeat_threshold: float = _setting(
        0.1,
        "float",
        "repeat_factor: share of images below which a class is drawn more",
        low=0,
        high=1,
        open_low=True,
    )
    repeat_exponent: float = _setting(
        0.5, "float", "repeat_factor: exponent of threshold / share; 0.5 is the square root", low=0, high=4
    )
    rare_temperature: float = _setting(
        0.01,
        "float",
        "rare_class: shares of the pixels that differ by it are drawn 1 to 2.7; large: all classes alike",
        low=0.0001,
    )
    positive_share: float = _setting(
        0.5, "float", "positive: share of the drawn images that show no mere background", low=0, high=1, open_low=True
    )
    adaptive_from: str = _choice(
        "validation", SCORES, "adaptive: a class's score, its validation IoU or its probability in training"
    )
    adaptive_smoothing: float = _setting(
        0.5, "float", "adaptive: weight of an epoch's scores over the next epoch's; 0: the last alone", low=0, high=0.99
    )
    adaptive_bound: float = _setting(5.0, "float", "adaptive: largest ratio of two draw weights", low=1, high=1000)
    crop_on_object: float = _setting(
        0.0, "float", "share of the samples whose crop is placed on an object, with any sampling", low=0, high=1
    )
    copy_paste: str = _choice("none", COPY_PASTE, "which objects are pasted into other images")
    rare_objects: int | str = _setting(
        60, "int", "rare: classes with fewer objects in the train fold are pasted; median: than the median class",
        low=1, word="median",
    )  # fmt: skip
    weak_from: str | None = _setting(
        None, "text", "weak: CSV of an earlier result, whose worst third is pasted; default: the data set's own list",
        optional=True,
    )  # fmt: skip
    paste_probability: float = _setting(0.5, "float", "probability that a sample gets a paste at all", low=0, high=1)
    paste_objects: int = _setting(3, "int", "most objects pasted into a sample; 1 to so many, alike", low=1, high=100)
    paste_scale_min: float = _setting(0.5, "float", "smallest factor of a pasted object's size", low=0.1, high=10)
    paste_scale_max: float = _setting(1.5, "float", "largest factor of a pasted object's size", low=0.1, high=10)
    paste_flip: float = _setting(0.5, "float", "probability that a pasted object is mirrored", low=0, high=1)
    paste_ring: int = _setting(3, "int", "width in pixels of the ignored ring round a paste", low=0, high=100)
    paste_visible: float = _setting(
        0.5, "float", "share of a covered object that must stay visible, else the paste is left out", low=0, high=1
    )
    paste_min_pixels: int = _setting(100, "int", "smallest object that is pasted, in the file's pixels", low=1)
    paste_max_share: float = _setting(
        0.5, "float", "largest object that is pasted, as a share of its image", low=0, high=1, open_low=True
    )
    paste_edge: float = _setting(
        0.0,
        "float",
        "standard deviation in pixels of the Gaussian that softens a paste's edge; 0: hard",
        low=0,
        high=20,
    )
    paste_memory: int = _setting(256, "int", "MB of cut objects kept in memory", low=0, high=2**20)
    fold: int = _setting(0, "int", "which fold validates", low=0, high=4)
    split_seed: int | None = _setting(
        None, "int", "seed of the split, 1 to 5; default: seed", optional=True, low=1, high=5
    )
    loss: str = _setting("focal", "loss", "the loss", choices=tuple(LOSSES))
    class_weights: str = _choice(
        "none", CLASS_WEIGHTS, "scheme of class weights, from the train fold's pixels, for every term that takes them"
    )
    gamma: float = _setting(2.0, "float", "focusing exponent of the focal losses, 0 or at least 1", low=0, high=100)
    alpha: float | None = _setting(None, "float", "weight of focal's positive terms", optional=True, low=0, high=1)
    beta: float = _setting(0.7, "float", "tversky's weight of missed pixels, 1 - beta of false ones", low=0, high=1)
    delta: float = _setting(0.6, "float", "unified_focal's weight of rare classes", low=0, high=1)
    unified_gamma: float = _setting(0.5, "float", "unified_focal's focusing exponent", low=0, high=0.99)
    tau: float = _setting(1.0, "float", "logit_adjusted's strength; 1: balanced softmax", low=0, high=100)
    variation_sigma: float = _setting(
        4.0, "float", "logit_variation's deviation of the noise before it is clipped to [-1, 1]", low=0, high=1e6
    )
    size_bound: float = _setting(20.0, "float", "size_balanced's largest weight; background weighs 1", low=1, high=1e6)
    ohem_share: float = _setting(
        0.25, "float", "share of the labelled pixels that ohem keeps", low=0, open_low=True, high=1
    )
    ohem_min: int = _setting(1000, "int", "fewest labelled pixels of a batch that ohem keeps", low=1)
    lr: float = _setting(0.01, "float", "learning rate of the decoder", low=0, open_low=True, high=1e30)
    encoder_lr: float = _setting(
        0.0001, "float", "learning rate of the encoder (absolute)", low=0, open_low=True, high=1e30
    )
    optimizer: str = _choice("sgd", ("sgd", "adamw"), "the optimizer")
    momentum: float = _setting(0.9, "float", "momentum of sgd, first beta of adamw", low=0, high=0.9999)
    weight_decay: float = _setting(0.0001, "float", "weight decay", low=0, high=1e30)
    poly_power: float = _setting(0.9, "float", "exponent of the polynomial decay of the learning rates", low=0)
    batch_size: int = _setting(8, "int", "samples a step", low=2)
    epochs: int = _setting(200, "int", "most epochs", low=1)
    patience: int = _setting(11, "int", "epochs without a better validation mIoU before it stops; 0: never", low=0)
    resize: Size | None = _setting(
        None, "size", "size the whole image is brought to first", optional=True, low=32, high=16384
    )
    crop: Size | None = _setting(
        (512, 512), "size", "size of the crop; none: all of resize", optional=True, low=32, high=16384
    )
    scale_min: float = _setting(0.5, "float", "smallest random scale", low=0.1, high=10)
    scale_max: float = _setting(2.0, "float", "largest random scale", low=0.1, high=10)
    flip: float = _setting(0.5, "float", "probability of a horizontal flip", low=0, high=1)
    color: float = _setting(0.25, "float", "range of brightness, contrast and saturation", low=0, high=0.9)
    encoder: str = _setting("resnet101", "text", "an encoder of segmentation_models.pytorch that DeepLabV3+ takes")
    encoder_weights: str | None = _setting(
        "imagenet", "text", "imagenet (from the hub), a file, or package:NAME (an installed package)", optional=True
    )
    output_stride: int = _setting(16, "int", "output stride of the encoder, 8 or 16", low=8, high=16)
    seed: int = _setting(1, "int", "seed of weights, order and augmentation", low=0, high=2**31 - 1)
    post_hoc: str = _choice(
        "prior", POST_HOC, "correction of the finished network, reported beside its own scores; rank comes beside prior"
    )
    device: str = _setting("auto", "text", "auto (a GPU that is there), cpu, cuda or cuda:N")
    amp: bool = _setting(False, "bool", "float16 autocast with a gradient scaler, on CUDA")
    threads: int = _setting(0, "int", "CPU threads of torch; 0: as many as it takes by itself", low=0, high=1024)
    workers: int = _setting(2, "int", "processes that load samples; results don't depend on it", low=0, high=256)
    cache_mb: int = _setting(
        0, "int", "MB of decoded images kept in data/cache (or IMBSEG_CACHE) for all trials; 0: none", low=0
    )

    @property
    def strategy(self) -> str:
        """The four parts as one name, such as imbalanced/mskf/label/none."""
        return "/".join(getattr(self, part) for part in STRATEGY)

    @property
    def input_size(self) -> Size:
        """(width, height) of a training sample."""
        size = self.crop or self.resize
        if size is None:
            raise AssertionError("resolve() refuses a trial without crop and resize")
        return size

    def as_json(self) -> dict[str, Any]:
        """All fields, and the strategy they make, as JSON holds them."""
        fields = {f.name: show(getattr(self, f.name)) for f in dataclasses.fields(self)}
        return {**fields, "strategy": self.strategy}


FIELDS = {f.name: f for f in dataclasses.fields(Trial)}
WITHOUT_EFFECT = ("root", "meta", "workers", "cache_mb")  # may differ when a trial is started again in its folder


def kind_of(name: str) -> Kind:
    """What a field accepts."""
    kind: Kind = FIELDS[name].metadata["kind"]
    return kind
