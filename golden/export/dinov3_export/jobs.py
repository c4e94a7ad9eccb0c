"""Starts the processes that record, and follows them. Imports no torch; they do."""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from . import ENVIRONMENT, FAILED, USAGE, ExportError, pins

PROGRAM = Path(__file__).resolve().parent.parent / "record.py"
# Seconds between two looks at a process.
PAUSE = 0.2


def _start(file: Path, pinned: bool) -> subprocess.Popen:
    command = [sys.executable, str(PROGRAM), "--worker", str(file)]
    # Progress goes to stderr; the output of libraries on stdout is discarded.
    return subprocess.Popen(command, env=pins.worker_environment(pinned), stdout=subprocess.DEVNULL)


def _ended_by(signal: int) -> ExportError:
    return ExportError(f"the recording process was ended by signal {signal}",
                       "signal 9 usually means that memory ran out", FAILED)


def run_worker(job: dict, work: Path, pinned: bool, ranks: int = 1) -> None:
    """Runs one recording to its end, with one process per rank. If a process fails, the others are ended."""
    running: list[subprocess.Popen] = []
    try:
        for rank in range(ranks):
            file = work / f"job.{rank}.json"
            file.write_text(json.dumps({**job, "rank": rank}), encoding="utf-8")
            running.append(_start(file, pinned))
        while any(process.poll() is None for process in running):
            if any(process.poll() for process in running):
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                next(process for process in running if process.poll() is None).wait(timeout=PAUSE)
        failed = next((process.returncode for process in running if process.poll()), 0)
    finally:
        for process in running:
            process.kill()
            process.wait()
    if failed < 0:
        raise _ended_by(-failed)
    if failed:
        raise ExportError(f"{job['task']} failed, see above", "", failed if failed in (USAGE, ENVIRONMENT) else FAILED)


def failure_file(job: dict) -> Path:
    """Where the worker writes why a job of a sequence failed."""
    return Path(job["work"]) / f"{job['precision']}.failed.json"


def result_file(job: dict) -> Path:
    """The last file that a recorded precision writes."""
    return Path(job["work"]) / f"{job['precision']}.json"


def _outcome(job: dict) -> tuple[bool, ExportError | None]:
    """Whether a job has ended, and how."""
    if (file := failure_file(job)).is_file():
        said = json.loads(file.read_text(encoding="utf-8"))
        return True, ExportError(said["message"], said["hint"], said["code"])
    return result_file(job).is_file(), None


def run_sequence(jobs: list[dict], pinned: bool, ended: Callable[[dict, ExportError | None], None]) -> None:
    """Runs jobs of one rank each, one after the other in one process, so that torch and the reference are imported once.
    `ended` is called as each has ended. If the process dies, the job that it was at has failed, and the others go on in a
    new process."""
    left = list(jobs)
    while left:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "jobs.json"
            file.write_text(json.dumps({"task": "sequence", "jobs": left}), encoding="utf-8")
            process = _start(file, pinned)
            try:
                left = _follow(process, left, ended)
            finally:
                process.kill()
                process.wait()


def _follow(process: subprocess.Popen, left: list[dict], ended) -> list[dict]:
    """Reports the jobs that a process ends; returns those that it has not begun."""
    while left:
        over = process.poll() is not None
        done, failure = _outcome(left[0])
        if done:
            ended(left[0], failure)
            left = left[1:]
        elif over:
            if process.returncode in (USAGE, ENVIRONMENT):
                raise ExportError(f"{left[0]['task']} failed, see above", "", process.returncode)
            code = process.returncode
            ended(left[0], _ended_by(-code) if code < 0 else ExportError(f"{left[0]['task']} failed, see above", "", FAILED))
            return left[1:]
        else:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=PAUSE)
    return left
