"""What the network will see: a contact sheet of augmented training samples, each with its mask beside it."""

from pathlib import Path

import numpy as np

from imbseg.augment.photometry import to_picture
from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError
from imbseg.files import whole_file, writable_folder
from imbseg.models.weights import IMAGENET, normalisation_of
from imbseg.pictures import Sample, contact_sheet
from imbseg.sampling.order import NO_FOCUS
from imbseg.training.fold import Fold, epoch_batches, read_fold
from imbseg.training.limits import limits_of, normalised
from imbseg.training.prepare import make_paster
from imbseg.training.samples import TrainSamples
from imbseg.trial import Resolved, Trial

MOST = 200  # samples on one sheet


def preview(resolved: Resolved, out: Path, images: int) -> int:
    """Write the first samples of a trial's first epoch as one PNG.

    Args:
        out: the file; its ending says the format.
        images: how many, 1 to 200; an epoch may have fewer.

    Returns:
        How many are on it.

    Raises:
        InputError: the number is out of range, `out` can't be a PNG, or meta or images are missing or broken.
    """
    if not 1 <= images <= MOST:
        raise InputError(f"--images: expected a number of 1..{MOST}, found {images}")
    if out.suffix.lower() != ".png" or out.is_dir():
        raise InputError(f"--out: expected the name of a .png file, found {out}")
    writable_folder(out.parent)
    fold = read_fold(resolved.trial, resolved.dataset)
    samples = first_samples(resolved.trial, resolved.dataset, fold, images)
    sheet = contact_sheet(samples, resolved.dataset, _title(resolved.trial, fold, len(samples)))
    with whole_file(out) as temporary:
        sheet.save(temporary)
    return len(samples)


def first_samples(trial: Trial, dataset: Dataset, fold: Fold, images: int) -> list[Sample]:
    """The samples that training would show first, made the same way and from the same keys."""
    of_weights = IMAGENET if trial.encoder_weights is None else normalisation_of(trial.encoder)
    layout = dataset.layout
    normalisation = normalised(of_weights, layout, fold.limits or limits_of(fold.train, dataset))
    loader = TrainSamples(fold.train, dataset, trial, normalisation, fold.boxes, make_paster(trial, dataset, fold))
    samples = []
    for key in epoch_batches(trial, fold).keys()[:images]:
        sample, (_, _, index, label) = loader[key], key
        mask = np.asarray(sample["target"].numpy(), np.uint8)
        focus = "" if label == NO_FOCUS else dataset.class_names[label]
        picture = to_picture(sample["image"].numpy(), normalisation, layout.shown)
        samples.append(Sample(fold.train.ids[index], picture, mask, focus))
    return samples


def _title(trial: Trial, fold: Fold, shown: int) -> str:
    width, height = trial.input_size
    what = f"the first {shown} samples of epoch 1, {width} x {height}, from {len(fold.train.ids)} train images"
    return f"{Path(trial.dataset).stem}, {trial.strategy}, seed {trial.seed}: {what}"
