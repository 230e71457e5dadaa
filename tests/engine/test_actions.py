"""The difference between what runs and what a plan wants: pure, stable and sparing."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridplace.engine import diff, key_of, plan_id, times_h
from hybridplace.model.plan import Action, Costs, Placement, Plan, Share, Status, Verb
from hybridplace.model.site import Lease, LeaseState

HERE, THERE = "aws/near/g5/spot", "aws/far/g5/spot"
EARLY = Placement(job="early", offer=HERE, shape=0, start_h=0.0, end_h=4.0, machines=2)
LATER = Placement(job="later", offer=THERE, shape=0, start_h=2.0, end_h=6.0, machines=1)
PLAN = Plan(
    placements=(EARLY, LATER),
    transfers=(),
    unplaced=(),
    status=Status.OPTIMAL,
    costs=Costs(),
    objective_usd=0.0,
    bound_usd=0.0,
    carbon_g=None,
    solver="by hand",
    seed=0,
    problem_digest="sha256:0",
)


def _lease(placement: Placement, **changes) -> Lease:
    lease = Lease(
        id=f"key-{placement.job}",
        provider="aws",
        owner="acme",
        plan="another",
        job=placement.job,
        offer=placement.offer,
        machines=tuple(f"i-{number}" for number in range(placement.machines)),
        state=LeaseState.ACTIVE,
    )
    return replace(lease, **changes)


def _told(*leases, plan=PLAN, at_h=1.0):
    return [(one.verb, one.job) for one in diff("acme", plan, leases, at_h=at_h)]


def test_each_hour_has_its_difference():
    """What starts is acquired and what ends is released, at the hours that the plan names."""
    early, later = _lease(EARLY), _lease(LATER)

    assert (0.0, 2.0, 4.0, 6.0) == times_h(PLAN)
    assert [(Verb.ACQUIRE, "early")] == _told(at_h=0.0)
    assert [(Verb.ACQUIRE, "later")] == _told(early, at_h=2.0)
    assert [(Verb.RELEASE, "early")] == _told(early, later, at_h=4.0)
    assert [(Verb.RELEASE, "later")] == _told(later, at_h=6.0)


def test_releases_come_first():
    """A machine that a job gives up may be the one that another job needs."""
    moved = _lease(EARLY, offer=THERE)

    assert [(Verb.RELEASE, "early"), (Verb.ACQUIRE, "early")] == _told(moved)


@pytest.mark.parametrize("state", [LeaseState.ENDING, LeaseState.GONE])
def test_what_ends_is_not_counted_and_not_released_again(state):
    """A lease on its way out serves nobody: the job needs another one."""
    assert [(Verb.ACQUIRE, "early")] == _told(_lease(EARLY, state=state))


def test_others_are_left_alone():
    """A lease of another estate is neither used nor released."""
    assert [(Verb.ACQUIRE, "early")] == _told(_lease(EARLY, owner="other"))


def test_a_gang_that_lost_a_machine_is_replaced():
    """Half a gang is paid for and does nothing."""
    assert [(Verb.RELEASE, "early"), (Verb.ACQUIRE, "early")] == _told(
        _lease(EARLY, machines=("i-0",))
    )


def test_a_gang_that_starts_is_waited_for():
    """A provider may not list all machines at once; ending them would start them for ever."""
    assert [] == _told(_lease(EARLY, machines=("i-0",), state=LeaseState.PENDING))


def _on(node: str, placement: Placement = EARLY, **changes) -> Placement:
    shares = (Share(node=node, devices=(0,)),)
    return replace(placement, offer="lab/rack/owned", machines=1, shares=shares, **changes)


def test_a_job_is_not_moved_between_nodes_without_need():
    """Nodes of a pool are alike: only one that the plan gives to another job is given up."""
    on_a, on_b = _on("a"), _on("b")
    held = _lease(on_a, machines=("a",))
    free = replace(PLAN, placements=(on_b,))
    taken = replace(PLAN, placements=(on_b, _on("a", LATER, start_h=0.0)))
    elsewhere = replace(_on("a", LATER, start_h=0.0), offer="hub/rack/owned")

    assert [] == _told(held, plan=free)
    assert [(Verb.RELEASE, "early"), (Verb.ACQUIRE, "early"), (Verb.ACQUIRE, "later")] == _told(
        held, plan=taken
    )
    assert [(Verb.ACQUIRE, "later")] == _told(
        held, plan=replace(PLAN, placements=(on_b, elsewhere))
    )


def test_two_that_share_a_node_as_planned_stay():
    """Halves of one node are no reason to move anybody."""
    first, second = _on("a"), _on("a", LATER, start_h=0.0)
    plan = replace(PLAN, placements=(first, second))

    assert [] == _told(
        _lease(first, machines=("a",)), _lease(second, machines=("a",)), plan=plan, at_h=1.0
    )


def test_an_old_plan_releases_nothing_but_its_own():
    """An hour after its end, what others acquired is another plan's."""
    own, others = _lease(EARLY, plan=plan_id(PLAN)), _lease(LATER)

    assert [(Verb.RELEASE, "early"), (Verb.RELEASE, "later")] == _told(own, others, at_h=6.5)
    assert [(Verb.RELEASE, "early")] == _told(own, others, at_h=30.0)


def test_an_acquisition_tells_how_late_it_is():
    """Hours since the start; nothing is early, since nothing is due before it."""
    (now,) = diff("acme", PLAN, (), at_h=0.0)
    (late,) = diff("acme", PLAN, (), at_h=1.5)

    assert (0.0, 1.5) == (now.late_h, late.late_h)


def test_a_release_names_the_provider_that_holds_it():
    """The offer may be gone from all lists by then."""
    (action,) = diff("acme", PLAN, (_lease(LATER, provider="gcp"), _lease(EARLY)), at_h=1.0)

    assert (
        Action(
            verb=Verb.RELEASE, job="later", offer=THERE, machines=1, key="key-later", provider="gcp"
        )
        == action
    )


def test_keys_are_stable_and_apart():
    """The same acquisition has the same key at any hour; any other has another."""
    (now,), (late,) = (diff("acme", PLAN, (), at_h=at_h) for at_h in (0.0, 1.0))
    name = plan_id(PLAN)
    others = {
        key_of("other", name, EARLY),
        key_of("acme", plan_id(replace(PLAN, seed=1)), EARLY),
        key_of("acme", name, replace(EARLY, job="x")),
        key_of("acme", name, replace(EARLY, offer=THERE)),
    }

    assert now.key == late.key == key_of("acme", name, EARLY)
    assert 4 == len(others - {now.key})


def test_the_order_of_leases_is_no_information():
    """Providers list in any order; which of two leases of a job stays does not depend on it."""
    leases = (_lease(EARLY), _lease(EARLY, id="a-second"), _lease(LATER), _lease(LATER, job="x"))
    found = {diff("acme", PLAN, order, at_h=3.0) for order in permutations(leases)}

    (actions,) = found
    assert [(Verb.RELEASE, "early"), (Verb.RELEASE, "x")] == [
        (one.verb, one.job) for one in actions
    ]


@st.composite
def _held(draw) -> tuple[Lease, ...]:
    """Leases as crashes, other plans and other estates leave them."""
    return tuple(
        Lease(
            id=f"held-{number}",
            provider="aws",
            owner=draw(st.sampled_from(["acme", "other"])),
            plan=draw(st.sampled_from([plan_id(PLAN), "another"])),
            job=draw(st.sampled_from(["early", "later", "x"])),
            offer=draw(st.sampled_from([HERE, THERE])),
            machines=tuple(f"i-{machine}" for machine in range(draw(st.integers(1, 3)))),
            state=draw(st.sampled_from(list(LeaseState))),
        )
        for number in range(draw(st.integers(0, 5)))
    )


@given(leases=_held(), at_h=st.sampled_from([0.0, 1.0, 2.0, 3.5, 4.0, 6.0]))
def test_what_was_done_leaves_nothing_to_do(leases, at_h):
    """Carried out, a difference is empty; and it never touched what is somebody else's."""
    actions = diff("acme", PLAN, leases, at_h=at_h)
    released = {one.key for one in actions if one.verb is Verb.RELEASE}
    acquired = tuple(
        _lease(
            next(one for one in PLAN.placements if one.job == action.job),
            id=action.key,
            plan=plan_id(PLAN),
        )
        for action in actions
        if action.verb is Verb.ACQUIRE
    )
    after = (*(one for one in leases if one.id not in released), *acquired)

    assert () == diff("acme", PLAN, after, at_h=at_h)
    assert not released & {one.id for one in leases if one.owner == "other"}
