"""Images as they lie on disk, for a person: one of every class, the rarest first."""

import numpy as np

from imbseg.datasets.decoded import read_pair
from imbseg.datasets.spec import Dataset
from imbseg.meta.read import Meta, pixel_counts
from imbseg.pictures import Sample


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
        image, mask = read_pair(root / row["image"], root / row["mask"], dataset)
        found.append(Sample(str(row["id"]), dataset.layout.picture(image), mask))
    return found
