"""Plain `nnictl create`, real trials, two at once, one of them dead before it asks for its parameters."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from end_to_end.real_trials import ran, sampled, trial_command, trial_log, write_config

from imbseg.manager import launch, rest, watch

pytestmark = pytest.mark.slow

DEAD = 1
LOSSES = ["cross_entropy", "weighted_cross_entropy"]
SPACE = {"loss": {"_type": "choice", "_value": LOSSES}, "seed": {"_type": "choice", "_value": [1, 2]}}
DIES_FIRST = f'test "$NNI_TRIAL_SEQ_ID" != {DEAD} || kill -9 $$; '


def test_what_nni_lists_is_what_ran(home: Path, port: int, cracks: dict[str, str]) -> None:
    command = DIES_FIRST + trial_command({**cracks, "epochs": "1"}, *SPACE)
    config = write_config(home, "configs/sample.yml", command, SPACE)
    experiment = launch.start(config, port, guarded=False)
    outcome = watch.watch(experiment, poll_s=0.3, out=io.StringIO())

    listed = rest.trials(experiment.base)
    dead = listed[DEAD].id
    assert (outcome.trials, list(outcome.failures), outcome.died) == (4, [dead], None)
    found = ran(home)
    assert found.keys() == {trial.id for trial in listed} - {dead}
    for trial in listed:
        if trial.id != dead:
            assert sampled(found[trial.id], trial) == trial.parameters
    # Every point of the grid is listed once, so no two folders hold the same.
    assert len({repr(sorted(trial.parameters.items())) for trial in listed}) == 4
    # NNI did mix them up: the dead trial's parameters went to the next one, and so on.
    assert [trial.sequence for trial in listed if trial.id != dead and "NNI handed out" in trial_log(home, trial.id)]
