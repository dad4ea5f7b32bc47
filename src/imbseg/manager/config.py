"""NNI's config file, read strictly: what `nnictl create` would refuse with a traceback is one sentence here."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from imbseg.errors import InputError, unknown_name
from imbseg.manager import algorithms

REQUIRED = ("trialCommand", "trialConcurrency", "trainingService")
TRIAL_SCRIPT = "train_nni.py"
PLACES = ("--below", "--until")  # flags of the script that are no setting, which a race gives


@dataclass(frozen=True)
class Config:
    """What the checks need of a config; paths are absolute."""

    path: Path
    space: Any
    code: Path
    command: str
    gpus: int | None
    service: dict[str, Any]
    work: Path
    raw: dict[str, Any]

    @property
    def tuner(self) -> dict[str, Any]:
        """The tuner or advisor, as the config has it."""
        found: dict[str, Any] = self.raw.get("tuner") or self.raw["advisor"]
        return found

    @property
    def most_epochs(self) -> int | None:
        """The epochs of the longest trial, where an advisor gives each trial a budget; None where none does."""
        name = str(self.tuner.get("name") or self.tuner.get("className")).rpartition(".")[2].lower()
        budget = {"hyperband": ("R", 60), "bohb": ("max_budget", 3)}.get(name)
        return int((self.tuner.get("classArgs") or {}).get(*budget)) if budget else None

    @property
    def platform(self) -> str:
        """Where trials run: local, remote, ..."""
        return str(self.service.get("platform"))

    def flags(self) -> list[str]:
        """The flags that the trial command gives to train_nni.py.

        Raises:
            InputError: the command doesn't call it, or shell syntax hides what it is given.
        """
        try:
            words = shlex.split(self.command)
        except ValueError as error:
            raise InputError(f"{self.path}: trialCommand {self.command!r}: {error}") from error
        found = [index for index, word in enumerate(words) if Path(word).name == TRIAL_SCRIPT]
        where = f"{self.path}: trialCommand"
        if len(found) != 1:
            raise InputError(f"{where}: expected one call of src/{TRIAL_SCRIPT}, found {self.command!r}")
        script = self.code / words[found[0]]
        if not script.is_file():
            raise InputError(f"{where}: {script} is not there; does trialCodeDirectory point to src/..?")
        given = words[found[0] + 1 :]
        aside = {at + part for at, word in enumerate(given) if word in PLACES for part in (0, 1)}
        return [word for at, word in enumerate(given) if at not in aside]


def read(path: Path) -> Config:
    """Read a config and its search space.

    Raises:
        InputError: a file is missing or broken, a key unknown or missing, a value of the wrong kind.
    """
    raw = _load(path)
    if not isinstance(raw, dict):
        raise InputError(f"{path}: expected keys such as {', '.join(REQUIRED)}, found {type(raw).__name__}")
    known = algorithms.config_keys()
    for key in raw:
        if key not in known:
            raise unknown_name(f"key in {path}", key, known)
    for key in REQUIRED:
        if key not in raw:
            raise InputError(f"{path}: lacks {key!r}; see configs/sample.yml")
    _check_numbers(raw, path)
    _check_algorithms(raw, path)
    _check_log_level(raw, path)
    service = raw["trainingService"]
    if not isinstance(service, dict) or "platform" not in service:
        raise InputError(f"{path}: trainingService: expected {{platform: local}}, found {service!r}")
    here = path.resolve().parent
    code = (here / str(raw.get("trialCodeDirectory", "."))).resolve()
    if not code.is_dir():
        raise InputError(f"{path}: trialCodeDirectory: {code} is no folder (paths are relative to the config file)")
    gpus = raw.get("trialGpuNumber", service.get("trialGpuNumber"))
    work = Path(str(raw.get("experimentWorkingDirectory", "~/nni-experiments"))).expanduser()
    return Config(path, _space(raw, path), code, str(raw["trialCommand"]), gpus, service, here / work, raw)


def _load(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: can't be read ({getattr(error, 'strerror', None) or error})") from error
    if path.suffix == ".json":
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:  # a number of 5,000 digits is no JSONDecodeError
            raise InputError(f"{path}: broken JSON: {error}") from error
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a date such as 2012-99-99 is a ValueError
        raise InputError(f"{path}: broken YAML: {' '.join(str(error).split())}") from error


def _space(raw: dict[str, Any], path: Path) -> Any:
    if ("searchSpace" in raw) == ("searchSpaceFile" in raw):
        raise InputError(f"{path}: expected either searchSpaceFile or searchSpace")
    if "searchSpace" in raw:
        return raw["searchSpace"]
    return _load(path.parent / str(raw["searchSpaceFile"]))


def _check_numbers(raw: dict[str, Any], path: Path) -> None:
    for key, low in (("trialConcurrency", 1), ("maxTrialNumber", 1), ("trialGpuNumber", 0)):
        value = raw.get(key)
        if key in raw and (not isinstance(value, int) or isinstance(value, bool) or value < low):
            raise InputError(f"{path}: {key}: expected a whole number >= {low}, found {value!r}")


def _check_log_level(raw: dict[str, Any], path: Path) -> None:
    # That the tuner has died is one line of level info.
    if raw.get("logLevel", "info") not in ("info", "debug", "trace"):
        raise InputError(f"{path}: logLevel: expected info, debug or trace, found {raw['logLevel']!r}")


def _check_algorithms(raw: dict[str, Any], path: Path) -> None:
    if ("tuner" in raw) == ("advisor" in raw):
        raise InputError(f"{path}: expected a tuner, such as {{name: GridSearch}} (or an advisor in its place)")
    for role in algorithms.ROLES:
        if role in raw:
            algorithms.check(role, raw[role], str(path))
