"""A stand-in for NNI's manager on loopback: answers come from a dict that a test changes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any


@dataclass
class FakeManager:
    """Answers by path below /api/v1/nni: a value, an HTTP status as int, or a Script of those."""

    port: int = 0
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v1/nni"

    def channel(self, trial_id: str) -> str:
        return f"http://127.0.0.1:{self.port}/env/local-env/{trial_id}"

    def answer(self, path: str) -> Any:
        self.asked.append(path)
        found = self.answers.get(path, 404)
        if isinstance(found, Script):
            return found.steps.pop(0) if len(found.steps) > 1 else found.steps[0]
        return found


@dataclass
class Script:
    """Answers given one after another; the last one is repeated."""

    steps: list[Any]


class Handler(BaseHTTPRequestHandler):
    manager: FakeManager

    def do_GET(self) -> None:
        found = self.manager.answer(self.path.removeprefix("/api/v1/nni/"))
        body = b"" if found is None or isinstance(found, int) else json.dumps(found).encode()
        self.send_response(found if isinstance(found, int) else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def job(trial_id: str, sequence: int, status: str, parameters: dict[str, Any], final: Any = None) -> dict[str, Any]:
    """A trial as NNI 3.0 lists it; metrics are JSON encoded twice."""
    listed = {
        "trialJobId": trial_id,
        "sequenceId": sequence,
        "status": status,
        "hyperParameters": [json.dumps({"parameter_id": sequence, "parameters": parameters, "parameter_index": 0})],
    }
    if final is not None:
        listed["finalMetricData"] = [{"type": "FINAL", "data": json.dumps(json.dumps(final))}]
    return listed


def intermediate(trial_id: str, sequence: int, value: Any) -> dict[str, Any]:
    return {"trialJobId": trial_id, "type": "PERIODICAL", "sequence": sequence, "data": json.dumps(json.dumps(value))}
