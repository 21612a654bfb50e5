"""An agent that follows a plan: ``python engagedagent.py PLAN PROMPT``. Each run of it is the plan's next turn.

The plan is a JSON list of turns, each a list of steps. What it was asked, and whether another one of it ran at the same
time, it writes beside the plan. Needs nothing but Python.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path


def main() -> None:
    plan, prompt = Path(sys.argv[1]), sys.argv[2]
    lock = os.open(f"{plan}.lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        append(plan, "two", {"pid": os.getpid()})
    asked = Path(f"{plan}.asked")
    number = len(asked.read_text().splitlines()) if asked.exists() else 0
    append(plan, "asked", {"prompt": prompt, "pid": os.getpid(), "env": dict(os.environ)})
    turns = json.loads(plan.read_text())
    for name, *words in turns[min(number, len(turns) - 1)]:
        STEPS[name](*words)


def append(plan: Path, kind: str, value: object) -> None:
    with Path(f"{plan}.{kind}").open("a") as file:
        file.write(json.dumps(value) + "\n")


def write(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def tell(path: str, text: str) -> None:
    """Write a file and say so, as agents that print lines of JSON do."""
    write(path, text)
    line = {"type": "tool_use", "name": "write_file", "id": "1", "input": {"path": path, "content": text}}
    say(json.dumps({"type": "assistant", "message": {"role": "assistant", "content": [line]}}))
    result = {"type": "tool_result", "tool_use_id": "1"}
    say(json.dumps({"type": "user", "message": {"role": "user", "content": [result]}}))


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def wait(path: str) -> None:
    """Until a file is there; nothing else ends it, the end of its input neither."""
    while not Path(path).exists():
        time.sleep(0.02)


def git(*words: str) -> None:
    subprocess.run(["git", "-c", "user.name=A", "-c", "user.email=a@x", *words], check=True, capture_output=True)


def fork(count: int) -> None:
    for _ in range(count):
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)


def spin(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def garbage(count: int) -> None:
    for number in range(count):
        sys.stdout.buffer.write(
            os.urandom(200) + b'\n{"type": "tool_use", "input": [{]}\n{"type":' + b"[" * min(number, 200)
        )
    sys.stdout.buffer.write(b"\n")
    sys.stdout.flush()


STEPS = {
    "write": write,
    "tell": tell,
    "say": say,
    "wait": wait,
    "git": git,
    "fork": fork,
    "spin": spin,
    "garbage": garbage,
    "delete": lambda path: shutil.rmtree(path) if Path(path).is_dir() else Path(path).unlink(),
    "empty": lambda: [shutil.rmtree(each) if each.is_dir() else each.unlink() for each in Path().iterdir()],
    "exit": sys.exit,
}

if __name__ == "__main__":
    main()
