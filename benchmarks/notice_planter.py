"""What is planted in a repository where sessions are at work: meetings, near misses, edits that nobody tells of."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import notice_plans as plans_of
from notice_plans import MEETINGS, NOT_HERE, OTHERS, Expected, Plan, Sides
from scratch import git
from scripted_agent import Agent, Step, apply

if TYPE_CHECKING:
    from notice_crew import Crew

_SILENT, _SHELL, _HEEDS, _FLICKERS = 0.08, 0.25, 0.7, 0.15


class Planter:
    """One plan after the other; what is true of each is among the crew's ``plans``."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._dice = crew.dice

    def plant(self) -> None:
        """The next one, whole: with its two edits, the wait until all are told, and what comes of it."""
        kind = self._dice.random()
        if kind < 0.10:
            if self._crew.shared:
                self._plant_unattributed()
            else:
                self._plant_landed()
        else:
            self._plant_pair(is_meeting=kind < 0.75)

    def _plant_pair(self, *, is_meeting: bool) -> None:
        is_here = bool(self._crew.shared) and self._dice.random() < 0.4
        with self._crew.taken(2, sharing=is_here or None) as pair:
            if len(pair) < 2:
                return
            one, two = pair
            is_here = one.tree == two.tree
            rules = MEETINGS if is_meeting else OTHERS
            rule = self._dice.choice([each for each in rules if not (is_here and each in NOT_HERE)])
            number = self._crew.number_for(rule)
            if number is None:
                return
            sides = plans_of.sides_of(rule, number, plans_of.use_of(number, two, self._dice))
            if is_here:
                sides = plans_of.in_one_checkout(sides)
            plan = self._plan(f"{rule}, one checkout" if is_here else rule, number, (one.tree, two.tree))
            plan.severities = sides.severities
            if is_meeting:
                self._meet(plan, sides, one, two)
            else:
                self._crew.plans.append(plan)
                self._do(one, sides.one)
                self._do(two, sides.two)

    def _meet(self, plan: Plan, sides: Sides, one: Agent, two: Agent) -> None:
        """The second makes the conflict, and both are told; then one of them takes back what it did, or nobody."""
        self._do(one, sides.one)
        one.is_silent = self._dice.random() < _SILENT
        through_shell = two.is_sharing and self._dice.random() < _SHELL
        plan.expected = [Expected(one, [two]), Expected(two, [one], is_saver=not through_shell)]
        self._begin(plan)
        self._save(plan, lambda: self._do(two, sides.two, through_shell=through_shell))
        if one.is_silent:
            self._stay_silent(plan, one, two)
        self._wait_told(plan, [one, two])
        self._crew.rest(0.2, 1.5)
        if self._dice.random() >= _HEEDS:
            return
        is_his = plan.rule == "text, one checkout" or self._dice.random() < 0.5
        agent, steps = (two, sides.two) if is_his else (one, sides.one)
        if self._dice.random() < _FLICKERS:
            self._do(agent, _undone(steps))
            self._crew.rest(0.2, 1.5)
            self._do(agent, steps)
            self._crew.rest(0.5, 2.0)
            self._crew.counts["conflict closed and open again"] += 1
        self._take_back(plan, agent, steps)

    def _stay_silent(self, plan: Plan, one: Agent, two: Agent) -> None:
        """It makes no call for a while, and so cannot be told; with its first one it is."""
        self._wait_told(plan, [two])
        self._crew.rest(*self._crew.pace.turnover)
        plan.expected[0].due, plan.expected[0].is_timed = time.monotonic(), False
        one.is_silent = False
        self._crew.counts["session fell silent"] += 1

    def _plant_unattributed(self) -> None:
        """Somebody changes a file without telling; who has changed it too has to hear of that, nobody else."""
        number = self._crew.number_for("")
        if number is None:
            return
        plan = self._plan("past the hooks, alone", number, (self._crew.repo,))
        plan.is_unattributed = True
        if self._dice.random() < 0.3:
            self._crew.plans.append(plan)
            self._edit_unseen(plans_of.person_edit(number))
            return
        with self._crew.taken(1) as found:
            for agent in found:
                plan.rule = "past the hooks, one checkout" if agent.is_sharing else "past the hooks"
                plan.severities, plan.seats = ("major",), (self._crew.repo, agent.tree)
                self._meet_nobody(plan, agent, plans_of.first_edit(number), plans_of.person_edit(number))

    def _meet_nobody(self, plan: Plan, agent: Agent, first: Step, unseen: Step) -> None:
        self._do(agent, (first,))
        plan.expected = [Expected(agent, [], is_timed=False)]  # nobody is named before some time has passed
        self._begin(plan)
        self._save(plan, lambda: self._edit_unseen(unseen))
        self._wait_told(plan, [agent])
        if self._dice.random() < _HEEDS:
            self._take_back(plan, agent, (first,))

    def _plant_landed(self) -> None:
        """The target branch changes what a session newly relies on: of that it hears, and nobody else."""
        number = self._crew.number_for("")
        with self._crew.taken(1) as found:
            for agent in found if number is not None else ():
                use = plans_of.use_of(number, agent, self._dice)
                plan = self._plan("landed", number, (agent.tree,))
                plan.severities = ("blocking",)
                self._do(agent, (use,))
                plan.expected = [Expected(agent, [], is_timed=False)]
                self._begin(plan)
                self._save(plan, lambda: self._land(plans_of.contract_edit(number)))
                self._wait_told(plan, [agent])
                if self._dice.random() < _HEEDS:
                    self._take_back(plan, agent, (use,))

    def _land(self, step: Step) -> float:
        """A commit made elsewhere that the main checkout takes up by fast-forward."""
        repo = self._crew.repo
        text = git(repo, "show", f"main:{step.path}")
        blob = git(repo, "hash-object", "-w", "--stdin", stdin=text.replace(step.old, step.new)).strip()
        entries = git(repo, "ls-tree", "-r", "main").splitlines()
        made = [f"100644 blob {blob}\t{step.path}" if each.endswith(f"\t{step.path}") else each for each in entries]
        tree = _write_tree(repo, made)
        who = f"somebody <somebody@invalid> {int(time.time())} +0000"
        head = f"tree {tree}\nparent {git(repo, 'rev-parse', 'main').strip()}\nauthor {who}\ncommitter {who}"
        text = f"{head}\n\nchange {step.path}\n"
        commit = git(repo, "hash-object", "-t", "commit", "-w", "--stdin", stdin=text).strip()
        saved = time.monotonic()
        git(repo, "merge", "-q", "--ff-only", commit)
        self._crew.counts["commit landed"] += 1
        return saved

    def _plan(self, rule: str, number: int, seats: tuple[Path, ...]) -> Plan:
        numbers = (number, number + 1) if plans_of.is_function(number) else (number,)
        return Plan(self._crew.number, rule, numbers, (), seats=seats)

    def _begin(self, plan: Plan) -> None:
        """From here on it may be told of."""
        plan.made, plan.made_wall = time.monotonic(), time.time()
        for each in plan.expected:
            each.since = each.due = plan.made
        with self._crew.guard:
            self._crew.plans.append(plan)

    def _save(self, plan: Plan, save: Callable[[], float]) -> None:
        saved = save()
        plan.made_wall += saved - plan.made
        plan.made = saved
        for each in plan.expected:
            each.due = saved
            each.is_timed = each.is_timed and self._crew.is_up.is_set()

    def _take_back(self, plan: Plan, agent: Agent, steps: Sequence[Step]) -> None:
        self._do(agent, _undone(steps))
        with self._crew.guard:
            plan.end(time.monotonic())

    def _do(self, agent: Agent, steps: Sequence[Step], *, through_shell: bool = False) -> float:
        """Make the edits; one through a shell in a shared checkout while nobody else is at work there.

        A file is deleted through a shell always: were another's command running then, nobody could say whose it was.
        """
        saved = time.monotonic()
        is_untold = through_shell or (agent.is_sharing and not all(step.new for step in steps))
        with ExitStack() as held:
            for each in self._crew.sharers() if is_untold else ():
                held.enter_context(each.lock)
            for step in steps:
                saved = agent.edit(step, through_shell=through_shell)
            if through_shell:
                self._crew.counts["edit through a shell"] += 1
        return saved

    def _edit_unseen(self, step: Step) -> float:
        """Somebody saves, while no session of the checkout is at work."""
        with ExitStack() as held:
            for each in self._crew.sharers():
                held.enter_context(each.lock)
            time.sleep(0.2)
            saved = time.monotonic()
            apply(self._crew.repo, step)
            time.sleep(0.2)
        self._crew.counts["edit past the hooks"] += 1
        return saved

    def _wait_told(self, plan: Plan, agents: Sequence[Agent]) -> None:
        """As long as it may take. Goes on where somebody is not told: that is counted."""

        def is_late() -> bool:
            due = max(each.due for each in plan.expected)
            return self._crew.is_up.is_set() and time.monotonic() - due > self._crew.pace.within + 1.0

        while not is_late() and not all(plan.told(each) is not None for each in agents):
            time.sleep(0.05)


def _undone(steps: Sequence[Step]) -> list[Step]:
    return [each.undone for each in reversed(steps)]


def _write_tree(repo: Path, entries: Sequence[str]) -> str:
    """The tree of these lines of ``ls-tree -r``, without touching the index of a checkout."""
    nested: dict[str, list[str]] = {}
    for entry in entries:
        meta, _, path = entry.partition("\t")
        folder, _, name = path.rpartition("/")
        nested.setdefault(folder, []).append(f"{meta}\t{name}")
        while folder:
            above = folder.rpartition("/")[0]
            nested.setdefault(above, [])
            folder = above
    for folder in sorted(nested, key=lambda each: -each.count("/") if each else 1):
        tree = git(repo, "mktree", stdin="".join(f"{line}\n" for line in nested[folder])).strip()
        if not folder:
            return tree
        above, _, name = folder.rpartition("/")
        nested[above].append(f"040000 tree {tree}\t{name}")
    raise AssertionError("a repository without files")
