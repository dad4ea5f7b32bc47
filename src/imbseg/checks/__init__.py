"""What every loss, sampler and correction keeps: run these on one of your own before you train with it.

    PYTHONPATH=src:data/datasets python -m imbseg.checks loss mine:soft_iou

In a test of your own: `check_loss("mine:soft_iou")`, or `check_loss(soft_iou, gamma=2.0)` on the function itself, with
what it takes beside the menu's settings. The entries of the menus go through the same checks.
"""

import inspect
from typing import Any

from imbseg.checks.expect import CheckFailed, Named, filled, run
from imbseg.checks.sampling import SAMPLER_CHECKS
from imbseg.post_hoc import POST_HOC, grid
from imbseg.sampling import SAMPLING

__all__ = ["CheckFailed", "check_loss", "check_post_hoc", "check_sampler"]


def check_loss(loss: Named, *, random: bool = False, **settings: Any) -> None:
    """Run every check of a loss.

    Args:
        loss: a name, a sum, or the function.
        random: it draws noise, so that other pixels give another value, by up to a tenth.
        settings: what it takes, where that isn't the menu's default.

    Raises:
        CheckFailed: one fails; the message says which, what was expected and what was found.
    """
    from imbseg.checks.losses import LOSS_CHECKS, NOISE, loss_of  # here: torch, after the command line is read

    run(LOSS_CHECKS, loss_of(loss, **settings), NOISE if random else 1e-5)


def check_sampler(sampler: Named, **settings: Any) -> None:
    """Run every check of a sampler; see `check_loss`."""
    run(SAMPLER_CHECKS, filled(SAMPLING, sampler, settings))


def check_post_hoc(step: Named, **settings: Any) -> None:
    """Run every check of a correction, by name also with each setting at its least value; see `check_loss`."""
    from imbseg.checks.losses import PRIORS
    from imbseg.checks.post_hoc import POST_HOC_CHECKS

    given = {"class_priors": PRIORS, "class_norms": PRIORS.sqrt(), "class_bias": PRIORS, **settings}
    taken = POST_HOC.arguments(step) if isinstance(step, str) else ()
    least = {one.name: one.calls["Field"]["ge"] for one in taken if "ge" in one.calls.get("Field", {})}
    for low in ({}, *({name: value} for name, value in least.items() if name not in settings)):
        run(POST_HOC_CHECKS, filled(POST_HOC, step, {**given, **low}), _strength(step))


def _strength(step: Named) -> str:
    """The argument that holds a correction's strength; empty where it has none."""
    if isinstance(step, str):
        return grid(step)[0]
    known = {*POST_HOC.inputs, *POST_HOC.declares()}
    return next((name for name in inspect.signature(step).parameters if name not in known), "")
