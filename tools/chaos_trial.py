"""A trial that trains nothing: it asks NNI after a while, notes what it received, waits, and reports a number.

DIES_AT: sequence numbers that are killed before they ask; LATEST_S: most seconds until it asks; RUNS_S: from then on.
It speaks NNI's protocol by itself: importing nni takes longer than all else.
"""

import json
import os
import random
import signal
import time
import urllib.request
from pathlib import Path
from typing import Any

CHANNEL = os.environ["NNI_TRIAL_COMMAND_CHANNEL"]
TRIAL, SEQUENCE = os.environ["NNI_TRIAL_JOB_ID"], os.environ["NNI_TRIAL_SEQ_ID"]


def main() -> None:
    """Ask, note, wait, report."""
    if SEQUENCE in os.environ["DIES_AT"].split():
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(random.Random(TRIAL).uniform(0, float(os.environ["LATEST_S"])))
    send({"type": "request_parameter"})
    received = json.loads(receive()["parameter"])
    file = Path(os.environ["RECEIVED"]) / f"{TRIAL}.json"
    file.write_text(json.dumps(received["parameters"]))
    time.sleep(float(os.environ["RUNS_S"]))
    value = json.dumps({"default": received["parameters"]["seed"] / 1000})
    metric = {"parameter_id": received["parameter_id"], "trial_job_id": TRIAL, "type": "FINAL", "sequence": 0}
    send({"type": "metric", "metric": json.dumps({**metric, "value": value})})


def send(command: dict[str, Any]) -> None:
    """To the manager."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(CHANNEL, json.dumps(command).encode(), headers, method="PUT")
    urllib.request.urlopen(request).close()


def receive() -> dict[str, Any]:
    """The manager's answer; it says 408 after a second without one."""
    while True:
        try:
            with urllib.request.urlopen(CHANNEL) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            if error.code != 408:
                raise


if __name__ == "__main__":
    main()
