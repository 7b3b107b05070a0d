"""A margin holds, fails or is undecided as its interval lies, and its worst element is named."""

from __future__ import annotations

import numpy as np
import pytest

from aimctheory.judge.margin import Margin, bound, equivalence


@pytest.mark.parametrize(
    ("difference", "half_width", "state"),
    [
        (0.05, 0.0, "holds"),
        (-0.05, 0.04, "holds"),
        (0.05, 0.06, "undecided"),
        (0.15, 0.06, "undecided"),
        (-0.2, 0.05, "fails"),
        (0.1, 0.0, "holds"),
    ],
)
def test_equivalence_is_two_one_sided_tests(difference, half_width, state):
    assert equivalence(difference, half_width, 0.1).state == state


def test_no_margin_of_an_equality_exceeds_one():
    assert equivalence(0.01, 0.5, 0.1).high == 1.0


def test_equal_within_nothing_means_equal():
    assert equivalence(0.0, 0.0, 0.0).state == "holds"
    assert equivalence(1e-300, 0.0, 0.0).state == "fails"


@pytest.mark.parametrize(
    ("excess", "half_width", "state"),
    [
        (-1.0, 0.5, "holds"),
        (-1.0, 1.5, "undecided"),
        (0.5, 1.0, "undecided"),
        (1.0, 0.5, "fails"),
        (0.0, 0.0, "holds"),
    ],
)
def test_a_bound_is_one_sided(excess, half_width, state):
    assert bound(excess, half_width, 2.0).state == state


@pytest.mark.parametrize(
    ("excess", "scale", "value"),
    [(-0.5, 2.0, 0.25), (-2.0, 2.0, 1.0), (-6.0, 2.0, 1.0), (6.0, 2.0, -1.0), (0.0, 0.0, 0.0)],
)
def test_no_margin_of_a_bound_exceeds_one(excess, scale, value):
    assert bound(excess, 0.0, scale).value == value


def test_the_interval_of_a_margin_is_that_of_the_number_in_its_scale():
    assert bound(-0.5, 0.25, 2.0) == Margin(0.25, 0.125, 0.375)
    assert bound(4.0, 0.5, 2.0) == Margin(-1.0, -1.125, -0.875)
    assert bound(0.25, 0.125, 0.5) == Margin(-0.5, -0.75, -0.25)
    assert bound(0.0, 0.5, 0.0) == Margin(0.0, -0.5, 0.5)
    assert bound(1e-13, 0.5, 2.0, rounding=1e-12) == Margin(0.0, -0.25, 0.25)
    assert equivalence(0.5, 0.25, 2.0) == Margin(0.75, 0.625, 0.875)
    assert equivalence(-3.0, 0.5, 2.0) == Margin(-0.5, -0.75, -0.25)
    assert equivalence(0.25, 0.125, 0.0) == Margin(-0.25, -0.375, -0.125)


def test_of_a_bound_each_element_has_its_own_scale():
    margin = bound(np.array([-0.5, 4.0]), np.array([0.25, 0.5]), np.array([2.0, 2.0]))
    np.testing.assert_array_equal(margin.low, [0.125, -1.125])
    assert margin.worst() == 1


def test_a_bound_that_is_attained_up_to_rounding_has_margin_zero():
    assert bound(1e-13, 0.0, 1.0, rounding=1e-12) == Margin(0.0, 0.0, 0.0)
    assert bound(-1e-13, 0.0, 1.0, rounding=1e-12) == Margin(0.0, 0.0, 0.0)
    assert bound(2e-12, 0.0, 1.0, rounding=1e-12).state == "fails"
    assert bound(0.5, 0.0, 1.0, rounding=0.5) == Margin(0.0, 0.0, 0.0)


def test_a_confirmed_failure_is_worse_than_a_larger_doubt():
    margin = Margin(np.array([0.5, -9.0, -1.0]), np.array([0.4, -20, -2]), np.array([0.6, 2, -0.5]))
    assert margin.state == "fails"
    assert margin.worst() == 2
    assert margin.at(2) == Margin(-1.0, -2.0, -0.5)


def test_a_margin_holds_where_all_its_elements_do():
    some = Margin(np.array([0.5, 0.3]), np.array([0.4, -0.1]), np.array([0.6, 0.7]))
    assert (some.state, some.worst()) == ("undecided", 1)


def test_an_interval_that_ends_at_zero_decides_from_above_only():
    assert Margin(-0.5, -1.0, 0.0).state == "undecided"
    assert Margin(0.5, 0.0, 1.0).state == "holds"
    doubtful = Margin(np.array([-0.4, -0.5]), np.array([-1.0, -1.0]), np.array([0.0, 0.2]))
    assert doubtful.worst() == 1
    assert Margin(np.array([0.2, 0.3]), np.array([0.0, -0.1]), np.array([0.4, 0.7])).worst() == 1
    assert Margin(np.array([0.5, 0.6]), np.array([0.4, -1.0]), np.array([0.6, 2.0])).worst() == 1


def test_a_negative_allowance_is_refused():
    with pytest.raises(ValueError, match="within"):
        equivalence(0.0, 0.0, [1.0, -1.0])
