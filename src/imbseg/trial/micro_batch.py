"""A batch in parts, where memory doesn't hold it at once: the optimizer's step stays that of the whole batch."""

from pathlib import Path

from imbseg.files import read_object, write_json
from imbseg.trial.fields import Trial

KEY = "micro_batch"  # of trial.json and status.json, beside the parameters: what was left where memory was too small


def parts(samples: int, most: int) -> list[int]:
    """The sizes of the parts of a batch, as equal as can be, of two samples or more: batch norm takes no single one.

    >>> parts(8, 8), parts(8, 3), parts(5, 2), parts(1, 4)
    ([8], [3, 3, 2], [3, 2], [1])
    """
    number = max(1, min(-(-samples // most), samples // 2))
    least, more = divmod(samples, number)
    return [least + (index < more) for index in range(number)]


def halved(trial: Trial) -> Trial | None:
    """The trial with half of its largest part; None where that can't be divided.

    >>> [halved(Trial(batch_size=8, micro_batch=n)).micro_batch for n in (None, 6, 4)], halved(Trial(batch_size=3))
    ([4, 2, 2], None)
    """
    now = parts(trial.batch_size, trial.at_once)[0]
    most = max(2, -(-now // 2))
    return trial.model_copy(update={KEY: most}) if parts(trial.batch_size, most)[0] < now else None


def recorded(folder: Path) -> dict[str, int]:
    """What earlier starts of a trial left, under KEY; nothing where memory was large enough."""
    file = folder / "trial.json"
    found = read_object(file).get(KEY) if file.is_file() else None
    return {KEY: found} if isinstance(found, int) else {}


def again(trial: Trial, folder: Path) -> Trial:
    """The trial with what earlier starts of it left."""
    return trial.model_copy(update=recorded(folder))


def note(trial: Trial, folder: Path) -> None:
    """Write down what is left."""
    file = folder / "trial.json"
    write_json(file, {**read_object(file), KEY: trial.micro_batch})


def line(trial: Trial, *, mixes: bool) -> str:
    """What happened, and what sees a part where it saw the batch.

    Args:
        mixes: whether the loss takes a batch as a whole.

    >>> line(Trial(batch_size=8, micro_batch=4, loss="dice"), mixes=True)  # doctest: +NORMALIZE_WHITESPACE
    'memory was too small: micro_batch 4, the 8 samples of a step pass the network in 2 parts; batch norm, and the loss
    dice, which is over a whole batch, now see 4 at a time'
    """
    sizes = parts(trial.batch_size, trial.at_once)
    loss = f"batch norm, and the loss {trial.loss}, which is over a whole batch, now see"
    how = f"micro_batch {trial.micro_batch}, the {trial.batch_size} samples of a step pass the network in"
    seen = loss if mixes else "batch norm now sees"
    return f"memory was too small: {how} {len(sizes)} parts; {seen} {sizes[0]} at a time"
