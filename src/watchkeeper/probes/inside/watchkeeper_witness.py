"""A pytest plugin that runs inside the project's own tests: which test ended how, and which lines it executed.

Stand-alone: standard library only, any Python from 3.8 on, nothing of Watchkeeper is imported. It is on when
``WATCHKEEPER_WITNESS`` names a folder: there each process leaves ``<pid>.json`` (workers of pytest-xdist too).
``WATCHKEEPER_WITNESS_FILES`` names the files whose lines matter, one a line, relative to ``WATCHKEEPER_WITNESS_ROOT``:
tests may be started in a folder further in. Code of other files runs at full speed, on 3.12 and newer also a line that
was seen once: by each test, or with ``WATCHKEEPER_WITNESS_WHOLE`` by any. ``WATCHKEEPER_WITNESS_FIRST`` names,
likewise, files whose tests run first: where one of them fails, the run ends after the last of them.
``WATCHKEEPER_WITNESS_ONLY`` names a file with the ids of the only tests to run, one a line: pytest itself refuses to
run any where one of them is missing. A ``<pid>.begun`` that is left says that a run did not come to its end, whatever
its exit code is. Only the outermost pytest leaves one; ``WATCHKEEPER_WITNESS_OUTER`` tells those that its tests start,
which leave nothing.

Reports are signed. The key lies beside the folder, as ``<folder>.key``, until the outermost pytest takes it away,
before any conftest is loaded; it puts it back when it came to its end, for the next one of the same command. So while
tests run no file has it, nor their environment. Of two at the same time the second one leaves a ``<pid>.keyless``.
What runs within this process can still alter what is held here: nothing that runs beside it could prevent that.
"""

import atexit
import hashlib
import hmac
import json
import os
import sys
import threading

_FOLDER = os.environ.get("WATCHKEEPER_WITNESS", "")


class _Key:
    """What reports are signed with; empty where another pytest has it."""

    def __init__(self, place):
        self.place = place
        self.is_ours = False
        self.is_used = False
        self.is_outer = not os.environ.get("WATCHKEEPER_WITNESS_OUTER")
        self.secret = b""
        if self.is_outer:
            os.environ["WATCHKEEPER_WITNESS_OUTER"] = str(os.getpid())
            self.claim()

    def claim(self):
        """Of several that begin at the same time, one gets it."""
        taken = "%s.%d" % (self.place, os.getpid())
        try:
            os.rename(self.place, taken)
            with open(taken, "rb") as file:
                self.secret = file.read()
            os.remove(taken)
        except OSError:
            return
        self.is_ours = True
        atexit.register(self.give_back_unused)

    def give_back(self):
        if self.is_ours:
            self.is_ours = False
            with open(self.place + ".part", "wb") as file:
                file.write(self.secret)
            os.replace(self.place + ".part", self.place)

    def give_back_unused(self):
        """Where no test was to be run: it was asked for its version, or its options are wrong."""
        if not self.is_used:
            self.give_back()

    def sign(self, body):
        return hmac.new(self.secret, body, hashlib.sha256).hexdigest().encode("ascii")


class _Witness:
    def __init__(self, folder, names, first):
        self.folder = folder
        self.key = _Key(folder + ".key")
        self.root = os.environ.get("WATCHKEEPER_WITNESS_ROOT", "") or os.getcwd()
        self.files = {os.path.join(os.path.realpath(self.root), name): name for name in names}
        self.known = {}
        self.lines = {}
        self.test = ""
        self.is_whole = bool(os.environ.get("WATCHKEEPER_WITNESS_WHOLE", ""))
        self.outcomes = {}
        self.tool = None
        self.first = {os.path.join(os.path.realpath(self.root), name) for name in first}
        self.chosen = set()
        self.awaited = set()
        self.stopped = False
        self.begun = ""

    def name_of(self, filename):
        """The wanted file that a code object is of; None for all others."""
        if filename not in self.known:
            self.known[filename] = self.files.get(os.path.realpath(filename))
        return self.known[filename]

    def note(self, name, line):
        self.lines.setdefault(self.test, {}).setdefault(name, set()).add(line)

    def start(self):
        if not self.files:
            return
        monitoring = getattr(sys, "monitoring", None)
        if monitoring is not None and self._monitor(monitoring):
            return
        threading.settrace(self.trace)
        sys.settrace(self.trace)

    def _monitor(self, monitoring):
        for tool in (3, 4, 5):
            try:
                monitoring.use_tool_id(tool, "watchkeeper")
            except ValueError:
                continue
            self.tool = tool
            monitoring.register_callback(tool, monitoring.events.LINE, self.line)
            monitoring.set_events(tool, monitoring.events.LINE)
            return True
        return False

    def line(self, code, number):
        name = self.name_of(code.co_filename)
        if name is not None:
            self.note(name, number)
        return sys.monitoring.DISABLE

    def begin(self, test):
        """From here on lines belong to ``test``, and those that were seen before are seen again; unless nobody asks
        whose they are."""
        if self.is_whole:
            self.hold()
            return
        self.test = test
        if self.tool is not None:
            sys.monitoring.restart_events()
        else:
            self.hold()

    def hold(self):
        """Something, a debugger's test or another measurement, may have taken the tracer's place."""
        if self.tool is None and self.files and sys.gettrace() != self.trace:
            sys.settrace(self.trace)

    def trace(self, frame, event, _argument):
        name = self.name_of(frame.f_code.co_filename)
        if name is None:
            return None
        note = self.note
        note(name, frame.f_lineno)

        def local(inner, kind, _value):
            if kind == "line":
                note(name, inner.f_lineno)
            return local

        return local

    def put_first(self, items):
        """The tests of the files that are to run first, in the order that they have; all others after them."""
        chosen = [item for item in items if self.is_first(item)]
        if not chosen or len(chosen) == len(items):
            return
        self.chosen = {item.nodeid for item in chosen}
        self.awaited = set(self.chosen)
        items[:] = chosen + [item for item in items if item.nodeid not in self.chosen]

    def is_first(self, item):
        return os.path.realpath(str(getattr(item, "path", None) or item.fspath)) in self.first

    def is_decided(self, test):
        """Whether ``test`` is the last of those that run first, and one of them failed."""
        if test not in self.awaited:
            return False
        self.awaited.discard(test)
        ends = [self.outcomes.get(each, ("",))[0] for each in self.chosen]
        return not self.awaited and ("failed" in ends or "error" in ends)

    def report(self, test, outcome, seconds=0.0, message=""):
        """The worst of a test's phases counts."""
        before = self.outcomes.get(test, ("", 0.0, ""))
        order = ("", "passed", "skipped", "failed", "error")
        if outcome not in order:
            return  # of another plugin: a try of a test that is run again, for one
        worse = outcome if order.index(outcome) > order.index(before[0]) else before[0]
        self.outcomes[test] = (worse, before[1] + seconds, before[2] or message)

    def mark(self):
        """Until ``unmark`` it can be seen that the run is not over: a test may end the whole process."""
        self.key.is_used = True
        if self.key.is_outer:
            self.begun = os.path.join(self.folder, "%d.begun" % os.getpid())
            open(self.begun, "w").close()

    def unmark(self):
        if self.begun and os.path.exists(self.begun):
            os.remove(self.begun)
            self.key.give_back()

    def write(self):
        place = os.path.join(self.folder, "%d.json" % os.getpid())
        if not self.key.secret:
            if self.key.is_outer:
                open(place[: -len("json")] + "keyless", "w").close()
            return
        lines = {test: {name: sorted(found) for name, found in files.items()} for test, files in self.lines.items()}
        told = {"outcomes": self.outcomes, "lines": lines, "stopped": self.stopped}
        body = json.dumps(told).encode("ascii")
        with open(place + ".part", "wb") as file:
            file.write(self.key.sign(body) + b"\n" + body)
        os.replace(place + ".part", place)


if _FOLDER:

    def _names(variable):
        return [name for name in os.environ.get("WATCHKEEPER_WITNESS_" + variable, "").split("\n") if name]

    _WITNESS = _Witness(_FOLDER, _names("FILES"), _names("FIRST"))
    _WITNESS.start()

    import pytest

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(early_config):
        """As with --no-cov: pytest-cov would put its tracer in this one's place, and fail a few tests for what they
        do not cover."""
        known = early_config.known_args_namespace
        if hasattr(known, "no_cov"):
            known.no_cov, known.cov_source = True, []
        yield

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(config):
        """A run that ends at its first failure would say nothing of all tests behind it. A worker of pytest-xdist is
        told the key by who started it."""
        told = getattr(config, "workerinput", {}).pop("watchkeeper_witness", "")
        if told:
            _WITNESS.key.secret = told.encode("ascii")
        config.option.maxfail = 0
        config.option.continue_on_collection_errors = True

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(node):
        node.workerinput["watchkeeper_witness"] = _WITNESS.key.secret.decode("ascii")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(session, config, items):
        chosen = os.environ.get("WATCHKEEPER_WITNESS_ONLY", "")
        if not chosen:
            if _WITNESS.first and not hasattr(config, "workerinput"):  # workers run at the same time
                _WITNESS.session = session
                _WITNESS.put_first(items)
            return
        with open(chosen, encoding="utf-8") as file:
            wanted = set(file.read().split("\n"))
        left_out = [item for item in items if item.nodeid not in wanted]
        items[:] = [item for item in items if item.nodeid in wanted]
        config.hook.pytest_deselected(items=left_out)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectstart(collector):
        _WITNESS.hold()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(nodeid, location):
        _WITNESS.begin(nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logfinish(nodeid, location):
        _WITNESS.begin("")
        if _WITNESS.is_decided(nodeid):
            _WITNESS.stopped = True
            _WITNESS.session.shouldfail = "a changed test failed"

    def pytest_runtest_logreport(report):
        expected = hasattr(report, "wasxfail")
        outcome = "skipped" if report.skipped and expected else report.outcome
        if outcome == "failed" and report.when != "call":
            outcome = "error"
        message = ""
        if report.failed:
            crash = getattr(getattr(report, "longrepr", None), "reprcrash", None)
            message = (getattr(crash, "message", "") or str(report.longrepr or ""))[:500]
        if report.when == "call" or outcome != "passed":
            _WITNESS.report(report.nodeid, outcome, report.duration, message)

    def pytest_collectreport(report):
        if report.failed:
            _WITNESS.report(report.nodeid or "collection", "error", 0.0, str(report.longrepr or "")[:500])

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(session):
        _WITNESS.mark()

    def pytest_keyboard_interrupt(excinfo):
        """Also of ``pytest.exit()``, which may say that all is well."""
        _WITNESS.begun = ""

    def pytest_sessionfinish(session):
        _WITNESS.write()
        _WITNESS.unmark()
