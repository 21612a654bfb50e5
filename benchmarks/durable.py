"""What a workflow costs: from being queued to its first line, each step, and a process that only waits.

    python benchmarks/durable.py [--quick]

On a SQLite file and on PostgreSQL (where one is installed), beside DBOS as it comes on the same database in the same
run; and how long after a host is killed its work goes on at another. Writes ``benchmarks/results/durable.json``.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from figures import record_figures, render_table
from watchkeeper.durable.dbos_engine import DbosEngine, open_file_engine, open_url_engine
from watchkeeper.durable.port import Steps, Work, WorkId

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import postgres
from durablehost import Effects, running, wait_until

ONE_BY_ONE, AT_ONCE, STEPS, IDLE_S = 100, 200, 200, 20.0
Begun = queue.Queue[tuple[str, float]]


def measure(enqueue: Callable[[str, str], None], begun: Begun, share: float) -> dict[str, float]:
    """``enqueue`` takes an id and a kind: ``one`` tells of its begin, ``steps`` takes steps and tells of their time."""
    waits = []
    for number in range(round(ONE_BY_ONE * share)):
        time.sleep(0.003 * (number % 17))  # not in step with who polls
        since = time.perf_counter()
        enqueue(f"one-{number}", "one")
        waits.append(begun.get(timeout=60)[1] - since)
    many = round(AT_ONCE * share)
    since = time.perf_counter()
    for number in range(many):
        enqueue(f"many-{number}", "one")
    last = max(begun.get(timeout=120)[1] for _ in range(many))
    enqueue("steps", "steps")
    took = begun.get(timeout=120)[1]
    used, slept = time.process_time(), IDLE_S * share
    time.sleep(slept)
    return {
        "queued_to_begin_p50_ms": round(1000 * statistics.median(waits), 1),
        "queued_to_begin_p95_ms": round(1000 * statistics.quantiles(waits, n=20)[-1], 1),
        "jobs_a_second": round(many / (last - since), 1),
        "step_ms": round(1000 * took / STEPS, 2),
        "idle_processor_percent": round(100 * (time.process_time() - used) / slept, 1),
    }


def run_ours(address: str, share: float) -> dict[str, float]:
    begun: Begun = queue.Queue()

    def one(_: Steps, argument: str) -> str:
        begun.put((argument, time.perf_counter()))
        return ""

    def many_steps(steps: Steps, argument: str) -> str:
        since = time.perf_counter()
        for _ in range(STEPS):
            steps.step("nothing", str)
        begun.put((argument, time.perf_counter() - since))
        return ""

    since = time.perf_counter()
    engine = _open(address)
    engine.start({"one": one, "steps": many_steps})
    started = time.perf_counter() - since
    engine.enqueue(Work(WorkId("first"), "one"))
    begun.get(timeout=60)
    found = measure(lambda name, kind: engine.enqueue(Work(WorkId(name), kind)) and None, begun, share)
    since = time.perf_counter()
    engine.close()
    return {**found, "start_ms": round(1000 * started), "close_ms": round(1000 * (time.perf_counter() - since))}


def run_as_it_comes(address: str, share: float) -> dict[str, float]:
    """DBOS with its own defaults."""
    from dbos import DBOS, SetWorkflowID

    logging.getLogger("dbos").addHandler(logging.NullHandler())
    begun: Begun = queue.Queue()
    url = address if address.startswith("postgresql") else f"sqlite:///{address}/as-it-comes.db"
    since = time.perf_counter()
    DBOS(config={"name": "as-it-comes", "system_database_url": url, "dbos_system_schema": "as_it_comes"})

    @DBOS.step()
    def nothing() -> str:
        return ""

    @DBOS.workflow()
    def one(argument: str) -> str:
        begun.put((argument, time.perf_counter()))
        return ""

    @DBOS.workflow()
    def steps(argument: str) -> str:
        began = time.perf_counter()
        for _ in range(STEPS):
            nothing()
        begun.put((argument, time.perf_counter() - began))
        return ""

    def enqueue(name: str, kind: str) -> None:
        with SetWorkflowID(name):
            DBOS.enqueue_workflow("measured", steps if kind == "steps" else one, name)

    DBOS.launch()
    DBOS.register_queue("measured", worker_concurrency=16)
    started = time.perf_counter() - since
    enqueue("first", "one")
    begun.get(timeout=60)
    found = measure(enqueue, begun, share)
    since = time.perf_counter()
    DBOS.destroy()
    return {**found, "start_ms": round(1000 * started), "close_ms": round(1000 * (time.perf_counter() - since))}


def measure_takeover(address: str, folder: Path) -> dict[str, float]:
    """A host is killed inside a step; until its work is begun by another, and until by its own next run."""
    effects = Effects(folder / "effects")
    with ExitStack() as stack:
        hosts = [stack.enter_context(running(address, name, effects, "fleet", "patient")) for name in "ab"]
        hosts[0].enqueue(Work(WorkId("first"), "six", "first 2"))
        wait_until(lambda: len(effects.steps_of("first")) == 3, "it is in its third step")
        victim = effects.lines()[-1][2]
        dead = next(each for each in hosts if each.view().me == victim)
        elsewhere = _seconds_from_kill(dead.kill, effects, "first")
        effects.gate.touch()
        (other,) = [each for each in hosts if each is not dead]
        other.wait_for("first", "done")
        effects.gate.unlink()
        other.enqueue(Work(WorkId("second"), "six", "second 2"))
        wait_until(lambda: len(effects.steps_of("second")) == 3, "it is in its third step")

        def anew() -> None:
            name = other.view().me.partition("/")[0]
            other.kill()
            stack.enter_context(running(address, name, effects, "fleet", "patient"))

        return {"elsewhere_s": elsewhere, "started_anew_s": _seconds_from_kill(anew, effects, "second")}


def _seconds_from_kill(kill: Callable[[], None], effects: Effects, work: str) -> float:
    since = time.perf_counter()
    kill()
    wait_until(lambda: len(effects.steps_of(work)) > 3, "its third step is begun again")
    return round(time.perf_counter() - since, 1)


def _open(address: str) -> DbosEngine:
    if address.startswith("postgresql"):
        return open_url_engine(address, host="measured", may_act=lambda: True)
    return open_file_engine(Path(address))


@contextmanager
def databases() -> Iterator[dict[str, Callable[[], str]]]:
    """A new, empty place of each sort, as often as one is asked for."""
    with ExitStack() as stack:
        places: dict[str, Callable[[], str]] = {
            "sqlite": lambda: stack.enter_context(tempfile.TemporaryDirectory(prefix="wk-durable-"))
        }
        if (programs := postgres.find_programs()) is not None:
            folder = stack.enter_context(postgres.running_server(programs))
            places["postgresql"] = lambda: f"postgresql://test@/{postgres.create_database(folder)}?host={folder}"
        else:
            print("PostgreSQL is not installed: it was NOT measured")
        yield places


def _in_a_process(arm: str, address: str, share: float) -> dict[str, float]:
    command = [sys.executable, __file__, "--arm", arm, address, str(share)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=600).stdout
    found: dict[str, float] = json.loads(answer.splitlines()[-1])
    return found


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--arm"]:
        _, arm, address, share = arguments
        print(json.dumps((run_ours if arm == "ours" else run_as_it_comes)(address, float(share))))
        return 0
    share = 0.2 if "--quick" in arguments else 1.0
    figures: dict[str, object] = {"load_before": round(os.getloadavg()[0], 1)}
    rows = []
    with databases() as places, tempfile.TemporaryDirectory() as folder:
        for sort, place in places.items():
            arms = {arm: _in_a_process(arm, place(), share) for arm in ("ours", "as it comes")}
            ours, theirs = (arms[arm]["queued_to_begin_p50_ms"] for arm in arms)
            figures[sort] = {**arms, "times_faster_to_begin": round(theirs / ours, 1)}
            rows += [(sort, arm, *each.values()) for arm, each in arms.items()]
        if "postgresql" in places:
            figures["takeover"] = measure_takeover(places["postgresql"](), Path(folder))
    print(render_table(["database", "arm", *arms["ours"]], rows))
    print(f"takeover: {figures.get('takeover')}")
    if share == 1.0:
        print(f"written: {record_figures('durable', figures)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
