"""Trials of one experiment with the same parameters: trained once, reported by both."""

from __future__ import annotations

import time
from typing import Any

from imbseg.manager import rest

PAUSE_S = 2.0


def finished_twin(channel: str, trial_id: str, parameters: dict[str, Any]) -> str | None:
    """A trial with the same parameters that has ended well; None where this trial has to train them itself.

    After a resume, NNI's grid hands out the interrupted trials' parameters once more as new trials. An earlier twin
    that runs is waited for. One that waits for its turn is not: with one trial at a time that turn is this trial's.

    Args:
        channel: this trial's NNI_TRIAL_COMMAND_CHANNEL.
        trial_id: its NNI_TRIAL_JOB_ID.
        parameters: that NNI lists for it.

    Returns:
        The twin's id.

    Raises:
        ManagerSilent: the manager can't be asked, after a few tries.
    """
    base = rest.base_of_channel(channel)
    while True:
        known = rest.persistently(lambda: rest.trials(base))
        own = next((trial.sequence for trial in known if trial.id == trial_id), 0)
        twins = [trial for trial in known if trial.id != trial_id and trial.parameters == parameters]
        done = next((trial.id for trial in twins if trial.status == "SUCCEEDED"), None)
        # Only ever for an earlier one, so that two don't wait for each other.
        if done or not any(trial.status == "RUNNING" and trial.sequence < own for trial in twins):
            return done
        time.sleep(PAUSE_S)
