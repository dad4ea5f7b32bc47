"""The guard, loaded by NNI's own Node into a stand-in for NNI's manager."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
import tarfile
from pathlib import Path
from typing import Any

import pytest

from imbseg.manager.launch import GUARD, PROGRAMS, environment

NODE = Path(sysconfig.get_paths()["purelib"]) / "nni_node" / "node"
FAKE = Path(__file__).with_name("fake_nni.js")


@pytest.fixture
def nni(tmp_path: Path) -> Path:
    """A folder that looks like NNI 3.0's manager; in a path with a blank, which NODE_OPTIONS must survive."""
    root = tmp_path / "a b" / "nni_node"
    (root / "training_service" / "v3").mkdir(parents=True)
    (root / "package.json").write_text('{"version": "3.0.0"}')
    shutil.copy(FAKE, root / "training_service" / "v3" / "compat.js")
    return root


def run(nni: Path, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script as NNI's main.js with the guard; it prints JSON as its last line."""
    (nni / "main.js").write_text(f"(async () => {{ {script} }})();")
    guard = nni.parent / "guard.js"
    for file in GUARD.parent.glob("*.js"):
        shutil.copy(file, nni.parent)
    given = {"PATH": os.environ["PATH"], "NODE_OPTIONS": f'--require "{guard}"', **variables}
    command = [str(NODE), str(nni / "main.js")]
    return subprocess.run(command, capture_output=True, text=True, env=given, cwd=nni, timeout=30, check=False)


def result(nni: Path, script: str, **variables: str) -> Any:
    done = run(nni, script, **variables)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


SUBMIT = """
const { V3asV1 } = await Promise.resolve().then(() => require('../nni_node/training_service/v3/compat'));
const service = new V3asV1();
service.environments = [{ id: 'local-env' }];
const submit = (value) => service.submitTrialJob({ sequenceId: 0, hyperParameters: { value, index: 0 } });
"""


def test_parameters_belong_to_trials_whatever_the_order_in_which_they_ask(nni: Path) -> None:
    script = """
    const made = [];
    for (const value of ['p0', 'p1', 'p2']) { made.push(await submit(value)); }
    made.reverse();
    const got = made.map((trial) => [trial.form.hyperParameters.value, service.request(trial.id)]);
    console.log(JSON.stringify({ got, ids: made.map((trial) => trial.id), queue: service.parameters }));
    """
    found = result(nni, SUBMIT + script)
    assert found["got"] == [["p2", "p2"], ["p1", "p1"], ["p0", "p0"]]
    assert found["queue"] == []
    assert all(len(one) == 5 and one.isalnum() for one in found["ids"])
    assert len(set(found["ids"])) == 3


def test_a_resumed_trial_keeps_its_id(nni: Path) -> None:
    script = """
    const form = { id: 'Ab1cD', envId: 'other-env', sequenceId: 3, hyperParameters: { value: 'p', index: 0 } };
    const trial = await service.submitTrialJob(form);
    console.log(JSON.stringify([trial.id, trial.envId, service.request('Ab1cD')]));
    """
    assert result(nni, SUBMIT + script) == ["Ab1cD", "other-env", "p"]


def test_it_waits_for_an_environment(nni: Path) -> None:
    script = """
    service.environments = [];
    setTimeout(() => { service.environments = [{ id: 'late-env' }]; }, 200);
    const trial = await submit('p');
    console.log(JSON.stringify([trial.envId, service.request(trial.id)]));
    """
    assert result(nni, SUBMIT + script) == ["late-env", "p"]


@pytest.mark.parametrize("throws", ["false", "true"])
def test_while_gpus_are_busy_a_trial_waits_under_its_own_id(nni: Path, throws: str) -> None:
    script = f"""
    service.refusals = 1;
    service.throws = {throws};
    const trial = await submit('p');
    console.log(JSON.stringify([trial.id.length, service.parameters, service.request(trial.id), service.refusals]));
    """
    assert result(nni, SUBMIT + script) == [5, [], "p", 0]


@pytest.mark.parametrize(
    ("code", "early", "status"),
    [
        ("null", "true", "EARLY_STOPPED"),
        ("130", "true", "EARLY_STOPPED"),
        ("0", "true", "SUCCEEDED"),
        ("null", "undefined", "USER_CANCELED"),
        ("130", "undefined", "FAILED"),
    ],
)
def test_a_trial_that_the_assessor_stops_is_early_stopped(nni: Path, code: str, early: str, status: str) -> None:
    script = f"""
    const trial = await submit('p');
    trial.status = 'RUNNING';
    service.exitCode = {code};
    const before = trial.status;
    await service.cancelTrialJob(trial.id, {early});
    console.log(JSON.stringify([before, trial.status, {{ ...trial }}.status]));
    """
    assert result(nni, SUBMIT + script) == ["RUNNING", status, status]


def listening(call: str) -> str:
    return f"""
    const net = require('net');
    const server = net.createServer();
    await new Promise((resolve) => {{ server.once('listening', resolve); server.listen({call}); }});
    const at = server.address();
    server.close();
    console.log(JSON.stringify(typeof at === 'string' ? at : at.address));
    """


@pytest.mark.parametrize(
    ("call", "address"),
    [
        ("0", "127.0.0.1"),
        ("'0'", "127.0.0.1"),
        ("0, () => {}", "127.0.0.1"),
        ("0, 16, () => {}", "127.0.0.1"),
        ("0, undefined, undefined, () => {}", "127.0.0.1"),
        ("0, null", "127.0.0.1"),
        ("0, ''", "127.0.0.1"),
        ("", "127.0.0.1"),
        ("() => {}", "127.0.0.1"),
        ("{ port: 0 }", "127.0.0.1"),
        ("{ port: 0, host: undefined }, () => {}", "127.0.0.1"),
        ("0, '127.0.0.2'", "127.0.0.2"),
        ("{ port: 0, host: '127.0.0.2' }", "127.0.0.2"),
    ],
)
def test_a_port_without_a_host_is_loopback_only(nni: Path, call: str, address: str) -> None:
    assert result(nni, listening(call)) == address


def test_a_socket_file_stays_one(nni: Path) -> None:
    assert result(nni, listening("'s.sock'")) == "s.sock"


def test_what_the_manager_starts_gets_the_node_options_that_the_user_had(nni: Path) -> None:
    script = "console.log(JSON.stringify([process.env.NODE_OPTIONS ?? null, process.env.IMBSEG_NODE_OPTIONS ?? null]));"
    assert result(nni, script) == [None, None]
    assert result(nni, script, IMBSEG_NODE_OPTIONS="--no-warnings") == ["--no-warnings", None]


def test_another_version_is_refused(nni: Path) -> None:
    (nni / "package.json").write_text('{"version": "3.1.0"}')
    done = run(nni, "console.log('started');")
    assert (done.returncode, done.stdout) == (1, "")
    assert "found NNI 3.1.0; this guard is made for NNI 3.0" in done.stderr


@pytest.mark.parametrize("content", ["", "exports.V3asV1 = class {};"])
def test_a_manager_without_the_class_is_refused(nni: Path, content: str) -> None:
    (nni / "training_service" / "v3" / "compat.js").write_text(content)
    done = run(nni, SUBMIT + "console.log('started');")
    assert done.returncode == 1
    assert "has no class V3asV1" in done.stderr
    assert "started" not in done.stdout


def test_any_other_node_program_is_left_alone(nni: Path, tmp_path: Path) -> None:
    program = tmp_path / "other.js"
    program.write_text("console.log(process.env.NODE_OPTIONS)")
    given = {"PATH": os.environ["PATH"], "NODE_OPTIONS": f'--require "{GUARD}"'}
    done = subprocess.run([str(NODE), str(program)], capture_output=True, text=True, env=given, check=True)
    assert done.stdout.strip() == given["NODE_OPTIONS"]


def test_the_environment_for_nnictl_loads_it_and_remembers_the_users_options() -> None:
    made = environment(given={"NODE_OPTIONS": "--no-warnings", "PATH": "/bin", "NO_PROXY": "intranet"})
    assert made["NODE_OPTIONS"] == f'--require "{GUARD}" --no-warnings'
    assert made["IMBSEG_NODE_OPTIONS"] == "--no-warnings"
    assert made["PATH"].endswith(f":/bin:{PROGRAMS}")
    assert made["NO_PROXY"] == "intranet,localhost,127.0.0.1"
    assert "NODE_OPTIONS" not in environment(given={}, guarded=False)


TUNER = """
class TunerServer {
    connect = { settled: false };
    constructor() {
        this.connect.promise = new Promise((resolve, reject) => {
            this.connect.resolve = () => { this.connect.settled = true; resolve('connected'); };
            this.connect.reject = reject;
        });
    }
    init() { setTimeout(() => this.connect.reject(new Error('NNI waits no longer')), 5); return this.connect.promise; }
}
const server = new TunerServer();
exports.getTunerServer = () => server;
"""


def test_a_tuner_has_a_minute_to_connect(nni: Path) -> None:
    (nni / "core").mkdir()
    (nni / "core" / "tuner_command_channel.js").write_text(TUNER)
    script = """
    const channel = await Promise.resolve().then(() => require('../nni_node/core/tuner_command_channel'));
    const server = channel.getTunerServer();
    const waits = [];
    const timer = global.setTimeout;
    global.setTimeout = (call, ms, ...rest) => { waits.push(ms); return timer(call, ms, ...rest); };
    const started = server.init();
    timer(() => server.connect.resolve(), 50);
    console.log(JSON.stringify({ waits, told: await started, again: await server.init() ?? null }));
    """
    assert result(nni, script) == {"waits": [60_000], "told": "connected", "again": None}


def test_an_upload_has_what_was_listed_and_no_folder_whole(nni: Path) -> None:
    (nni / "node_modules").mkdir()
    (nni / "node_modules" / "tar").symlink_to(NODE.parent / "node_modules" / "tar")
    for name in ("code/src/a.py", "code/data/sets/b.yml", "code/data/runs/c.pt"):
        (nni / name).parent.mkdir(parents=True, exist_ok=True)
        (nni / name).write_text(name)
    script = """
    const tar = await Promise.resolve().then(() => require('tar'));
    const listed = ['data', 'data/sets', 'data/sets/b.yml', 'src', 'src/a.py'];
    tar.create({ gzip: true, file: 'code.tar.gz', sync: true, cwd: 'code' }, listed);
    console.log(JSON.stringify(listed));
    """
    listed = result(nni, script)
    with tarfile.open(nni / "code.tar.gz") as packed:
        assert sorted(packed.getnames()) == listed
