"""Objectives: gradients, curvature, minimisers, sampling noise, by independent arithmetic."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize

from aimctheory.objectives.quadratic import quadratic
from aimctheory.objectives.softmax import softmax, softmax_digits
from aimctheory.tree.recorder import Names, numpy_ops

DENSE = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, -0.25], [0.0, -0.25, 3.0]])
BOWLS = {
    "scalar": quadratic(2.0, 0.5),
    "diagonal": quadratic([1.0, 2.0, 5.0], [0.1, 0.2, -0.3]),
    "dense": quadratic(DENSE, [0.1, 0.2, -0.3]),
}


def gradient(objective, weights, indices=None):
    """The gradient of either kind of objective at weights (R, D)."""
    if objective.elementwise:
        return objective.gradient(weights, Names("parameter", objective.numbers), numpy_ops())
    return objective.gradient(weights, indices)


def central_differences(f, weight, h=1e-5):
    """df/dw at one weight (D,), of a function of (R, D)."""
    offsets = h * np.eye(weight.size)
    return (f(weight + offsets) - f(weight - offsets)) / (2 * h)


@pytest.fixture(scope="module")
def small():
    """Nine samples of three inputs (one constant) in three classes."""
    rng = np.random.default_rng(3)
    features = np.column_stack([rng.normal(size=(9, 2)), np.ones(9)])
    return softmax(features, np.arange(9) % 3, batch=3, l2=0.1), features


# -- the quadratic --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", BOWLS)
def test_the_gradient_of_a_quadratic_is_the_derivative_of_its_value(kind):
    bowl = BOWLS[kind]
    weight = np.linspace(-0.7, 0.9, bowl.coordinates)
    numeric = central_differences(bowl.value, weight)
    np.testing.assert_allclose(gradient(bowl, weight[None])[0], numeric, rtol=1e-8)


@pytest.mark.parametrize("kind", BOWLS)
def test_the_hessian_of_a_quadratic_is_the_derivative_of_its_gradient(kind):
    bowl = BOWLS[kind]
    weight = np.linspace(-0.7, 0.9, bowl.coordinates)
    numeric = central_differences(lambda w: gradient(bowl, w), weight)
    np.testing.assert_allclose(bowl.hessian(weight), numeric, atol=1e-8)


@pytest.mark.parametrize("kind", BOWLS)
def test_the_constants_of_a_quadratic_are_its_extreme_eigenvalues(kind):
    bowl = BOWLS[kind]
    eigenvalues = np.linalg.eigvalsh(bowl.hessian(np.zeros(bowl.coordinates)))
    assert bowl.smoothness.value == pytest.approx(eigenvalues[-1], rel=1e-14)
    assert bowl.strong_convexity.value == pytest.approx(eigenvalues[0], rel=1e-14)


@pytest.mark.parametrize("kind", BOWLS)
def test_a_quadratic_is_smallest_at_its_minimiser(kind):
    bowl = BOWLS[kind]
    best = np.broadcast_to(bowl.minimiser.value, (1, bowl.coordinates))
    assert bowl.value(best) == [bowl.minimum.value] == [0.0]
    assert not gradient(bowl, best).any()


def test_a_dense_diagonal_hessian_gives_the_gradient_of_the_uncoupled_one():
    weight = np.array([[0.3, -0.4]])
    dense, plain = quadratic(np.diag([1.0, 3.0]), [0.1, 0.2]), quadratic([1.0, 3.0], [0.1, 0.2])
    np.testing.assert_allclose(gradient(dense, weight), gradient(plain, weight), rtol=1e-15)


@pytest.mark.parametrize(
    ("curvature", "minimiser", "said"),
    [
        (0.0, 0.0, r"curvature = 0 is outside \(0, ∞\)"),
        ([1.0, -2.0], 0.0, r"curvature = -2 is outside \(0, ∞\)"),
        (np.nan, 0.0, "curvature = nan is not finite"),
        (1.0, np.inf, "minimiser = inf is not finite"),
        ([1.0, 2.0], [1.0, 2.0, 3.0], r"curvature \(2,\) and minimiser \(3,\) do not broadcast"),
        ([[1.0, 2.0], [0.0, 1.0]], 0.0, "must be symmetric"),
        ([[1.0, 2.0], [2.0, 1.0]], 0.0, "has eigenvalue -1; give a positive definite one"),
        (DENSE, [1.0, 2.0], r"minimiser \(2,\) does not broadcast to 3 coordinates"),
    ],
)
def test_a_quadratic_that_is_no_bowl_is_refused(curvature, minimiser, said):
    with pytest.raises(ValueError, match=said):
        quadratic(curvature, minimiser)


# -- softmax regression ---------------------------------------------------------------------------


def test_the_value_of_softmax_is_the_mean_cross_entropy_with_the_penalty(small):
    objective, features = small
    weights = np.random.default_rng(1).normal(size=(2, 9))
    for weight, value in zip(weights, objective.value(weights), strict=True):
        total = 0.0
        for i, x in enumerate(features):
            shares = np.exp(weight.reshape(3, 3) @ x)
            total -= np.log(shares[i % 3] / shares.sum()) / 9
        assert value == pytest.approx(total + 0.05 * weight @ weight, rel=1e-13)


def test_the_gradient_of_softmax_is_the_derivative_of_its_value(small):
    objective, _ = small
    weight = np.random.default_rng(2).normal(size=9)
    numeric = central_differences(objective.value, weight)
    np.testing.assert_allclose(objective.gradient(weight[None])[0], numeric, atol=1e-9)


def test_the_hessian_of_softmax_is_the_derivative_of_its_gradient(small):
    objective, _ = small
    weight = np.random.default_rng(2).normal(size=9)
    numeric = central_differences(objective.gradient, weight)
    np.testing.assert_allclose(objective.hessian(weight), numeric, atol=1e-9)


def test_large_scores_do_not_overflow(small):
    objective, features = small
    weights = np.full((1, 9), 1e4) * np.linspace(-1, 1, 9)
    right = (features @ weights.reshape(3, 3).T)[np.arange(9), np.arange(9) % 3]
    loss = (features @ weights.reshape(3, 3).T).max(axis=1) - right  # others weigh e^-1000 or less
    expected = loss.mean() + 0.05 * np.sum(weights**2)
    np.testing.assert_allclose(objective.value(weights), [expected], rtol=1e-12)
    assert np.isfinite(objective.gradient(weights)).all()


def test_a_batch_of_every_sample_once_gives_the_full_gradient(small):
    objective, _ = small
    weights = np.random.default_rng(4).normal(size=(5, 9))
    every = np.broadcast_to(np.arange(9), (5, 9))
    np.testing.assert_allclose(
        objective.gradient(weights, every), objective.gradient(weights), atol=1e-15
    )


def test_every_replicate_sees_its_own_batch_and_no_other(small):
    objective, _ = small
    weights = np.random.default_rng(4).normal(size=(4, 9))
    indices = np.array([[0, 1, 2], [3, 3, 3], [8, 0, 4], [5, 6, 7]])
    together = objective.gradient(weights, indices)
    alone = [objective.gradient(weights[[i]], indices[[i]])[0] for i in range(4)]
    assert (together == np.array(alone)).all()


def test_full_gradients_of_many_replicates_are_taken_in_parts(small):
    objective, _ = small
    weights = np.random.default_rng(4).normal(size=(150, 9))
    alone = np.array([objective.gradient(weights[[i]])[0] for i in (0, 64, 149)])
    np.testing.assert_allclose(objective.gradient(weights)[[0, 64, 149]], alone, atol=1e-15)


def test_the_minimiser_of_softmax_is_the_one_another_optimiser_finds(small):
    objective, _ = small
    found = minimize(
        lambda w: objective.value(w[None])[0],
        np.ones(9),
        method="BFGS",
        jac=lambda w: objective.gradient(w[None])[0],
        options={"gtol": 1e-9},
    )
    np.testing.assert_allclose(objective.minimiser.value, found.x, atol=1e-7)
    assert objective.minimum.value == pytest.approx(found.fun, rel=1e-13)


def test_strong_convexity_of_softmax_is_reached_along_shifts_common_to_all_classes(small):
    objective, _ = small
    eigenvalues = np.linalg.eigvalsh(objective.hessian(objective.minimiser.value))
    assert eigenvalues[0] == pytest.approx(objective.strong_convexity.value, rel=1e-12)


def test_smoothness_of_softmax_is_reached_where_two_classes_share_everything(small):
    objective, _ = small
    torn = np.zeros((3, 3))
    torn[:2, 2] = 40.0  # the bias makes classes 0 and 1 equally likely, 2 impossible
    top = np.linalg.eigvalsh(objective.hessian(torn.ravel()))[-1]
    assert top == pytest.approx(objective.smoothness.value, rel=1e-12)
    for weight in np.random.default_rng(5).normal(size=(20, 9)):
        assert np.linalg.eigvalsh(objective.hessian(weight))[-1] < objective.smoothness.value


def test_sampling_noise_is_the_mean_over_every_possible_batch(small):
    objective, _ = small
    weight = np.random.default_rng(6).normal(size=9)
    indices = np.array(list(itertools.product(range(9), repeat=3)))
    gap = objective.gradient(np.broadcast_to(weight, (729, 9)), indices) - objective.gradient(
        weight[None]
    )
    size, deviation = objective.sampling_noise(weight)
    np.testing.assert_allclose(deviation, gap.std(axis=0), rtol=1e-12)
    np.testing.assert_allclose(size, np.abs(gap).mean(axis=0), rtol=1e-4)


def test_the_full_gradient_has_no_sampling_noise(small):
    _, features = small
    whole = softmax(features, np.arange(9) % 3, batch=0, l2=0.1)
    assert not np.any(whole.sampling_noise(whole.minimiser.value))


def test_accuracy_counts_held_out_samples_of_every_layer():
    features, labels = np.array([[-1.0, 1.0], [1.0, 1.0]]), np.array([0, 1])
    line = softmax(features, labels, held_out=(features[[0, 0, 0, 1]], labels[[0, 0, 1, 1]]))
    right = np.array([-1.0, 0.0, 1.0, 0.0])
    np.testing.assert_array_equal(line.accuracy(np.array([[right, -right]])), [[0.75, 0.25]])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"labels": [0, 1]}, r"features \(3, 2\) and labels \(2,\) do not fit"),
        ({"features": [1.0, 2.0, 3.0]}, r"features \(3,\) and labels \(3,\) do not fit"),
        ({"features": [[np.nan, 0.0]] * 3}, "give finite numbers"),
        ({"labels": [0.5, 1.0, 2.0]}, r"labels are not integers in \[0, ∞\)"),
        ({"labels": [-1, 0, 1]}, r"labels are not integers in \[0, ∞\)"),
        ({"labels": [0, 0, 0]}, "labels name one class"),
        ({"batch": -1}, r"batch = -1 is not an integer in \[0, ∞\); 0 takes all"),
        ({"batch": 1.5}, r"batch = 1.5 is not an integer"),
        ({"l2": 0.0}, r"l2 = 0.0 is outside \(0, ∞\)"),
        ({"l2": np.nan}, r"l2 = nan is outside \(0, ∞\)"),
        ({"held_out": ([[1.0]], [0])}, "held-out samples have 1 inputs"),
        ({"held_out": ([[1.0, 1.0]], [7])}, "classes below 3"),
    ],
)
def test_samples_that_make_no_softmax_layer_are_refused(change, said):
    given = {"features": [[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]], "labels": [0, 1, 2]} | change
    with pytest.raises(ValueError, match=said):
        softmax(given.pop("features"), given.pop("labels"), **given)


# -- the handwritten digits -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    return softmax_digits()


def test_the_digits_have_the_shape_of_their_layer(digits):
    assert (digits.shape, digits.coordinates, digits.samples, digits.batch) == (
        (10, 65),
        650,
        1442,
        16,
    )


def test_the_minimiser_of_the_digits_has_no_gradient_left(digits):
    best = digits.minimiser.value
    assert np.linalg.norm(digits.gradient(best[None])) < 1e-12
    assert digits.minimiser.provenance == "computed"


def test_the_minimiser_of_the_digits_lies_inside_a_device_of_half_width_one(digits):
    assert 0.7 < np.abs(digits.minimiser.value).max() < 0.75


def test_the_minimiser_reads_most_of_the_digits_it_never_saw(digits):
    assert 0.93 < digits.accuracy(digits.minimiser.value) < 0.96


def test_no_digit_is_both_learned_and_held_out():
    from aimctheory.objectives.softmax import _evenly

    labels = np.repeat(np.arange(3), [10, 21, 7])
    test = _evenly(labels, 0.3)
    assert [int(test[labels == c].sum()) for c in range(3)] == [3, 6, 2]


def test_sampling_noise_of_the_digits_agrees_with_drawn_batches(digits):
    # 2000 batches: a relative standard error of 3 % of the mean deviation and 2 % of the standard
    # one for a bell shape, more for rare pixels; a tenth is missed on average over 30 coordinates
    # less than once in 1e9.
    rng = np.random.default_rng(0)
    weight = digits.minimiser.value
    some = np.arange(20, 650, 21)
    weights = np.broadcast_to(weight, (200, 650))
    batches = rng.integers(1442, size=(10, 200, 16))
    drawn = np.concatenate([digits.gradient(weights, indices)[:, some] for indices in batches])
    size, deviation = (values[some] for values in digits.sampling_noise(weight))
    busy = deviation > 0
    gap = np.abs(drawn - digits.gradient(weight[None])[:, some]).mean(axis=0)[busy] / size[busy]
    assert abs(np.median(gap) - 1) < 0.03
    assert abs(np.median(drawn.std(axis=0)[busy] / deviation[busy]) - 1) < 0.03


@pytest.mark.parametrize("fraction", [0.0, 0.95, np.nan])
def test_a_split_that_leaves_nothing_to_learn_or_to_test_is_refused(fraction):
    with pytest.raises(ValueError, match=r"test_fraction = .* is outside \[0.01, 0.9\]"):
        softmax_digits(test_fraction=fraction)
