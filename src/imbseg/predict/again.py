"""A finished run's best network -> its predictions of some test images, made the way its test was."""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from imbseg.augment.photometry import Normalisation
from imbseg.datasets.readers.layout import PHOTOGRAPH, Layout
from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError
from imbseg.files import read_object
from imbseg.meta.read import Meta, test_rows
from imbseg.metrics.counts import image_confusion, load_counts, marginals
from imbseg.metrics.predicted import Predicted, Predictions
from imbseg.models import checkpoint
from imbseg.models.arithmetic import nearest, set_cudnn
from imbseg.models.decoders import placed
from imbseg.models.weights import IMAGENET, normalisation_of, widen
from imbseg.post_hoc import POST_HOC
from imbseg.post_hoc.logits import as_labels, none
from imbseg.training.large import in_bands, large
from imbseg.training.limits import normalised, recorded
from imbseg.training.loop import predict
from imbseg.training.prepare import choose_device, make_network
from imbseg.training.samples import Files
from imbseg.training.stages import trial_at
from imbseg.training.whole_images import WholeImages
from imbseg.trial import Trial
from imbseg.trial.fields import read
from imbseg.trial.micro_batch import KEY
from imbseg.trial.remedies import known
from imbseg.trial.stored import by_todays_names, dataset_of, meta_of
from imbseg.windows.source import SHOWN

# what decides a prediction: a run of another version may have settings that this one doesn't know
DECIDING = ("dataset", "encoder", "encoder_weights", "output_stride", "resize", "batch_size", "precision", "threads")
# what older runs lack has its default
NEWER = (
    "channels_last",
    "architecture",
    *known("architecture"),
    "crop",
    "epochs",
    "finish_epochs",
    "finish_size",
    "micro_batch",
    *POST_HOC.declares(),
)


@dataclasses.dataclass(frozen=True)
class Stored:
    """A run's best network, as its test found it.

    Attributes:
        folder: the run folder.
        about: trial.json.
        trial: the settings that decide a prediction, as the best epoch had them.
        model: on `device`, in evaluation mode.
        layout: of the images that it takes.
    """

    folder: Path
    about: dict[str, Any]
    trial: Trial
    model: torch.nn.Module
    normalisation: Normalisation
    device: torch.device
    layout: Layout = PHOTOGRAPH

    @property
    def class_names(self) -> tuple[str, ...]:
        """In index order."""
        return tuple(self.about["weights_of_classes"])

    def picture(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        """What a person sees of an image of its layout, (height, width, 3) uint8."""
        return self.layout.picture(image, (self.normalisation.low, self.normalisation.high))


def stored_network(folder: Path, device: torch.device) -> Stored:
    """Read a finished run's best network.

    Raises:
        InputError: trial.json or best.pt is missing, broken, of another version or another network.
    """
    about = by_todays_names(read_object(folder / "trial.json", "parameters", "weights_of_classes"))
    trial = _trial(about, device)
    layout, limits = recorded(about)
    model, epoch = _network(folder / "best.pt", trial, len(about["weights_of_classes"]), len(layout.channels))
    of_weights = IMAGENET if trial.encoder_weights is None else normalisation_of(trial.encoder)
    model = placed(model, device, channels_last=trial.channels_last).eval()
    how = normalised(of_weights, layout, limits)
    return Stored(folder, about, trial_at(trial, epoch), model, how, device, layout)


def predict_again(folder: Path, ids: Sequence[str]) -> Predictions:
    """Predict test images of a run again, on a GPU that is there, else on the CPU.

    Args:
        folder: the run folder, which is only read: trial.json, best.pt, counts_test.npz.

    Returns:
        The images, in the order of `ids`, and a sentence if they aren't what the run counted.

    Raises:
        InputError: best.pt, the data or their meta are missing, broken, or of other classes or another network.
    """
    with gpu_memory():
        dataset = dataset_of(read_object(folder / "trial.json", "parameters", "weights_of_classes"))
        stored = stored_network(folder, choose_device("auto"))
        files = _test_files(meta_of(stored.about, dataset), dataset, ids)
        whole = WholeImages(files, dataset, stored.trial, stored.normalisation)
        images = _labelled(stored, whole, f"{folder.name}: predicted again")
    return Predictions(images, differences(folder / "counts_test.npz", images, len(dataset.classes)))


@contextlib.contextmanager
def gpu_memory() -> Iterator[None]:
    """What a GPU without memory says is one sentence."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        other = "wait until it is free, or hide it with CUDA_VISIBLE_DEVICES="
        raise InputError(f"the GPU has no memory left to predict with; {other}") from error


def _labelled(stored: Stored, whole: WholeImages, what: str) -> tuple[Predicted, ...]:
    """The images in the order of `whole`."""
    set_cudnn()
    files, found = whole.files, {}
    with threads(stored.trial.threads):
        for index, logits, truth in predict(stored.model, whole, stored.device, stored.trial, what):
            labels = as_labels(none(logits[None])[0], len(stored.class_names))
            picture = stored.picture(files.read(whole.dataset, index)[0])
            found[index] = Predicted(files.ids[index], picture, truth.mask, labels)
        for index in large(files):
            found[index] = _reduced(stored, whole, index)
    return tuple(found[index] for index in range(len(found)))


def _reduced(stored: Stored, whole: WholeImages, index: int) -> Predicted:
    """A large image as a person sees it: every second, third ... pixel."""
    files, classes = whole.files, len(stored.class_names)
    with files.source(whole.dataset, index) as source:
        picture, truth = source.reduced()
    step, labels, top = -(-max(files.sizes[index]) // SHOWN), [], 0
    for views, rows in in_bands(stored.model, whole, index, stored.device, stored.trial):
        labels.append(as_labels(none(views["logits"])[0], classes)[-top % step :: step, ::step].copy())
        top += len(rows)
    return Predicted(files.ids[index], stored.picture(picture), truth, np.concatenate(labels), step)


def differences(file: Path, images: Sequence[Predicted], classes: int) -> str:
    """Hold predictions against what a run counted of the same images when it was tested.

    Returns:
        A sentence with the number of pixels that must have changed, at least; empty where TP, FP and FN are the same.

    Raises:
        InputError: the counts can't be read, or lack an image.
    """
    counts = load_counts(file)
    if counts.tp.shape[1] != classes:
        raise InputError(f"{file}: holds {counts.tp.shape[1]} classes, trial.json beside it {classes}; train again")
    rows, changed, labelled = {str(name): row for row, name in enumerate(counts.ids)}, 0, 0
    for one in images:
        if one.step > 1:
            continue  # of a large image not every pixel is there
        if one.image_id not in rows:
            raise InputError(f"{file}: holds no image {one.image_id!r}; the meta is another than it was made with")
        tp, fp, fn, _ = marginals(image_confusion(one.prediction, one.truth, classes))
        row = rows[one.image_id]
        parts = ((tp, counts.tp[row]), (fp, counts.fp[row]), (fn, counts.fn[row]))
        changed += max(int(np.abs(now - then).sum()) for now, then in parts)
        labelled += int((tp + fn).sum())
    if not changed:
        return ""
    what = f"at least {changed} of {labelled} pixels are others than when the run was tested"
    why = "another device or library, or files that changed since"
    return f"{file.parent.name}: predicted again, {what} ({why})"


@contextlib.contextmanager
def threads(number: int) -> Iterator[None]:
    """As many threads as the run was tested with: other numbers give other last bits, and here and there a label."""
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _trial(about: dict[str, Any], device: torch.device) -> Trial:
    """The settings that decide a prediction; float32 where the device lacks the precision of its training."""
    stored = about["parameters"] | ({KEY: about[KEY]} if KEY in about else {})
    if lacking := [name for name in DECIDING if name not in stored]:
        raise InputError(f"trial.json: lacks {lacking[0]!r}; the run is of another version of imbseg")
    found = read({name: stored[name] for name in (*DECIDING, *NEWER) if name in stored})
    found["precision"] = nearest(found["precision"], device)
    return Trial(**found, workers=0)  # a few images: a process to load them starts longer than it reads


def _network(file: Path, trial: Trial, classes: int, channels: int) -> tuple[torch.nn.Module, int]:
    """The network of the best epoch, and which that was."""
    if not file.is_file():
        why = "the network in it makes the predictions again"
        raise InputError(f"{file} is missing: {why}; put it back, or train the trial again")
    content = checkpoint.load(file)
    model = make_network(trial, classes)
    widen(model.encoder, channels, pretrained=False)  # type: ignore[arg-type]
    try:
        model.load_state_dict(content["model"])
        epoch = int(content["epoch"])
    except (RuntimeError, KeyError, TypeError, AttributeError) as error:  # torch tells a RuntimeError in many lines
        reason = " ".join(str(error).split())[:160]
        other = f"another network than {trial.encoder} with {classes} classes"
        raise InputError(f"checkpoint {file}: holds {other}, as trial.json describes it ({reason})") from error
    if not all(bool(one.isfinite().all()) for one in model.state_dict().values()):
        raise InputError(f"checkpoint {file}: holds weights that are no numbers (NaN or infinite); train again")
    return model, epoch


def _test_files(meta: Meta, dataset: Dataset, ids: Sequence[str]) -> Files:
    rows = test_rows(meta)
    if strange := sorted(set(ids) - set(rows["id"])):
        other = "the meta is another than the run was made with"
        raise InputError(f"{meta.folder}: {strange[0]!r} is no test image; {other}")
    return Files.of(rows.set_index("id", drop=False).loc[list(ids)], meta.root(dataset), dataset)
