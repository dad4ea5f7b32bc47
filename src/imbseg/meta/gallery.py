"""Images as they lie on disk, for a person: one of every class, the rarest first."""

import numpy as np

from imbseg.datasets.decoded import read_pair
from imbseg.datasets.spec import Dataset
from imbseg.meta.read import Meta, pixel_counts
from imbseg.pictures import Sample
from imbseg.windows.pixels import is_large
from imbseg.windows.source import opened_pair


def image_of_each_class(dataset: Dataset, meta: Meta) -> list[Sample]:
    """For every class, from the fewest images to the most, the train image that shows most of it.

    Classes without a train image have none; an image that is the best of two classes stands once.

    Raises:
        InputError: the data aren't there, or an image can't be read.
    """
    pool = meta.images[meta.images["subset"].ne("test")]
    pixels = pixel_counts(pool, dataset)  # (images, classes)
    images = (pixels > 0).sum(axis=0)
    order = [index for index in np.argsort(images, kind="stable").tolist() if images[index]]
    best = dict.fromkeys(int(pixels[:, index].argmax()) for index in order)
    root, found = meta.root(dataset), []
    for row in (pool.iloc[number] for number in best):
        files, size = (root / row["image"], root / row["mask"]), (int(row["width"]), int(row["height"]))
        if is_large(files[0], dataset.layout, size):
            with opened_pair(*files, dataset) as source:
                image, mask = source.reduced()
        else:
            image, mask = read_pair(*files, dataset)
        found.append(Sample(str(row["id"]), dataset.layout.picture(image), mask))
    return found
