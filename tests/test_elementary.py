"""Elementary functions: equal bits in both readings, accuracy by mpmath, special values by NumPy.

Everything here is deterministic: the points are drawn once from fixed seeds.
"""

from __future__ import annotations

import platform
import warnings

import mpmath
import numba
import numpy as np
import pytest
from numba.extending import overload, register_jitable

from aimctheory.tree import elementary
from aimctheory.tree.elementary import exp, log, power, sign, where


@overload(where, jit_options={"forceinline": True})
def _select(condition, a, b):
    return lambda condition, a, b: a if condition else b


for _function in elementary.KERNEL_FUNCTIONS:
    register_jitable(forceinline=True)(_function)


def compiled(function):
    """A loop over an elementary function of two arguments, as a kernel would contain it."""

    @numba.njit(error_model="numpy")
    def loop(x, y, out, n):
        for j in range(n):
            out[j] = function(x[j], y[j])

    return loop


COMPILED = {
    exp: compiled(register_jitable(lambda x, y: exp(x))),
    log: compiled(register_jitable(lambda x, y: log(x))),
    sign: compiled(register_jitable(lambda x, y: sign(x))),
    power: compiled(power),
}
every_function = pytest.mark.parametrize("function", COMPILED, ids=lambda f: f.__name__)


LARGEST, SMALLEST, TINY = np.finfo(float).max, 5e-324, 2.0**-1022
# fmt: off
MAGNITUDES = np.array([
    0, SMALLEST, 1e-310, np.nextafter(TINY, 0), TINY, 1e-300, 1e-31, 1e-30, 1e-17, 0.5,
    np.nextafter(1, 0), 1, np.nextafter(1, 2), 1.5, 2, 3, 709.782712893384, 709.7827128933841,
    745.1332191019411, 745.1332191019412, 745.2, 746, 1000, 1022, 1023, 1024, 1074, 1075,
    2.0**52 + 1, 2.0**53 - 1, 2.0**53, 2.0**54, 1e18, 1e19, 1e27, 1e28, 1e300, LARGEST,
    np.inf, np.nan,
])
# fmt: on
SPECIAL = np.concatenate([MAGNITUDES, -MAGNITUDES])


def drawn(seed: int, low: float, high: float, n: int = 1500) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, high, n)


def away_from_one(seed: int, n: int = 1500) -> np.ndarray:
    """Numbers 1 +- d with d spread evenly in magnitude over [1e-6, 0.7]."""
    return 1.0 + np.sign(drawn(seed, -1.0, 1.0, n)) * 10.0 ** drawn(seed + 1, -6.0, -0.155, n)


def relative_error(computed: np.ndarray, exact: list[mpmath.mpf]) -> np.ndarray:
    pairs = zip(computed.tolist(), exact, strict=True)
    return np.array([float(abs(mpmath.mpf(value) / truth - 1)) for value, truth in pairs])


def exactly(function, *points: np.ndarray) -> list[mpmath.mpf]:
    with mpmath.workdps(40):
        columns = [[mpmath.mpf(value) for value in column.tolist()] for column in points]
        return [function(*row) for row in zip(*columns, strict=True)]


def same_special_values(ours, numpys, *points: np.ndarray) -> None:
    """Both agree in every zero (with its sign), infinity and NaN, and ours does not warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = ours(*points)
    with np.errstate(all="ignore"):
        expected = numpys(*points)
    ordinary = np.isfinite(expected) & (expected != 0.0)
    np.testing.assert_array_equal(got[~ordinary], expected[~ordinary])
    zero = expected == 0.0
    np.testing.assert_array_equal(np.signbit(got[zero]), np.signbit(expected[zero]))
    assert np.all(np.isfinite(got[ordinary]) & (got[ordinary] != 0.0))


# ---- accuracy -------------------------------------------------------------------------------


@pytest.mark.parametrize(("low", "high"), [(-708.0, 709.7), (-2.0, 2.0), (-1e-9, 1e-9)])
def test_exp_is_accurate(low, high):
    x = drawn(1, low, high)
    assert relative_error(exp(x), exactly(mpmath.exp, x)).max() < 4e-16


def test_exp_underflows_gradually():
    x = drawn(2, -745.2, -708.4, 100_000)
    assert np.abs(exp(x) - np.exp(x)).max() <= SMALLEST


@pytest.mark.parametrize(
    "x",
    [
        pytest.param(2.0 ** drawn(3, -1073.0, 1023.0), id="all magnitudes"),
        pytest.param(drawn(4, 0.5, 2.0), id="around one"),
        pytest.param(1.0 + 10.0 ** drawn(5, -15.0, -1.0), id="just above one"),
        pytest.param(1.0 - 10.0 ** drawn(6, -15.0, -1.0), id="just below one"),
        pytest.param(np.sqrt(0.5) + drawn(7, -1e-3, 1e-3), id="where the exponent changes"),
    ],
)
def test_log_is_accurate(x):
    assert relative_error(log(x), exactly(mpmath.log, x)).max() < 4e-16


@pytest.mark.parametrize(
    ("x", "y"),
    [
        pytest.param(drawn(8, 1e-6, 4.0), drawn(9, -10.0, 10.0), id="small bases and exponents"),
        pytest.param(away_from_one(10), drawn(12, -10.0, 10.0), id="bases near one"),
        pytest.param(1 - 10.0 ** drawn(13, -6.0, 0.0), drawn(14, 0.1, 5.0), id="a power response"),
    ],
)
def test_power_is_accurate_to_the_last_bits_where_responses_use_it(x, y):
    assert relative_error(power(x, y), exactly(mpmath.power, x, y)).max() < 4e-16


@pytest.mark.parametrize(
    "x",
    [
        pytest.param(away_from_one(15), id="bases near one"),
        pytest.param(np.sqrt(2.0) + drawn(16, -1e-3, 1e-3), id="where the exponent changes"),
        pytest.param(2.0 ** drawn(17, -1022.0, 1023.0), id="all magnitudes"),
    ],
)
def test_power_is_accurate_up_to_the_ends_of_the_range(x):
    y = drawn(18, -690.0, 690.0) / np.log(x)
    error = relative_error(power(x, y), exactly(mpmath.power, x, y))
    assert np.all(error < 4e-16 + 4e-18 * np.abs(y))


# ---- special values -------------------------------------------------------------------------


def test_exp_has_the_special_values_of_numpy():
    same_special_values(exp, np.exp, SPECIAL)


def test_log_has_the_special_values_of_numpy():
    same_special_values(log, np.log, SPECIAL)


def test_power_has_the_special_values_of_numpy():
    x, y = np.meshgrid(SPECIAL, SPECIAL)
    same_special_values(power, np.power, x.ravel(), y.ravel())


def test_powers_of_negative_bases_carry_the_sign_of_numpy():
    x, y = np.meshgrid(-drawn(19, 0.1, 3.0, 20), np.arange(-9.0, 10.0))
    np.testing.assert_array_equal(np.sign(power(x, y)), np.sign(np.power(x, y)))


def test_sign_is_that_of_numpy():
    same_special_values(sign, np.sign, SPECIAL)
    np.testing.assert_array_equal(sign(SPECIAL), np.sign(SPECIAL))


def test_the_largest_power_of_two_overflows_and_the_number_below_does_not():
    assert power(2.0, 1024.0) == np.inf
    assert power(LARGEST, 1.0) == LARGEST


def test_scalars_give_what_arrays_give():
    x, y = 1.7, -2.3
    scalars = [exp(x), log(x), power(x, y), sign(x), where(x > y, x, y)]
    one, two = np.array([x]), np.array([y])
    arrays = [exp(one), log(one), power(one, two), sign(one), where(one > two, one, two)]
    assert scalars == [array[0] for array in arrays]
    assert all(np.ndim(value) == 0 and not isinstance(value, np.ndarray) for value in scalars)


# ---- the compiled reading -------------------------------------------------------------------


def same_bits_in_both_readings(function, x: np.ndarray, y: np.ndarray) -> bool:
    """Whether NumPy and the compiled loop agree in every bit, taking any NaN for any other."""
    one, two = np.empty(x.size), function(x, y) if function is power else function(x)
    COMPILED[function](x, y, one, x.size)
    numbers = ~(np.isnan(one) & np.isnan(two))
    return np.array_equal(one[numbers].view(np.uint64), two[numbers].view(np.uint64))


@every_function
def test_the_compiled_reading_has_the_same_bits_at_ordinary_numbers(function):
    x = np.concatenate([drawn(20, -800.0, 800.0, 100_000), drawn(21, 0.0, 4.0, 100_000)])
    assert same_bits_in_both_readings(function, x, drawn(22, -20.0, 20.0, x.size))


@every_function
def test_the_compiled_reading_has_the_same_bits_at_all_magnitudes(function):
    bits = np.random.default_rng(23).integers(2**64, size=(2, 200_000), dtype=np.uint64)
    x, y = np.where(bits << np.uint64(1) > np.uint64(0xFFE << 52), 1.0, bits.view(np.float64))
    assert same_bits_in_both_readings(function, x, y)


@every_function
def test_the_compiled_reading_has_the_same_bits_at_special_values(function):
    x, y = np.meshgrid(SPECIAL, SPECIAL)
    assert same_bits_in_both_readings(function, x.ravel(), y.ravel())


@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="reads x86 instructions")
@pytest.mark.parametrize("function", [exp, log, power], ids=lambda f: f.__name__)
def test_the_compiled_loop_is_vectorised_and_fuses_nothing(function):
    COMPILED[function](np.ones(1), np.ones(1), np.ones(1), 1)
    (assembly,) = COMPILED[function].inspect_asm().values()
    assert "mulpd" in assembly
    assert "addpd" in assembly
    assert "fmadd" not in assembly
