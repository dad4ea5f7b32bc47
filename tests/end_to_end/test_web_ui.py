"""NNI's web UI in a browser: what the page of the trials says is what ran."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from end_to_end import browser, trial_page
from end_to_end.real_trials import ran, sampled, trial_command, write_config

from imbseg.manager import launch, rest, watch

pytestmark = pytest.mark.slow

SPACE = {
    "strategy": {"_type": "choice", "_value": ["full/mskf/none/none", "full/mskf/label/none"]},
    "lr": {"_type": "choice", "_value": [0.01]},
}


def test_the_page_shows_what_ran(home: Path, port: int, cracks: dict[str, str]) -> None:
    if browser.program() is None:
        pytest.skip("no Chromium or Chrome on this machine")
    command = trial_command({**cracks, "loss": "weighted_cross_entropy"}, *SPACE)
    config = write_config(home, "configs/sample.yml", command, SPACE, maxTrialNumber=2)
    experiment = launch.start(config, port)
    outcome = watch.watch(experiment, poll_s=0.3, out=io.StringIO())
    assert outcome.ok, outcome.sentence()

    listed, found = rest.trials(experiment.base), ran(home)
    expected = {trial.id: sampled(found[trial.id], trial) for trial in listed}
    assert expected[listed[0].id].keys() == SPACE.keys()
    with browser.opened(trial_page.address(port), home / "browser") as page:
        trial_page.wait_for_trials(page, 2)
        assert trial_page.parameters(page) == expected
    with browser.opened(trial_page.address(port), home / "browser2") as page:
        trial_page.wait_for_trials(page, 2)
        choices = trial_page.metrics(page)
        assert {"default", "tail", "IoU/background", "IoU/crack", "test/mIoU"} <= set(choices)
        trial_page.choose(page, "IoU/crack")
        compared = trial_page.compare(page, 0, 1)
    check_comparison(compared, listed[0], listed[1])


def check_comparison(rows: list[list[str]], one: rest.Listed, other: rest.Listed) -> None:
    """Parameters and final scores of the two ticked trials, side by side."""
    table = {name: values for name, *values in rows}
    assert table["ID"] == [one.id, other.id]
    for name in SPACE:
        assert table[name] == [str(one.parameters[name]), str(other.parameters[name])]
    assert one.final is not None
    assert other.final is not None
    assert [float(value) for value in table["Metric: default"]] == [one.final["default"], other.final["default"]]
    assert "Metric: IoU/crack" in table
