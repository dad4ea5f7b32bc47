"""Which Python makes the environment: each is run first, and uv brings one where none will do."""

from __future__ import annotations

import ast
import json
import os
import platform
import subprocess
import sys
import tarfile
from pathlib import Path

import find_python
import pytest
import setup_environment
from find_python import SetupError
from test_setup import REPOSITORY, executable

PYTHON, HERE = sys.executable, f"3.{sys.version_info.minor}"


@pytest.fixture
def no_python_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The set-up itself runs on a Python that won't do."""
    monkeypatch.setattr(find_python.sys, "executable", "/nowhere/python3.8")


def real(file: Path) -> Path:
    return executable(file, f'exec {sys._base_executable} "$@"')  # that of no environment


@pytest.mark.usefixtures("no_python_of_its_own")
def test_a_python_that_does_not_start_is_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dead = executable(tmp_path / "shims" / f"python{HERE}", "echo pyenv: command not found >&2", "exit 127")
    ill = executable(tmp_path / "shims" / "python3", "exec /nowhere/python")
    good = real(tmp_path / "usr" / f"python{HERE}")
    assert find_python.choose(f"{tmp_path}/shims:/nowhere::{tmp_path}/usr") == str(good)
    assert capsys.readouterr().out.splitlines() == [
        f"passed over: {one} does not start as a usual CPython" for one in ("/nowhere/python3.8", dead, ill)
    ]


@pytest.mark.usefixtures("no_python_of_its_own")
def test_a_python_without_venv_is_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lean = executable(tmp_path / "python3", 'case "$2" in *ensurepip*) exit 1;; esac', "echo 3.11")
    assert find_python.choose(str(tmp_path)) is None
    assert f"passed over: {lean} has no venv module (Debian, Ubuntu: apt-get install python3.11-venv)" in (
        capsys.readouterr().out
    )


@pytest.mark.usefixtures("no_python_of_its_own")
@pytest.mark.parametrize(
    ("versions", "chosen"), [(["3.13", "3.12"], "3.12"), (["3.14", "3.13"], "3.13"), (["3.10", "3.14", "2.7"], None)]
)
def test_the_first_of_those_that_were_run(tmp_path: Path, versions: list[str], chosen: str | None) -> None:
    for version in versions:
        executable(tmp_path / version / "python3", f"echo {version}")
    path = os.pathsep.join(str(tmp_path / version) for version in versions)
    assert find_python.choose(path) == (chosen and str(tmp_path / chosen / "python3"))


def test_this_python_comes_first(tmp_path: Path) -> None:
    executable(tmp_path / "python3.11", "echo 3.11")
    assert find_python.choose(str(tmp_path)) == sys.executable


def test_only_the_usual_cpython_counts(tmp_path: Path) -> None:
    assert find_python.version_of(sys.executable) == HERE
    assert find_python.version_of(sys.executable, "import nosuchmodule") is None
    other = executable(tmp_path / "pypy", f'code="import sys; sys.implementation.name = \'pypy\'\n$2"; '
                       f'exec {sys.executable} -c "$code"')  # fmt: skip
    assert find_python.version_of(str(other)) is None


@pytest.mark.parametrize("file", ["setup_environment.py", "find_python.py"])
def test_an_old_python_reads_the_set_up(file: str) -> None:
    source = (REPOSITORY / "tools" / file).read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 8))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert {str(name).split(".")[0] for name in modules} - {"find_python"} <= sys.stdlib_module_names


@pytest.mark.parametrize("present", ["python3", "python3.13", "python"])
def test_make_runs_the_set_up_with_whatever_python_starts(tmp_path: Path, present: str) -> None:
    executable(tmp_path / present, '[ "$1" = -c ] || echo "$0 runs $1"')
    dead = [name for name in ("python3", "python3.12") if name != present]
    for name in dead:
        executable(tmp_path / name, "exit 127")
    command = ["/usr/bin/make", "-C", str(REPOSITORY), "setup"]
    shown = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert f"{tmp_path / present} runs tools/setup_environment.py" in shown.stdout
    (tmp_path / present).unlink()
    shown = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True)
    assert shown.returncode == 2
    assert "error: no Python 3 on PATH starts: install one of 3.11 to 3.13" in shown.stderr


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mirror of Pythons for uv; faked: the archive's Python is a script that starts the one of the tests."""
    machine, build = platform.machine(), "20260101"
    name = f"cpython-{HERE}.99+{build}-{machine}-unknown-linux-gnu-install_only.tar.gz"
    real(tmp_path / "python/bin" / f"python{HERE}")
    (tmp_path / "python/bin/python3").symlink_to(f"python{HERE}")
    (tmp_path / f"python/lib/python{HERE}").mkdir(parents=True)
    header = "# system configuration generated and used by the sysconfig module"
    build_variables = tmp_path / f"python/lib/python{HERE}/_sysconfigdata__linux_{machine}-linux-gnu.py"
    build_variables.write_text(f"{header}\nbuild_time_vars = {{}}\n")  # uv rewrites what is in it
    (tmp_path / "mirror" / build).mkdir(parents=True)
    with tarfile.open(tmp_path / "mirror" / build / name, "w:gz") as archive:
        archive.add(tmp_path / "python", "python")
    entry = {"name": "cpython", "arch": {"family": machine, "variant": None}, "os": "linux", "libc": "gnu", "major": 3,
             "minor": sys.version_info.minor, "patch": 99, "prerelease": "", "sha256": None, "variant": None,
             "url": "https://github.com/astral-sh/python-build-standalone/releases/download/"
             f"{build}/{name.replace('+', '%2B')}"}  # fmt: skip
    (tmp_path / "list.json").write_text(json.dumps({f"cpython-{HERE}.99-linux-{machine}-gnu": entry}))
    monkeypatch.setenv("UV_PYTHON_INSTALL_MIRROR", (tmp_path / "mirror").as_uri())
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", str(tmp_path / "list.json"))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "brought"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "mirror"


@pytest.mark.slow  # venv and ensurepip
@pytest.mark.usefixtures("no_python_of_its_own")
def test_uv_brings_a_python_where_none_will_do(
    mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dead = executable(tmp_path / "bin" / "python3.12", "exit 127")
    (tmp_path / "bin" / "uv").symlink_to(Path(PYTHON).parent / "uv")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin")
    monkeypatch.setattr(find_python.bring, "__defaults__", (HERE,))
    setup_environment.make_environment(tmp_path / "env")
    shown = capsys.readouterr().out
    assert f"passed over: {dead} does not start" in shown
    assert f"no Python 3.11 to 3.13 on PATH: uv brings {HERE} into {tmp_path}/brought" in shown
    assert len(list((tmp_path / "brought").glob(f"cpython-{HERE}.99-*/bin/python{HERE}"))) == 1
    assert find_python.version_of(str(tmp_path / "env/bin/python"), "import pip") == HERE


@pytest.mark.usefixtures("no_python_of_its_own")
def test_what_uv_cannot_bring_ends_in_a_sentence(mirror: Path) -> None:
    uv = str(Path(PYTHON).parent / "uv")
    with pytest.raises(SetupError, match=r"none is on PATH, and uv can't bring one: install one, then again \(.*3\.99"):
        find_python.bring(uv, "3.99")


def test_without_uv_pip_puts_one_into_a_scratch_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faked: venv, which makes a folder, and pip, which writes a file."""
    commands: list[list[str]] = []

    def pip(command: list[str], failed: str) -> str:
        executable(Path(command[0]).parent / "uv", "echo uv")
        commands.append(command)
        return ""

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(find_python.sys, "executable", str(executable(tmp_path / "old", '/bin/mkdir "$3/bin"')))
    monkeypatch.setattr(find_python, "printed", pip)
    with find_python.uv_program() as uv:
        assert subprocess.run([uv], capture_output=True, text=True, check=True).stdout == "uv\n"
    assert [command[1:] for command in commands] == [
        ["-m", "pip", "install", "--disable-pip-version-check", "--quiet", "uv"]
    ]
    assert not Path(uv).exists()
