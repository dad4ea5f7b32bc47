"""Starting and stopping, with a stand-in for nnictl that notes how it was called."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from manager.experiments import write_config
from manager.fake_manager import FakeManager

from imbseg.errors import InputError
from imbseg.manager import launch

Fake = Callable[[str], Path]


@pytest.fixture
def fake(tmp_path: Path, manager: FakeManager, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Make a stand-in that runs a shell script for `create`, and stops anything; give the file of its calls."""
    folder = tmp_path / "experiment"
    (folder / "log").mkdir(parents=True)
    (folder / "log" / "nnictl_stdout.log").write_text(
        "id start: now\nimbseg guard: NNI 3.0.0 listens on 127.0.0.1 only\n"
    )
    manager.answers["experiment"] = {"logDir": str(folder)}

    def make(create: str) -> Path:
        program, calls = tmp_path / "nnictl", tmp_path / "calls"
        stop = "echo 'INFO:  Stop experiment success.'"
        program.write_text(f'#!/bin/sh\necho "$*" >> {calls}\nif [ $1 = stop ]; then\n{stop}\nelse\n{create}\nfi\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(launch, "nnictl", lambda: program)
        monkeypatch.setattr(launch, "starter", lambda: [str(program)])
        return calls

    return make


def stopped(calls: Path) -> bool:
    """Whether all that followed the first call is one stop, by the experiment's id."""
    return calls.read_text().splitlines()[1:] == ["stop ab12cd34"]


CREATED = r"printf 'INFO Creating experiment, Experiment ID: \033[36mab12cd34\033[0m\n'"


def test_the_id_is_read_and_the_experiment_stopped_by_it(fake: Fake, manager: FakeManager, tmp_path: Path) -> None:
    calls = fake(CREATED)
    with launch.running(Path("c.yml"), manager.port) as experiment:
        assert (experiment.id, experiment.folder) == ("ab12cd34", tmp_path / "experiment")
        assert calls.read_text() == f"create --config c.yml --port {manager.port}\n"
    assert stopped(calls)


def test_it_can_be_kept_and_a_stopped_one_resumed(
    fake: Fake, manager: FakeManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = fake(CREATED)
    place = tmp_path / "nni-experiments"
    (place / "ab12cd34").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path))
    config = write_config(tmp_path)
    with launch.running(Path("c.yml"), manager.port, keep=True):
        pass
    assert "stop" not in calls.read_text()
    calls.unlink()
    with launch.running(config, manager.port, again="ab12cd34") as experiment:
        assert experiment.id == "ab12cd34"
    resume = f"resume ab12cd34 --experiment_dir {place} --port {manager.port}"
    assert calls.read_text().splitlines() == [resume, "stop ab12cd34"]
    with pytest.raises(InputError, match=f"found no experiment ef56gh78 in {place}"):
        launch._arguments(config, "ef56gh78")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("keep", [True, False])
def test_it_is_stopped_after_an_error(fake: Fake, manager: FakeManager, error: type[BaseException], keep: bool) -> None:
    calls = fake(CREATED)
    with pytest.raises(error), launch.running(Path("c.yml"), manager.port, keep=keep):
        raise error
    assert stopped(calls)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_stops_it_and_the_handlers_are_put_back(
    fake: Fake, manager: FakeManager, number: signal.Signals
) -> None:
    calls = fake(CREATED)
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), launch.running(Path("c.yml"), manager.port):
        signal.raise_signal(number)
    assert stopped(calls)
    assert signal.getsignal(number) == before


def test_ctrl_c_while_it_starts_stops_what_has_been_started(fake: Fake, manager: FakeManager) -> None:
    calls = fake(f"{CREATED}\nsleep 0.6")
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt), launch.running(Path("c.yml"), manager.port):
        pass
    timer.join()
    assert stopped(calls)


def test_what_nni_refuses_is_said_in_a_line_and_what_fails_half_way_is_stopped(
    fake: Fake, manager: FakeManager
) -> None:
    calls = fake("echo Traceback; echo 'ValueError: LocalConfig: useActiveGpu must be set'; exit 1")
    with pytest.raises(InputError, match="nnictl: ValueError: LocalConfig: useActiveGpu must be set"):
        launch.start(Path("c.yml"), manager.port)
    assert "stop" not in calls.read_text()
    calls.unlink()
    calls = fake(f"{CREATED}; echo 'ERROR: Create experiment failed: timeout'; exit 1")
    with pytest.raises(InputError, match="Create experiment failed: timeout"):
        launch.start(Path("c.yml"), manager.port)
    assert stopped(calls)


def test_a_manager_that_a_busy_machine_starts_too_late_is_started_again(
    fake: Fake, manager: FakeManager, tmp_path: Path
) -> None:
    refused = "echo 'ConnectionError: Max retries exceeded with url: /api/v1/nni/check-status'; exit 1"
    late = f"{CREATED}\nif [ ! -e {tmp_path}/late ]; then touch {tmp_path}/late; {refused}; fi"
    calls = fake(late)
    experiment = launch.start(Path("c.yml"), manager.port)
    assert experiment.id == "ab12cd34"
    create = f"create --config c.yml --port {manager.port}"
    assert calls.read_text().splitlines() == [create, "stop ab12cd34", create]
    calls = fake(f"{CREATED}\n{refused}")
    calls.unlink()
    with pytest.raises(InputError, match="Max retries exceeded"):
        launch.start(Path("c.yml"), manager.port)
    assert calls.read_text().splitlines() == [create, "stop ab12cd34"] * 2


def test_a_manager_without_the_guard_is_stopped(fake: Fake, manager: FakeManager, tmp_path: Path) -> None:
    calls = fake(CREATED)
    before = "id start: yesterday\nimbseg guard: ...\n"
    (tmp_path / "experiment" / "log" / "nnictl_stdout.log").write_text(f"{before}id start: today\n")
    with pytest.raises(InputError, match=r"started without guard\.js"):
        launch.start(Path("c.yml"), manager.port)
    assert stopped(calls)
    launch.start(Path("c.yml"), manager.port, guarded=False)


@pytest.mark.parametrize("name", ["", "ab*", "--all", "ab cd", "a/b", "abc", "ab12cd3*"])
def test_only_one_experiment_can_be_stopped(name: str) -> None:
    with pytest.raises(InputError, match="expected an experiment id"):
        launch.stop(name)


def test_nnictl_is_that_of_this_python_and_another_nni_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert launch.nnictl() == Path(sys.executable).parent / "nnictl"
    monkeypatch.setattr(launch, "version", lambda _: "2.10.1")
    with pytest.raises(InputError, match=r"expected nni 3\.0 .*found 2\.10\.1; run make setup"):
        launch.nnictl()


def test_the_command_to_view_it_again_is_guarded_too(tmp_path: Path) -> None:
    command = launch.view_command(launch.Experiment("ab12cd34", 8081, tmp_path))
    assert command.startswith(f"NODE_OPTIONS='--require \"{launch.GUARD}\"' ")
    assert command.endswith("/nnictl view ab12cd34 --port 8081")


def test_where_there_is_no_program_kill_nnictl_finds_one() -> None:
    """It stops a manager with `kill PID`; small containers come without procps, and the manager stayed."""
    environment = launch.environment(given={"PATH": "/nowhere"})
    sleeping = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    found = shutil.which("kill", path=environment["PATH"])
    assert found == str(launch.PROGRAMS / "kill")
    subprocess.run(["kill", str(sleeping.pid)], env=environment, executable=found, check=True)
    assert sleeping.wait(timeout=60) == -signal.SIGTERM
    own = launch.environment(given={"PATH": "/usr/bin"})["PATH"].split(os.pathsep)
    assert own[-2:] == ["/usr/bin", str(launch.PROGRAMS)]  # the machine's own comes first
