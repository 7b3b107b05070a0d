"""exp, log, real powers, sign and the branch-free select, with the same bits in NumPy and in Numba.

The platform's mathematical library gives other last bits than NumPy's own loops, and a call to it
keeps a loop from being vectorised.  Both engines therefore evaluate these polynomials.  Each
function is written once, for a NumPy array and for a scalar inside a compiled loop, from additions,
multiplications, divisions and bit patterns.  There is no branch (`where` computes both sides) and
no fused multiply-add.  Zeros, negatives, infinities, NaN, overflow and underflow give what NumPy
gives, without NumPy's warnings.

    log x = k log 2 + 2 atanh(s),  x = 2^k m,  1/2 <= m^2 < 2,  s = (m - 1)/(m + 1)
    exp x = 2^k exp(r),  |r| <= log(2)/2          x^y = exp(y log x), log x in two parts

Relative errors: below 4e-16 for exp and log and below 4e-16 + 4e-18 |y| for x^y, whenever x is at
least 1e-6 away from 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Lanes = Any
"""A NumPy array in the reference reading, one scalar in the compiled one."""

_INF = np.inf
_MAX_EXPONENT = 710.0  # exp of it overflows
_MIN_EXPONENT = -746.0  # exp of it rounds to zero
_HUGE = 1e200
_HALF_SCALED_MAX = (2.0 - 2.0**-52) * 2.0**511  # times 2^512 it is the largest double
_TINY = 2.0**-1022  # the smallest normal number
_LOG2_E = 1.4426950408889634
# Products of an integer below 2^11 and these leading parts of log 2 are exact.
_LOG_2_HIGH, _LOG_2_LOW = 0.6931471806019545, -4.2009150726810846e-11
_LOG_2_SHORT, _LOG_2_REST = 0.6931471824645996, -1.904654299957768e-09
# t = x + _TO_INTEGER rounds x to an integer n and holds n + 2046 in its lowest bits.
_TO_INTEGER = 1.5 * 2.0**52 + 2046.0
_TO_GRID = 1.5 * 2.0**26  # the same for multiples of 2^-26

_SIGN_BIT = np.uint64(1 << 63)
_FRACTION_BITS = np.uint64((1 << 52) - 1)
_LEADING_28_BITS = np.uint64((1 << 64) - (1 << 25))
_LEADING_18_BITS = np.uint64((1 << 64) - (1 << 35))
_SQRT_HALF = np.uint64(0x3FE6A09E667F3BCD)
_ONE_LESS_SQRT_HALF = np.uint64(0x3FF0000000000000 - 0x3FE6A09E667F3BCD)
_TWO_TO_52 = np.uint64(0x4330000000000000)
_EXPONENT = np.uint64(52)


def where(condition: Lanes, a: Lanes, b: Lanes) -> Lanes:
    """``a`` where the condition holds and ``b`` elsewhere; both are computed.

    >>> where(np.array([True, False]), 1.0, 2.0)
    array([1., 2.])
    """
    chosen: Lanes = np.where(condition, a, b)
    return chosen[()]  # a scalar rather than an array without axes


def sign(x: Lanes) -> Lanes:
    """-1, 0 or 1 with the sign of x; NaN stays NaN.

    >>> sign(np.array([-2.0, -0.0, 5e-324]))
    array([-1.,  0.,  1.])
    """
    return where(x > 0.0, 1.0, where(x < 0.0, -1.0, where(x == 0.0, 0.0, x)))


def exp(x: Lanes) -> Lanes:
    """e^x, with gradual underflow.

    >>> exp(np.array([-np.inf, 0.0, 1.0, 710.0]))
    array([0.        , 1.        , 2.71828183,        inf])
    """
    inside = where(x < _MIN_EXPONENT, _MIN_EXPONENT, where(x > _MAX_EXPONENT, _MAX_EXPONENT, x))
    rounded = inside * _LOG2_E + _TO_INTEGER
    k = rounded - _TO_INTEGER
    r = (inside - k * _LOG_2_HIGH) - k * _LOG_2_LOW
    return _scaled_exp(r, rounded)


def log(x: Lanes) -> Lanes:
    """The natural logarithm: -inf at zero, NaN below.

    >>> log(np.array([-1.0, 0.0, 1.0, np.inf]))
    array([ nan, -inf,   0.,  inf])
    """
    high, low = _log_parts(np.abs(x))
    value = where(x < _INF, high + low, _INF)
    return where(x > 0.0, value, where(x == 0.0, -_INF, np.nan))


def power(x: Lanes, y: Lanes) -> Lanes:
    """x^y for real x and y, as C99 and NumPy have it: NaN for x < 0 unless y is whole.

    >>> power(np.array([2.0, -2.0, -2.0, 0.0]), np.array([0.5, 3.0, 0.5, -1.0]))
    array([ 1.41421356, -8.        ,         nan,         inf])
    """
    size, half = np.abs(x), y * 0.5
    base = where(np.floor(y) == y, size, x)
    high, low = _log_parts(size)
    high = where(base > 0.0, high, where(base == 0.0, -_HUGE, np.nan))
    high = where(size == _INF, _HUGE, high)
    result = _exp_of_product(y, high, low)

    odd = (np.floor(y) == y) & (np.floor(half) != half)
    sign_of_x = np.uint64(np.float64(x).view(np.uint64) & _SIGN_BIT)
    bits = np.float64(result).view(np.uint64) | where(odd, sign_of_x, np.uint64(0))
    return where((x == 1.0) | (y == 0.0), 1.0, np.uint64(bits).view(np.float64))


def _exp_of_product(y: Lanes, high: Lanes, low: Lanes) -> Lanes:
    """exp(y (high + low)), where ``high`` has at most 35 leading bits."""
    # 1e27 stands for all larger exponents and 1e-30 for all smaller ones, which give the same
    # powers, because the infinite one would make inf - inf and zero 0 * inf.
    small = where(y < 0.0, -1e-30, 1e-30)
    y = where(y > 1e27, 1e27, where(y < -1e27, -1e27, where(np.abs(y) < 1e-30, small, y)))
    leading = np.uint64(np.float64(y).view(np.uint64) & _LEADING_18_BITS).view(np.float64)
    product = leading * high  # exact
    correction = (y - leading) * high + y * low
    total = product + correction
    below, above = total < _MIN_EXPONENT, total > _MAX_EXPONENT
    inside = where(below, _MIN_EXPONENT, where(above, _MAX_EXPONENT, total))
    rounded = inside * _LOG2_E + _TO_INTEGER
    k = rounded - _TO_INTEGER
    r = ((product - k * _LOG_2_HIGH) - k * _LOG_2_LOW) + correction
    return _scaled_exp(where(below | above, 0.0, r), rounded)


def _log_parts(x: Lanes) -> tuple[Lanes, Lanes]:
    """Two parts of log x for 0 < x < inf, the first a multiple of 2^-25; finite for other x."""
    normal = x * where(x < _TINY, 2.0**54, 1.0)
    bits = np.uint64(np.float64(normal).view(np.uint64) + _ONE_LESS_SQRT_HALF)
    exponent = np.uint64((bits >> _EXPONENT) | _TWO_TO_52).view(np.float64)
    k = exponent - where(x < _TINY, 2.0**52 + 1077.0, 2.0**52 + 1023.0)
    m_bits = np.uint64(np.uint64(bits & _FRACTION_BITS) + _SQRT_HALF)
    m, m_high = m_bits.view(np.float64), np.uint64(m_bits & _LEADING_28_BITS).view(np.float64)
    f, reciprocal = m - 1.0, 1.0 / (m + 1.0)
    s = f * reciprocal
    # s = grid + rest with the remainder of that division, f - grid (1 + m), free of rounding.
    grid = (s + _TO_GRID) - _TO_GRID
    rest = (((f - grid) - grid * m_high) - grid * (m - m_high)) * reciprocal

    # 2 atanh(s) = 2 s + z s (2/3 + 2/5 z + ...), to 1.3e-18 relative for |m| within its bounds.
    z = s * s
    zz = z * z
    first = (0.6666666666666734 + z * 0.39999999999414326) + zz * (
        0.2857142874247384 + z * 0.22222198563570503
    )
    second = (0.18183564862737678 + z * 0.15314035926270983) + zz * 0.1479610463708204
    series = (s * z) * (first + (zz * zz) * second)
    return k * _LOG_2_SHORT + 2.0 * grid, 2.0 * rest + (k * _LOG_2_REST + series)


def _scaled_exp(r: Lanes, rounded: Lanes) -> Lanes:
    """2^k exp(r) for |r| <= 0.35, where ``rounded`` is k + _TO_INTEGER and -1077 <= k <= 1024.

    Two factors 2^(k // 2) and 2^(k - k // 2), since 2^k itself may be out of range; the bias of
    ``rounded`` is twice that of an exponent, so that halving it leaves the right one.
    """
    # exp(r) = 1 + r + r^2 (1/2 + r/6 + ...), to 3.7e-18 relative.
    rr = r * r
    rrrr = rr * rr
    first = (0.5000000000000011 + r * 0.1666666666666641) + rr * (
        0.041666666666529725 + r * 0.008333333333494987
    )
    second = (0.001388888894376021 + r * 0.00019841269505750853) + rr * (
        2.4801492949463016e-05 + r * 2.7557586826456074e-06
    )
    third = 2.7630306292627637e-07 + r * 2.500001120812371e-08
    value = 1.0 + (r + rr * ((first + rrrr * second) + (rrrr * rrrr) * third))

    bits = np.float64(rounded).view(np.uint64)
    half = np.uint64(bits >> np.uint64(1))
    value = value * np.uint64(half << _EXPONENT).view(np.float64)
    scale = np.uint64(np.uint64(bits - half) << _EXPONENT).view(np.float64)
    # Only the largest k can overflow; NumPy would say so if it were left to the product.
    overflow = value > _HALF_SCALED_MAX
    return where(overflow, _INF, where(overflow, _HALF_SCALED_MAX, value) * scale)


KERNEL_FUNCTIONS = (sign, _scaled_exp, _log_parts, _exp_of_product, exp, log, power)
"""The functions that Numba compiles as they stand; `numba_rules` compiles `where` to a select."""
