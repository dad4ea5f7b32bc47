"""A real experiment whose names are shell syntax, seen from another network namespace while it runs."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from end_to_end.real_trials import ran, run_experiment, trial_command, write_config
from manager.experiments import write_config as write_stub
from manager.experiments import write_meta
from small_trial import make_data

from imbseg.errors import InputError
from imbseg.manager import orphans, preflight

pytestmark = pytest.mark.slow

NAME = 'a b\'s "c" $(touch pwned) `touch pwned`; touch pwned'
# Addresses of this process alone: where two links hold one address, answers take the wrong one.
NET = ipaddress.ip_network("10.213.0.0/16").network_address + 4 * (os.getpid() % 16384)
HERE, THERE = NET + 1, NET + 2
PROBE = "import socket, sys; sys.exit(socket.socket().connect_ex((sys.argv[1], int(sys.argv[2]))) != 0)"


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """The name of a network namespace from which HERE is this machine."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("a second network namespace needs root, and the program ip (iproute2)")
    for left in Path("/run/netns").glob("imbseg*"):  # by a run of the tests that was killed
        if not Path("/proc", left.name.removeprefix("imbseg")).exists():
            subprocess.run(["ip", "netns", "del", left.name], check=False)
    name, link = f"imbseg{os.getpid()}", f"im{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"this machine gives root no second network namespace: {made.stderr.strip()}")
    try:
        for words in (
            f"link add {link}a type veth peer name {link}b netns {name}",
            f"addr add {HERE}/30 dev {link}a",
            f"link set {link}a up",
            f"-n {name} addr add {THERE}/30 dev {link}b",
            f"-n {name} link set {link}b up",
        ):
            subprocess.run(["ip", *words.split()], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def answers(namespace: str, port: int) -> bool:
    """Whether a connection from there is taken."""
    command = ["ip", "netns", "exec", namespace, sys.executable, "-c", PROBE, str(HERE), str(port)]
    return subprocess.run(command, check=False, timeout=60).returncode == 0


def listening() -> set[int]:
    """Every port on which this machine listens, at any address."""
    tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
    rows = [line.split() for table in tables if table.is_file() for line in table.read_text().splitlines()[1:]]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A"}


def test_nothing_but_loopback_answers_and_no_name_reaches_a_shell(
    home: Path, port: int, elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert answers(elsewhere, server.getsockname()[1])  # or the test would prove nothing
    folder = home / NAME
    folder.mkdir()
    monkeypatch.chdir(folder)
    data = make_data(folder / "data", n=24)
    space = {"seed": {"_type": "choice", "_value": [1]}}
    command = trial_command({**data, "epochs": "40"})
    config = write_config(folder, "configs/sample.yml", command, space, experimentName=NAME, maxTrialNumber=None)
    before = listening()
    process = run_experiment(config, port)
    until = time.monotonic() + 240
    while not list(home.glob("runs/*/*/last.pt")) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.1)
    assert list(home.glob("runs/*/*/last.pt")), process.communicate()[0]
    opened = listening() - before
    assert port in opened
    assert [one for one in opened if answers(elsewhere, one)] == []
    process.terminate()
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 130, said
    (settings,) = ran(home).values()
    assert settings["dataset"] == data["dataset"]
    assert list(home.rglob("pwned")) == []
    # The command on the screen is one that a shell takes as it is meant.
    again = said.splitlines()[-1].partition("go on with: ")[2]
    words = subprocess.run(["bash", "-c", f"printf '%s\\n' {again}"], capture_output=True, text=True, check=True).stdout
    assert str(config) in words.splitlines()
    assert list(home.rglob("pwned")) == []
    (experiment,) = (one.name for one in (home / "runs").iterdir())
    assert orphans.manager_of(experiment) is None
    assert orphans.trials_of(experiment) == []


def test_a_strategy_that_is_shell_syntax_is_refused(tmp_path: Path, free_port: int) -> None:
    write_meta(tmp_path)
    strategy = {"_type": "choice", "_value": ["full/mskf/none/$(touch pwned)"]}
    config = write_stub(tmp_path, searchSpace={"strategy": strategy})
    with pytest.raises(InputError, match=r"\$\(touch pwned\)|strategy"):
        preflight.check(config, free_port)
