"""Zeros and rest points: what is found, what is refused, and how many calls it takes."""

from __future__ import annotations

import numpy as np
import pytest

from aimctheory.exact.rest_point import rest_point
from aimctheory.exact.roots import FAR, bracketed, only_zero


class Watched:
    """A function that keeps the points at which it was called."""

    def __init__(self, function):
        self.function, self.seen = function, []

    def __call__(self, x):
        self.seen.append(np.ravel(x))
        return self.function(x)


# ---- zeros -----------------------------------------------------------------------------------


def test_one_element_without_a_zero_refuses_the_sweep_and_its_own_ends_are_named():
    target, high = np.array([0.2, 1.5, 0.4]), np.array([3.0, 1.25, 2.0])
    with pytest.raises(ValueError, match=r"T has no stable zero inside \(-1, 1\.25\), alas$"):
        only_zero(lambda x: x - target, (-1.0, high), (3,), "T", hint=", alas")


def test_the_zeros_of_the_element_with_the_most_are_listed():
    roots = [-0.75, -0.4, 0.1, 0.45, 0.7]

    def function(x):
        return np.stack([x[..., 0] - 0.3, np.prod([x[..., 1] - r for r in roots], axis=0)], -1)

    with pytest.raises(ValueError, match=r"several stable zeros \(-0\.75, 0\.1, 0\.7\)"):
        only_zero(function, (-1.0, 1.0), (2,), "T")
    near = np.array([-0.9, 0.2])
    found = only_zero(function, (-1.0, 1.0), (2,), "T", near=near)
    assert found == pytest.approx([0.3, 0.1], abs=1e-15)


def test_zeros_a_hair_from_either_end_are_found_and_the_end_itself_is_none():
    for end in (-1.0, 1.0):
        target = end * (1.0 - 1e-9)
        found = only_zero(lambda x, t=target: x - t, (-1.0, 1.0), (), "T")
        assert found == pytest.approx(target, abs=1e-15)
    with pytest.raises(ValueError, match="no stable zero"):  # positive from the low end on
        only_zero(lambda x: (x + 1.0) * (2.0 - x), (-1.0, 1.0), (), "T")


def test_every_sample_lies_strictly_inside_the_ends():
    function = Watched(lambda x: x - 5.25)
    only_zero(function, (5.0, 5.5), (), "T")
    x = function.seen[0]
    assert 5.0 < x[0] < 5.0 + 1e-13
    assert 5.5 - 1e-13 < x[-1] < 5.5
    assert np.all(np.diff(x) > 0)
    assert np.max(np.diff(x)) < 1e-2 * 0.5


def test_a_half_line_is_searched_up_to_its_end_and_about_the_given_point():
    found = only_zero(lambda x: x + 2.5, (-np.inf, -1.0), (), "T")
    assert found == pytest.approx(-2.5, abs=1e-14)
    function = Watched(lambda x: x - 1e4 - 3e-4)
    far = only_zero(function, (0.0, np.inf), (), "T", near=1e4)
    assert far == pytest.approx(1e4 + 3e-4, abs=1e-11)
    assert function.seen[0][0] == 0.0
    assert function.seen[0][-1] == pytest.approx(FAR + 1e4)


def test_a_zero_known_to_a_share_of_the_sampling_costs_fewer_calls_and_is_that_near():
    target = np.linspace(-0.93, 0.93, 19)
    quick, whole = (Watched(lambda x: np.cbrt(x - target)) for _ in range(2))
    rough = only_zero(quick, (-1.0, 1.0), (19,), "T", samples=40, share=0.05)
    gaps = np.diff(quick.seen[0].reshape(-1, 19)[:, 0])
    off = np.abs(rough - target)
    assert np.all(off < 0.05 * gaps[np.searchsorted(np.cumsum(gaps) - 1.0, target)])
    assert np.max(off) > 1e-12
    sharp = only_zero(whole, (-1.0, 1.0), (19,), "T", samples=40)
    assert sharp == pytest.approx(target, abs=1e-15)
    assert len(quick.seen) < len(whole.seen)


def test_bracketing_takes_few_calls_and_stops_at_a_zero_that_it_hits():
    smooth, straight = Watched(lambda x: np.exp(x) - 1.5), Watched(lambda x: x)
    assert bracketed(smooth, -1.0, 1.0) == pytest.approx(np.log(1.5), abs=1e-16)
    assert len(smooth.seen) < 13  # bisection takes some 55
    assert bracketed(straight, -1.0, 1.0) == 0.0
    assert len(straight.seen) == 3
    ends = np.array([0.0, -1.0]), np.array([1.0, 0.0])  # zeros at an end
    assert np.all(bracketed(lambda x: x, *ends) == 0.0)


# ---- rest points -----------------------------------------------------------------------------


def test_a_start_at_rest_and_one_with_a_steady_residual_end_the_search():
    found = rest_point(lambda x: x - 0.5, lambda x: np.eye(2), [0.5, 0.5], (-1, 1), "the centre")
    assert found == pytest.approx([0.5, 0.5], abs=0.0)
    wall = Watched(lambda x: np.sign(x - 0.3) * 1e-3)  # its size never falls
    with pytest.raises(ValueError, match=r"the wall was not found from this start in 7 steps"):
        rest_point(wall, lambda x: np.eye(1) * 1e-3, [0.9], (-1, 1), "the wall", steps=7)
    assert len(wall.seen) == 8
    # Steps of the flow, −T/(J + 1/δ) with δ = 1/(2‖J‖): a third of T/J, and they do not grow.
    assert np.abs(np.diff(np.concatenate(wall.seen))) == pytest.approx(np.full(7, 1 / 3))


def test_saturation_is_told_by_the_width_of_the_range_at_either_end():
    for end, width in ((-1.0, 2.0), (1.0, 2.0), (40.0, 80.0)):
        near = end * (1.0 - 1e-8)  # some 1e-8 of the width from the end

        def towards(target, width=width):
            ends = (-width / 2, width / 2)
            return rest_point(lambda x: x - target, lambda x: np.eye(1), [0.0], ends, "a rest")

        assert towards(near) == pytest.approx([near], rel=1e-14)
        with pytest.raises(ValueError, match=r"saturation in coordinates \[0\]"):
            towards(end)


def test_a_range_without_ends_has_no_saturation():
    ends = (-np.inf, np.array([np.inf, 5.0]))
    found = rest_point(lambda x: x - 4.5, lambda x: np.eye(2), np.zeros(2), ends, "a rest point")
    assert found == pytest.approx([4.5, 4.5], abs=1e-14)
