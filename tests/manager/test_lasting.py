"""Retries, resumes, the manager's end: the guard on NNI's own TrialProcess, and on a stand-in for its manager."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from manager.test_guard import NODE, nni, result

from imbseg.manager.launch import GUARD

__all__ = ["nni"]
NNI = NODE.parent
STUBS = {
    "common/globals/index.js": "exports.__esModule = true; exports.default = { args: { experimentId: 'exp' } };",
    "common/log.js": "exports.getLogger = () => new Proxy({}, { get: () => () => {} });",
    "common/trial_keeper/keeper.js": "exports.TrialProcess = require('./process').TrialProcess;",
}


@pytest.fixture
def process(nni: Path) -> Path:
    """NNI's own process.js, with stand-ins for what it asks."""
    for name, content in STUBS.items():
        (nni / name).parent.mkdir(parents=True, exist_ok=True)
        (nni / name).write_text(content)
    for name in ("common/trial_keeper/process.js", "common/deferred.js"):
        shutil.copy(NNI / name, nni / name)
    return nni


RUN = """
const { V3asV1 } = require('../nni_node/training_service/v3/compat');
const { TrialProcess } = require('./common/trial_keeper/keeper');
const service = new V3asV1();
service.environments = [{ id: 'local-env' }];
const { id } = await service.submitTrialJob({ sequenceId: 0, hyperParameters: { value: 'p', index: 0 } });
service.allocatedParameters.delete(id); // as NNI does once it has handed them out
const trial = new TrialProcess(id);
const ended = new Promise((resolve) => trial.onStop((_, code, signal) => resolve([code, signal])));
const own = { outputDirectory: process.cwd(), codeDirectory: process.cwd(), commandChannelUrl: '', platform: 'local' };
await trial.spawn({ ...own, command: process.env.COMMAND });
"""
TELL = """
const [code, signal] = await ended;
const starts = require('fs').readFileSync('starts', 'utf8').length;
console.log(JSON.stringify({ code, signal, starts, again: service.allocatedParameters.get(id) ?? null }));
process.exit(0);
"""


def ends(process: Path, command: str, retries: int, before: str = "") -> dict[str, Any]:
    """How a trial ends whose command notes each start; parameters handed out again, or not."""
    variables = {"COMMAND": f"printf x >> starts; {command}", "IMBSEG_RETRIES": str(retries), "NODE_PATH": str(process)}
    return dict(result(process, RUN + before + TELL, **variables, IMBSEG_PAUSE_MS="100"))


@pytest.mark.parametrize(
    ("command", "retries", "code", "starts"),
    [
        ("kill -9 $$", 1, 128 + signal.SIGKILL, 2),
        ("kill -9 $$", 0, 128 + signal.SIGKILL, 1),
        ("kill -9 $$", 3, 128 + signal.SIGKILL, 4),
        ("exit 1", 1, 1, 2),
        ("exit 2", 1, 2, 1),  # what it was given can't be used
        ("exit 0", 1, 0, 1),
        ("test $(wc -c < starts) = 2 || kill -9 $$", 1, 0, 2),
        ("test $(wc -c < starts) = 3 || exit 137", 2, 0, 3),
    ],
)
def test_what_may_pass_is_started_again(process: Path, command: str, retries: int, code: int, starts: int) -> None:
    found = ends(process, command, retries)
    assert found == {"code": code, "signal": found["signal"], "starts": starts, "again": "p" if starts > 1 else None}


def test_what_earlier_starts_wrote_is_kept_and_forgotten_by_a_resume(process: Path) -> None:
    for number in (1, 2):
        (process / f"trial.stderr.{number}").write_text("of an earlier start")
    ends(process, "echo $(wc -c < starts) >&2; exit 1", 1)
    assert (process / "trial.stderr.1").read_text() == "1\n"
    assert (process / "trial.stderr").read_text() == "2\n"
    assert not (process / "trial.stderr.2").exists()


def test_a_trial_that_nni_stops_is_not_started_again(process: Path) -> None:
    size = "require('fs').statSync('starts', { throwIfNoEntry: false })?.size"  # the shell makes the file, then writes
    wait = f"while (!{size}) {{ await new Promise((resolve) => setTimeout(resolve, 5)); }}"
    found = ends(process, "exec sleep 60", 1, f"{wait} void trial.kill(); void trial.kill();")
    assert found == {"code": None, "signal": "SIGINT", "starts": 1, "again": None}


def test_nor_is_one_that_waits_for_its_next_start(process: Path) -> None:
    wait = "while (!trial.imbseg.waits) { await new Promise((resolve) => setTimeout(resolve, 5)); }"
    found = ends(process, "exit 1", 5, f"{wait} await trial.kill();")
    assert found == {"code": None, "signal": "SIGINT", "starts": 1, "again": None}


MANAGER = """
exports.NNIManager = class {
    config = { tuner: { name: 'GridSearch' } };
    experimentProfile = {};
    trainingService = { trialJobs: {} };
    taken = [];
    addRecoveredTrialJob(jobs) {
        const known = jobs.filter((job) => job.sequenceId !== null);
        const found = known.filter((job) => job.status === 'WAITING' || job.status === 'RUNNING');
        this.taken = found.map((job) => job.trialJobId);
        this.experimentProfile.nextSequenceId = Math.max(0, ...found.map((job) => job.sequenceId)) + 1;
        return found.length;
    }
    async resumeExperiment() {
        this.number = this.addRecoveredTrialJob(JSON.parse(process.env.JOBS));
        this.trialDataForTuner = '[]';
    }
    async stopExperimentBottomHalf() { this.stopped = true; }
};
"""
RESUME = """
const { NNIManager } = require('core/nnimanager');
const manager = new NNIManager();
await manager.resumeExperiment(false);
const next = manager.experimentProfile.nextSequenceId;
console.log(JSON.stringify([manager.taken, manager.number, next, JSON.parse(manager.trialDataForTuner)]));
"""


def job(name: str, number: int | None, status: str, *, final: bool = False) -> dict[str, Any]:
    given = [json.dumps({"parameter_id": number, "parameters": {"seed": number}})]
    found = {"trialJobId": name, "status": status, "hyperParameters": given, "sequenceId": number}
    return found | ({"finalMetricData": [{"data": "1"}]} if final else {})


def test_a_resume_takes_every_trial_without_a_result_and_gives_none_twice(nni: Path) -> None:
    (nni / "core").mkdir()
    (nni / "core" / "nnimanager.js").write_text(MANAGER)
    jobs = [
        job("done1", 0, "SUCCEEDED", final=True),
        job("kill2", 1, "FAILED"),
        job("runs3", 2, "RUNNING"),
        job("turn4", 3, "ADD_RESUMED"),
        job("none5", 4, "SUCCEEDED"),
        job("user6", 5, "USER_CANCELED"),
        job("soon7", 6, "EARLY_STOPPED"),
        job("last8", 7, "SUCCEEDED", final=True),
        {"trialJobId": "lost9", "status": "WAITING", "hyperParameters": [], "sequenceId": None},
    ]
    taken, number, following, known = result(nni, RESUME, JOBS=json.dumps(jobs), NODE_PATH=str(nni))
    assert (taken, number, following) == (["kill2", "runs3", "turn4", "none5"], 4, 8)
    assert [one["parameter"]["seed"] for one in known] == list(range(8))  # the grid hands out none of these again


def test_a_manager_ends_with_the_process_that_started_it_unless_that_left_it_open(nni: Path) -> None:
    script = "process.on('SIGTERM', () => { console.log('stopped'); process.exit(0); }); setTimeout(() => {}, 60000);"
    (nni / "main.js").write_text(script)
    for file in GUARD.parent.glob("*.js"):
        shutil.copy(file, nni.parent)
    owner = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    files = [nni / "left.pid", nni / "killed.pid"]
    for file in files:
        file.write_text(str(owner.pid))
    managers = []
    for file in files:
        given = {"PATH": os.environ["PATH"], "NODE_OPTIONS": f'--require "{nni.parent}/guard.js"'}
        given["IMBSEG_OWNER"] = str(file)
        command = [str(NODE), str(nni / "main.js")]
        managers.append(subprocess.Popen(command, env=given, stdout=subprocess.PIPE, text=True))
        assert managers[-1].stdout is not None
        assert "imbseg guard: NNI" in managers[-1].stdout.readline()
    files[0].unlink()
    time.sleep(2.5)  # it has looked, and no longer does
    owner.kill()
    owner.wait()
    assert managers[1].communicate(timeout=60)[0].splitlines()[-1] == "stopped"
    assert not files[1].exists()
    assert managers[0].poll() is None
    managers[0].kill()
    managers[0].communicate()
