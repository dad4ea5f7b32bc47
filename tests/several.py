"""Several processes that train one trial, joined as torchrun joins them, forked from one that has imported torch."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import multiprocessing
import os
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from killing import SERVER, Moment, Ticks, instrument, preload
from small_trial import SMALL, train

from imbseg import ranks
from imbseg.errors import run_command
from imbseg.training.begun import Begun
from imbseg.training.draws import Draws
from imbseg.training.fold import read_fold
from imbseg.training.folder import Folder
from imbseg.training.loop import evaluate, predict, train_epoch
from imbseg.training.post_hoc import count_along
from imbseg.training.prepare import Run, make_batches, prepare
from imbseg.training.stages import trial_at
from imbseg.training.whole_images import WholeImages
from imbseg.trial import resolve


class Ended(NamedTuple):
    """One process: exit status (or minus the signal), what it gave back, what it printed on stderr."""

    status: int
    value: Any
    complaints: str


def together(number: int, work: Callable[..., Any], *given: Any) -> list[Ended]:
    """Call a function of a module in so many processes, as the main function of a command; the order is that of ranks.

    `work` is called with `given`.
    """
    preload()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = [start(rank, number, port, work, given) for rank in range(number)]
    return [end(*one) for one in started]


def start(rank: int, number: int, port: int, work: Callable[..., Any], given: tuple[Any, ...]) -> tuple[Any, Any]:
    hear, tell = SERVER.Pipe(duplex=False)
    process = SERVER.Process(target=in_child, args=(rank, number, port, work, given, tell))
    process.start()
    tell.close()
    return process, hear


def end(process: Any, hear: Any) -> Ended:
    try:
        value, complaints = hear.recv()
    except EOFError:  # killed
        value, complaints = None, ""
    process.join()
    return Ended(process.exitcode, value, complaints)


def in_child(rank: int, number: int, port: int, work: Callable[..., Any], given: tuple[Any, ...], tell: Any) -> None:
    """The whole of one process."""
    multiprocessing.set_start_method("fork", force=True)  # of the loaders, as in a trial
    found, complaints = list[Any](), io.StringIO()
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "TORCHELASTIC_RUN_ID": "test"}
    os.environ |= {"WORLD_SIZE": str(number), "LOCAL_WORLD_SIZE": str(number)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo"}

    def main() -> None:
        with ranks.joined():
            found.append(work(*given))

    ranks.PATIENCE_S = 0.0  # no torchrun is there to end this one
    status = 0
    with contextlib.redirect_stderr(complaints):
        try:
            run_command(main)
        except SystemExit as ended:
            status = int(ended.code or 0)
    tell.send((found[0] if found else None, complaints.getvalue()))
    sys.exit(status)


def prepared(flags: dict[str, str], place: Path, **changed: Any) -> Run:
    """A trial before its first step; batch norm and dropout stay as in evaluation."""
    resolved = resolve({**SMALL, "post_hoc": "none", **flags}, {})
    trial = resolved.trial.model_copy(update={"threads": 1, **changed})
    fold = read_fold(trial, resolved.dataset)
    run = prepare(resolved, trial, fold, Folder(place), torch.device("cpu"), say=lambda _: None)
    run.learner.only_head = True
    return run


def first_epochs(flags: dict[str, str], losses: Sequence[str], place: Path) -> dict[str, Any]:
    """One epoch with each loss: the loss of each step, the weights after them, what they showed."""
    torch.set_num_threads(1)
    found = {}
    for loss in losses:
        run, each = prepared({**flags, "loss": loss}, place), list[float]()
        begun, loss_of = Begun(Draws(run.dataset.class_names, confidence=True)), run.loss_of

        def watched(*given: Any, of: Any = loss_of, heard: list[float] = each) -> torch.Tensor:
            value: torch.Tensor = of(*given)
            heard.append(value.item())
            return value

        train_epoch(run.learner, make_batches(run), watched, run.trial, 1, begun.draws.add, begun=begun)
        begun.share(run.learner.device)
        weights = torch.cat([weight.detach().flatten() for weight in run.learner.model.parameters()]).numpy()
        found[loss] = {"losses": each, "weights": weights, "draws": begun.draws_of_all().row(1, images=0)}
    return found


def loaded(flags: dict[str, str], place: Path, epochs: int) -> list[str]:
    """Digests of all that loaders give this process: the batches of some epochs, and an evaluation's images."""
    run, found = prepared(flags, place), list[str]()
    batches: Any = make_batches(run)
    for epoch in range(1, epochs + 1):
        batches.batch_sampler.epoch = epoch
        batches.dataset.trial = trial_at(run.trial, epoch)
        batches.dataset.paster.before_epoch(run.history)
        for batch in batches:
            parts = (part for name, one in batch.items() for part in (name.encode(), one.numpy().tobytes()))
            found.append(hashlib.sha256(b"".join(parts)).hexdigest())
        run.history.append({"IoU/ground": 0.9, "IoU/ball": 0.1, "IoU/rod": 0.5})
    whole = WholeImages(run.fold.val, run.dataset, run.trial, run.normalisation)
    shown = predict(run.learner.model, whole, run.learner.device, run.trial, "")
    return found + [hashlib.sha256(logits.numpy().tobytes()).hexdigest() for _, logits, _ in shown]


def counted(flags: dict[str, str], place: Path, size: int) -> tuple[dict[str, Any], Any]:
    """A network without training on so many images: counts, and counts along two corrections."""
    torch.set_num_threads(1)
    run = prepared(flags, place)
    files = run.fold.train.take(range(size))
    run.fold = dataclasses.replace(run.fold, val=files)
    whole = WholeImages(files, run.dataset, run.trial, run.normalisation)
    counts = evaluate(run.learner.model, whole, run.learner.device, run.trial, "", closely=True)
    along = count_along(run, "val", [("none", 0.0), ("prior", 0.5), ("flip", 0.0)])
    return dataclasses.asdict(counts), (along.images, along.confusions)


def trial(flags: dict[str, str], out: Path) -> dict[str, Any]:
    """A whole trial."""
    return train({"post_hoc": "none", **flags}, out)


def trials(flags: dict[str, str], changed: dict[str, dict[str, str]], place: Path) -> None:
    """Several trials one after the other, each in a folder of its name."""
    for name, more in changed.items():
        train({"post_hoc": "none", **flags, **more}, place / name)


def struck(flags: dict[str, str], out: Path, rank: int, moment: Moment, number: int) -> dict[str, Any]:
    """A whole trial in which one process gets a signal at a moment."""
    instrument(Ticks(moment if ranks.rank() == rank else None, number))
    return train(flags, out)


def fails(rank: int, error: type[Exception]) -> None:
    """One process fails while the others wait for it."""
    if ranks.rank() == rank:
        raise error("image x.png: is broken")
    ranks.any_of(False)
