"""The mean drift in symbols: against formulas typed by hand, quadrature and limits.

Formulas are compared at random rational points with 50 digits, so without a false alarm.
"""

from __future__ import annotations

import pytest
import sympy
from sympy import Rational, cosh, exp, sinh

from aimctheory.algorithms.analog_sgd import analog_sgd
from aimctheory.algorithms.digital_sgd import digital_sgd
from aimctheory.algorithms.residual_learning import residual_learning, residual_learning_v2
from aimctheory.catalogue import exponential, ideal, linear, power, soft_bounds
from aimctheory.derive import (
    always,
    at_mean,
    exact,
    first_order,
    fixed_point_equations,
    folded_normal,
    implicit_objective,
    mean_drift,
    noise_floor,
    open_symbol,
    second_moment,
    stability,
    symbolic_step,
)
from aimctheory.laws import GAUSSIAN, gaussian
from aimctheory.notation import Sigma, real, sigma
from aimctheory.objectives.quadratic import quadratic
from tests.formulas import (
    BOWL,
    H,
    P,
    W,
    alpha,
    beta,
    c,
    gamma,
    h,
    m_P,
    m_W,
    made,
    normal_mean,
    same,
    tau,
    w_star,
)

# ---- the mean drift --------------------------------------------------------------------------

_k = sympy.Symbol("gamma", real=True, nonzero=True)
TYPED = {  # F and G as the papers write them, in W
    "ideal": (ideal, 1, 0),
    "linear": (linear, 1 - c * W / tau, W / tau - c),
    "power": (
        power(tau=2, gamma=3),
        ((1 + W / 2) ** 3 + (1 - W / 2) ** 3) / 2,
        ((1 + W / 2) ** 3 - (1 - W / 2) ** 3) / 2,
    ),
    "exponential": (
        exponential,
        (exp(_k) * cosh(_k * W / tau) - 1) / (exp(_k) - 1),
        exp(_k) * sinh(_k * W / tau) / (exp(_k) - 1),
    ),
    "soft bounds": (
        soft_bounds(tau_max=4, tau_min=-3),
        1 - (Rational(1, 4) - Rational(1, 3)) / 2 * W,
        (Rational(1, 4) + Rational(1, 3)) / 2 * W,
    ),
}


@pytest.mark.parametrize("name", TYPED)
def test_analog_sgd_drifts_by_minus_alpha_slope_F_minus_m_G(name):
    cell, F, G = TYPED[name]
    found = mean_drift(analog_sgd, cell, BOWL).increments["W"]
    assert same(found, -alpha * h * (W - w_star) * F - m_W * G)


def test_residual_learning_drifts_as_its_two_recursions_say():
    shifted, plain = linear(tau=2, c=0.25), linear(tau=1)
    drift = mean_drift(residual_learning, {"P": shifted, "W": plain}, BOWL).increments
    change = -alpha * h * (W + gamma * P - w_star) * (1 - P / 8) - m_P * (P / 2 - Rational(1, 4))
    assert same(drift["P"], change)
    assert same(drift["W"], beta * (P + change) - m_W * W)


def test_on_the_ideal_cell_analog_sgd_drifts_like_digital_sgd():
    analog = mean_drift(analog_sgd, ideal).means
    assert analog == mean_drift(digital_sgd).means


def test_an_elementwise_objective_gives_the_slope_of_its_traced_gradient():
    found = mean_drift(analog_sgd, ideal, quadratic(curvature=0.3, minimiser=2.0)).means["W"]
    assert same(found, W - alpha * Rational(3, 10) * (W - 2))


def test_an_open_device_and_objective_stay_open():
    names = {
        f.func.__name__ for f in mean_drift(residual_learning).means["W"].atoms(sympy.Function)
    }
    assert names == {"F_P", "G_P", "F_W", "G_W", "g"}


def test_in_a_mapping_every_array_has_its_own_symbols():
    means = mean_drift(residual_learning, {"P": linear, "W": power}).means
    names = {s.name for s in means["W"].free_symbols}
    assert {"tau_P", "c_P", "tau_W", "gamma_W", "gamma"} <= names


def test_a_response_parameter_named_like_a_rate_is_renamed():
    names = {s.name for s in mean_drift(residual_learning, power).means["P"].free_symbols}
    assert {"gamma", "gamma_res"} <= names


def test_numbers_for_hyper_parameters_are_exact():
    means = mean_drift(residual_learning, ideal, hyper={"transfer_rate": 0.1}).means
    assert means["W"].coeff(P) == Rational(1, 10)


# ---- closures --------------------------------------------------------------------------------


def test_the_exact_closure_is_the_mean_absolute_increment():
    drift = mean_drift(analog_sgd, closures={"m_W": exact(GAUSSIAN)}, hyper={"learning_rate": 0.25})
    m = -drift.increments["W"].coeff(sympy.Function("G", real=True)(W))
    found = m.subs(sympy.Function("g", real=True)(W), Rational(1, 3)).subs(sigma, Rational(1, 2))
    by_hand = normal_mean(lambda x: abs(x / 4), Rational(1, 3), Rational(1, 2))
    assert abs(found.evalf(25) - by_hand) < 1e-20


def test_the_folded_normal_is_the_mean_absolute_value_of_a_normal():
    drift = mean_drift(residual_learning, closures={"m_W": folded_normal(Rational(1, 2))})
    m = -drift.balanced["W"].coeff(sympy.Function("G_W", real=True)(W))
    found = m.subs({P: Rational(1, 5), beta: 1})
    assert abs(found.evalf(25) - normal_mean(abs, Rational(1, 5), Rational(1, 2))) < 1e-20


def test_the_noise_floor_reads_the_mean_absolute_increment_as_alpha_Sigma():
    drift = mean_drift(analog_sgd, linear, closures={"m_W": noise_floor})
    assert drift.means == mean_drift(analog_sgd, linear, closures={"m_W": alpha * Sigma}).means


def test_the_noise_floor_refuses_a_transfer():
    with pytest.raises(ValueError, match=r"m_W in pulse.W.* is moved by pulse 'P'"):
        mean_drift(residual_learning, closures={"m_W": noise_floor})


def test_without_noise_the_exact_closure_leaves_the_absolute_slope():
    drift = mean_drift(analog_sgd, linear(tau=1), BOWL, closures={"m_W": exact(gaussian(0.0))})
    assert same(drift.increments["W"], -alpha * h * ((W - w_star) + abs(W - w_star) * W))


def test_a_closure_for_an_unknown_spot_names_the_known_ones():
    with pytest.raises(ValueError, match="no spot 'm_P' to close; it has: m_W"):
        mean_drift(analog_sgd, closures={"m_P": open_symbol})


# ---- where the step is not affine ------------------------------------------------------------


def test_residual_learning_v2_is_refused_at_its_threshold():
    with pytest.raises(ValueError, match=r"where\(abs\(H\) > threshold.*'d'.*always, at_mean"):
        mean_drift(residual_learning_v2)


def test_residual_learning_v2_without_threshold_and_filter_drifts_as_residual_learning():
    unit = {"filter_rate": 1}
    second = mean_drift(residual_learning_v2, linear, closures={"d": always}, hyper=unit)
    first = mean_drift(residual_learning, linear)
    assert sympy.simplify(second.means["W"] - first.means["W"]) == 0


def test_at_its_mean_the_threshold_stays_a_case_distinction():
    drift = mean_drift(residual_learning_v2, ideal, closures={"d": at_mean})
    transfer = drift.balanced["W"] - W
    theta = sympy.Symbol("theta", nonnegative=True)
    assert transfer.subs({H: Rational(1, 5), theta: Rational(1, 10)}) == beta / 5
    assert transfer.subs({H: Rational(1, 5), theta: Rational(3, 10)}) == 0


NOT_AFFINE = {
    "abs of a draw": (lambda s, p, x, ops: {"W": s.W + abs(ops.noise("read"))}, "abs"),
    "sign of the gradient": (lambda s, p, x, ops: {"W": s.W - ops.sign(x)}, "sign"),
    "exp of the gradient": (lambda s, p, x, ops: {"W": s.W - ops.exp(x)}, "exp"),
    "where on the gradient": (lambda s, p, x, ops: {"W": ops.where(x > 0, s.W, 0.0)}, "where"),
    "product of draws": (lambda s, p, x, ops: {"W": s.W - x * ops.noise("read")}, r"\*"),
    "division by a draw": (lambda s, p, x, ops: {"W": s.W / x}, "W / gradient"),
    "response of a random sign": (
        lambda s, p, x, ops: {"W": ops.pulse.W(s.W, x / ops.response.W(s.W, x))},
        r"response\.W",
    ),
    "second pulse": (
        lambda s, p, x, ops: {"W": ops.pulse.W(ops.pulse.W(s.W, -x), 0.1)},
        r"pulse\.W\(pulse\.W",
    ),
}


@pytest.mark.parametrize("name", NOT_AFFINE)
def test_a_random_number_that_enters_other_than_linearly_is_named(name):
    step, spot = NOT_AFFINE[name]
    with pytest.raises(ValueError, match=f"made-up: .*{spot}.* is not affine"):
        mean_drift(made(step), linear)


def test_an_open_closure_lets_a_spot_stand_for_its_own_mean():
    step = made(lambda s, p, x, ops: {"W": s.W + abs(ops.noise("read"))})
    found = mean_drift(step, closures={"abs(noise('read'))": open_symbol}).increments["W"]
    assert found == real("E[abs(noise('read'))]")


def test_a_closed_spot_is_still_random():
    def step(state, hyper, gradient, ops):
        size = abs(gradient)
        return {"W": state.W + ops.exp(size)}

    with pytest.raises(ValueError, match=r"exp\(size\) is not affine"):
        mean_drift(made(step), closures={"size": open_symbol})


def test_a_draw_used_twice_cancels():
    step = made(lambda s, p, x, ops: {"W": abs(s.W + ops.noise("read") - ops.noise("read"))})
    assert mean_drift(step).means["W"] == sympy.Abs(W)


# ---- the recorder's conditions and sums ------------------------------------------------------


def test_a_periodic_transfer_keeps_its_period():
    def step(state, hyper, gradient, ops):
        return {"W": state.W + ops.where((ops.k % 5) == 0, -hyper.learning_rate * gradient, 0.0)}

    change = mean_drift(made(step), objective=BOWL).increments["W"]
    k = sympy.Symbol("k", integer=True, nonnegative=True)
    assert change.atoms(sympy.Eq) == {sympy.Eq(sympy.Mod(k, 5), 0)}
    assert sympy.expand(change.subs(k, 10) + alpha * h * (W - w_star)) == 0
    assert change.subs(k, 11) == 0


def compensated(state, hyper, gradient, ops):
    """Kahan's sum: the lost part of W + y is kept in H."""
    y = -hyper.learning_rate * gradient - state.H
    total = state.W + y
    return {"W": total, "H": (total - state.W) - y}


def test_a_literal_step_keeps_a_compensated_sum_as_written():
    step = symbolic_step(made(compensated, arrays=(), buffers=("W", "H")), literal=True)
    (lost,) = (value for name, value in step.lines if name.name == "H'")
    assert sympy.sstr(lost, order="none") == "(W' - W) - y"


def test_in_real_arithmetic_a_compensated_sum_has_nothing_to_compensate():
    drift = mean_drift(made(compensated, arrays=(), buffers=("W", "H")), objective=BOWL)
    assert drift.means["H"] == 0
    assert same(drift.means["W"], W - alpha * h * (W - w_star) - H)


def test_a_step_reads_line_by_line_in_the_order_of_the_source():
    names = [name.name for name, _ in symbolic_step(residual_learning_v2).lines]
    assert names == ["P'", "H'", "d", "W'"]


def test_a_compensated_update_is_the_requested_increment():
    step = made(lambda s, p, x, ops: {"W": ops.pulse.W(s.W, x / ops.response.W(s.W, x))})
    for x in (Rational(1, 3), Rational(-1, 3)):
        moved = symbolic_step(step, linear(tau=1, c=0.2), gradient=x).new["W"] - W
        assert same(moved, x)


# ---- print and bad input ---------------------------------------------------------------------


RESULTS = {
    "drift": lambda: mean_drift(residual_learning),
    "step": lambda: symbolic_step(residual_learning_v2),
    "literal step": lambda: symbolic_step(residual_learning, literal=True),
    "fixed points": lambda: fixed_point_equations(mean_drift(residual_learning, linear)),
    "stability": lambda: stability(mean_drift(digital_sgd, objective=BOWL)),
    "implicit objective": lambda: implicit_objective(linear),
    "open objective": implicit_objective,
    "first order": first_order,
}


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_prints_as_aligned_latex(name):
    text = RESULTS[name]().latex()
    assert text.startswith("\\begin{aligned}\n")
    assert text.count("{") == text.count("}")
    assert "&" in text


BAD = {
    "unknown hyper-parameter": (
        lambda: mean_drift(analog_sgd, hyper={"rate": 1}),
        "no hyper-parameter 'rate'",
    ),
    "array without a device": (
        lambda: mean_drift(residual_learning, {"P": linear}),
        "devices were given for P",
    ),
    "not a device": (lambda: mean_drift(analog_sgd, "linear"), "not 'linear'"),
    "coupled objective": (
        lambda: mean_drift(analog_sgd, objective=quadratic([[2.0, 1.0], [1.0, 2.0]])),
        "couples",
    ),
    "device with variation": (
        lambda: mean_drift(analog_sgd, linear(tau=[1.0, 2.0])),
        "tau is an array",
    ),
    "law with a sweep": (lambda: second_moment(law=gaussian([0.1, 0.2])), "is an array"),
    "a weight of one's own": (
        lambda: implicit_objective(linear, sympy.Symbol("w") ** 2),
        "not aimctheory.w",
    ),
    "unknown state": (lambda: stability(mean_drift(digital_sgd), {"P": 0}), "no state 'P'"),
    "always for a pulse": (
        lambda: mean_drift(analog_sgd, closures={"m_W": always}),
        "always is for where",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named_in_one_sentence(name):
    call, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        call()


def test_a_step_that_forgets_a_state_is_refused():
    forgetful = made(lambda s, p, x, ops: {"W": s.W}, buffers=("H",))
    with pytest.raises(ValueError, match="must return a dict with every state once: W, H"):
        mean_drift(forgetful)
