"""Many jobs decided together: compile, price, round, improve, prove, seat.

docs/solver.md has the model and says which function states which formula.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from hybridplace.model.plan import Plan
from hybridplace.model.problem import Problem
from hybridplace.solver.berths import Berths, berths_of
from hybridplace.solver.certificate import certificate_of
from hybridplace.solver.classes import classes_of, decide_by_classes
from hybridplace.solver.compile import compile_instance
from hybridplace.solver.improve import Incumbent, improve
from hybridplace.solver.instance import Choice, Instance, Ints, Prices
from hybridplace.solver.knapsack import JobPrices, lift
from hybridplace.solver.pricing import no_prices
from hybridplace.solver.relaxation import relaxed_of
from hybridplace.solver.repricing import lagrangian_usd
from hybridplace.solver.result import plan_of_choice
from hybridplace.solver.seating import seated, seating_of
from hybridplace.solver.shared import SharedPlan, priced, solve_shared
from hybridplace.solver.slopes import has_tiers, solve_tiered, to_seat
from hybridplace.solver.slotprices import SlotPrices, price_slots
from hybridplace.solver.slots import relax_slots
from hybridplace.solver.static import Relaxation, relax_static
from hybridplace.solver.stop import Progress, Stop
from hybridplace.solver.transfers import Copy

LIFTED_GAP = 0.0002
"""At which the bound is not raised any more."""

GOOD_GAP = 0.001
"""What is enough where the optimum is asked for: the rest would cost more than it saves."""


class Joint:
    """One problem on its way to a plan; what is known at any moment survives an interrupt.

    Attributes
    ----------
    instance : Instance
    choice : Choice
        Of a plan, apart from the nodes that its jobs get.
    prices, bound_usd : Prices, float
        What is proven so far.
    whole : JobPrices or None
        What knapsacks prove beyond that.
    by_slot : SlotPrices or None
        The same over time.
    searched_usd : float or None
        What a search proved, which prices cannot.
    seats : dict
        The node of each worker on own nodes, as far as known.
    tiered : Problem or None
        If links have tiers, and there is data.
    """

    def __init__(
        self,
        instance: Instance,
        *,
        target_gap: float,
        seed: int,
        watch: Callable[[Progress], None] | None,
        berths: Berths | None = None,
        tiered: Problem | None = None,
    ) -> None:
        self.instance, self.target_gap, self.seed, self.watch = instance, target_gap, seed, watch
        nowhere = np.zeros(len(instance.jobs.reject_usd), dtype=np.int64)
        self.choice = Choice(option=nowhere - 1, start=nowhere)
        self.prices: Prices = no_prices(instance)
        self.bound_usd = lagrangian_usd(instance, self.prices) - instance.sunk_usd
        self.whole: JobPrices | None = None
        self.by_slot: SlotPrices | None = None
        self.searched_usd: float | None = None
        self.berths, self.seats, self.tiered = berths, dict[int, Ints](), tiered

    def decide(self) -> None:
        """Find prices and a plan, as the instance asks for."""
        if self.instance.data is not None:
            self.search_shared()
            return
        one_slot = self.instance.slots == 1
        relaxed = relax_static(self.instance) if one_slot else relax_slots(self.instance)
        self.prices, self.bound_usd = relaxed.prices, relaxed.bound_usd
        self.search(relaxed)

    def search_shared(self) -> None:
        """Look for prices and a plan where jobs share data."""
        kept: list[SharedPlan] = []

        def keep(found: SharedPlan) -> None:
            kept[:] = [found]
            self._tell(found.usd, found.shared.bound_usd)

        instance, gap, seed = self.instance, self.target_gap, self.seed
        try:
            if self.tiered is None:
                solve_shared(instance, target_gap=gap, seed=seed, keep=keep)
            else:
                solve_tiered(self.tiered, instance, target_gap=gap, seed=seed, keep=keep)
        finally:
            for found in kept:
                self.prices, self.bound_usd = found.shared.prices, found.shared.bound_usd
                self.choice = found.choice

    def search(self, relaxed: Relaxation) -> None:
        """Look for a plan near a relaxation; prove more where it is not good enough by then."""
        best = Incumbent(self._tell)
        try:
            improve(
                self.instance,
                relaxed.prices,
                relaxed.lp,
                target_gap=self.target_gap,
                seed=self.seed,
                incumbent=best,
                berths=self.berths,
                prove=self.lift,
            )
        finally:
            self.choice, self.seats = best.choice or self.choice, best.seats()
            self.searched_usd = best.searched_usd

    def lift(self, choice: Choice, usd: float) -> float:
        """Return a bound that is proven by prices of whole jobs."""
        self.choice = choice
        if self.instance.slots > 1:
            found = price_slots(self.instance, self.prices)
            if found is not None:
                self.by_slot, self.bound_usd = found, found.bound_usd
            return self.bound_usd
        enough = max(LIFTED_GAP, self.target_gap / 5)
        self.whole = lift(self.instance, self.prices, usd, target_gap=enough)
        self.bound_usd = self.whole.bound_usd
        return self.bound_usd

    def _tell(self, usd: float, bound_usd: float | None = None) -> None:
        if self.watch is not None:
            bound_usd = self.bound_usd if bound_usd is None else bound_usd
            sunk_usd = self.instance.sunk_usd
            told = {"objective_usd": usd + sunk_usd, "bound_usd": bound_usd + sunk_usd}
            self.watch(Progress(round=0, **told))


def certified(problem: Problem, plan: Plan) -> Plan:
    """Return a plan of the exact model with prices that prove a bound by themselves.

    What the search proved beyond that is kept apart in the certificate.
    """
    instance = compile_instance(problem)
    prices, bound_usd = _priced(instance)
    bound_usd += instance.sunk_usd
    certificate = certificate_of(problem, prices, bound_usd, searched_usd=plan.bound_usd)
    proven_usd = min(plan.objective_usd, max(plan.bound_usd, bound_usd))
    return replace(plan, bound_usd=proven_usd, certificate=certificate)


def _priced(instance: Instance) -> tuple[Prices, float]:
    """Return good prices, and what they prove."""
    if instance.data is not None:
        shared = priced(relaxed_of(instance))[1]
        return shared.prices, shared.bound_usd
    relaxed = relax_static(instance) if instance.slots == 1 else relax_slots(instance)
    return relaxed.prices, relaxed.bound_usd


def decide_jointly(
    problem: Problem,
    *,
    seed: int = 0,
    stop: Stop | None = None,
    watch: Callable[[Progress], None] | None = None,
) -> tuple[Joint, bool]:
    """Return what was found for a problem, nodes apart, and whether an interrupt ended it."""
    with _uncollected():
        classes = classes_of(problem)
    target_gap = (stop or Stop()).gap or GOOD_GAP
    interrupted = False
    tiers = bool(problem.datasets) and has_tiers(problem)
    if classes.are_few and not tiers:
        with _uncollected():
            counted = decide_by_classes(problem, classes, seed=seed)
        joint = Joint(counted.instance, target_gap=target_gap, seed=seed, watch=watch)
        joint.prices, joint.bound_usd = counted.relaxed.prices, counted.relaxed.bound_usd
        joint.choice, interrupted = counted.choice, counted.interrupted
        if counted.whole is not None:
            joint.whole, joint.bound_usd = counted.whole, counted.whole.bound_usd
    else:
        with _uncollected():
            instance, berths = compile_instance(problem), None
            if instance.data is None:
                berths = berths_of(problem, instance, seating_of(problem, instance).nodes)
        joint = Joint(
            instance,
            target_gap=target_gap,
            seed=seed,
            watch=watch,
            berths=berths,
            tiered=problem if tiers and instance.data is not None else None,
        )
        try:
            joint.decide()
        except KeyboardInterrupt:
            interrupted = True
    return joint, interrupted


def solve_jointly(
    problem: Problem,
    *,
    seed: int = 0,
    stop: Stop | None = None,
    watch: Callable[[Progress], None] | None = None,
) -> Plan:
    """Return a good plan for any number of jobs, with a bound that its prices prove.

    An interrupt (Ctrl-C) ends the search, and the best plan so far is returned.
    """
    joint, interrupted = decide_jointly(problem, seed=seed, stop=stop, watch=watch)
    with _uncollected():
        instance, copies = joint.instance, set[Copy]()
        if joint.tiered is not None:
            instance, copies = to_seat(problem, instance)
        choice, shares = seated(problem, instance, joint.choice, joint.prices.share, joint.seats)
        lifted = joint.whole or joint.by_slot
        prices = joint.prices if lifted is None else lifted.prices
        bound_usd, searched_usd = joint.bound_usd + joint.instance.sunk_usd, joint.searched_usd
        if searched_usd is not None:
            searched_usd += joint.instance.sunk_usd
        certificate = certificate_of(
            problem,
            prices,
            bound_usd,
            whole=joint.whole,
            by_slot=joint.by_slot,
            searched_usd=searched_usd,
        )
        return plan_of_choice(
            problem,
            joint.instance,
            choice,
            shares,
            certificate=certificate,
            seed=seed,
            copies=copies,
            interrupted=interrupted,
        )


@contextmanager
def _uncollected() -> Iterator[None]:
    """Let Python look for no garbage: the parts of a plan stay, and it would count them often."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
