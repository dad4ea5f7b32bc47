"""What a run records of its data, and where that is missing: the data set file and the meta, if still the same."""

from collections.abc import Mapping

from imbseg.datasets.spec import GROUPS, Dataset
from imbseg.errors import InputError
from imbseg.meta.read import Meta
from imbseg.runs.collect import Run
from imbseg.trial import stored

Groups = Mapping[str, tuple[str, ...]]


def class_groups(run: Run) -> Groups:
    """Head, medium and tail -> class names, as a run was scored; empty where nothing tells them any more.

    trial.json has them as `class_groups`; of a run that was made before it did, the data set file declares them, or
    the meta's classes.csv lists them.

    Args:
        run: with its trial.json; classes that it doesn't know are left out.
    """
    told = run.about.get("class_groups")
    if not isinstance(told, Mapping):
        told = _declared(run)
    return {group: names for group in GROUPS if (names := tuple(n for n in told.get(group) or () if n in run.classes))}


def dataset_of(run: Run) -> Dataset:
    """The data set of a run.

    Raises:
        InputError: its file is gone or was changed since (the message says which).
    """
    if not run.about.get("dataset_sha256"):
        raise InputError("a table of trials doesn't say which data set file it was made with; give --counts")
    dataset = stored.dataset_of(run.about)
    if dataset.digest != run.about.get("dataset_sha256"):
        raise InputError(
            f"{run.name}: was made with another version of {dataset.path}; what that file says now may not hold for it"
        )
    return dataset


def meta_of(run: Run) -> Meta:
    """The meta of a run.

    Raises:
        InputError: it is gone, or was made anew with other numbers since (the message says which).
    """
    found = stored.meta_of(run.about, dataset_of(run))
    if found.digest != run.about.get("meta_sha256"):
        raise InputError(
            f"{found.folder}: isn't the meta that {run.name} was made with; its statistics of classes may be others"
        )
    return found


def _declared(run: Run) -> Mapping[str, tuple[str, ...]]:
    """A table of trials from elsewhere, and data that are gone, declare none."""
    try:
        dataset = dataset_of(run)
        if dataset.groups is not None:
            return dataset.groups
        classes = meta_of(run).classes
    except (InputError, OSError):
        return {}
    return {group: tuple(classes.loc[classes["group"] == group, "class"]) for group in GROUPS}
