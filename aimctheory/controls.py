"""Control variates: numbers of known mean, measured in the same replicates as a sample.

The sample is fitted by its controls, and the fitted part, whose mean is known, is subtracted.  The
mean stays the same and its interval becomes narrower.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aimctheory.statistics import FALSE_ALARM, Estimate, as_number, finite_samples, student

Array = NDArray[np.float64]


def controlled_mean(
    samples: ArrayLike, controls: ArrayLike, *, level: float = FALSE_ALARM
) -> Estimate:
    """The mean over replicates, with the part subtracted that controls of mean zero explain.

    The mean is the constant of a least-squares fit of the samples by the controls.  Its interval is
    narrower than that of `replicate_mean` in the ratio of the residuals to the samples' scatter.
    Exact where samples and controls are jointly normal; else biased by about 1/R of the part
    explained.

    Parameters
    ----------
    samples
        Shape (R, …), the replicates along the first axis.
    controls
        Shape (k, R, …): k numbers measured in the same replicates, each with expectation 0.
    level
        The probability that the interval misses the mean, on either side.

    Returns
    -------
    Estimate
        Value and half-width have shape (…), or are floats where `samples` has one axis.

    Raises
    ------
    ValueError
        With fewer than k + 2 replicates, for controls of another shape, or an entry that is not
        finite.

    Examples
    --------
    >>> noise = np.array([0.3, -0.2, 0.1, -0.4, 0.2])
    >>> samples = 1 + 2 * noise + [0.01, 0.02, -0.02, 0.0, -0.01]
    >>> from aimctheory.statistics import replicate_mean
    >>> print(replicate_mean(samples, level=0.05))
    1.0 ± 0.7
    >>> print(controlled_mean(samples, [noise], level=0.05))
    1.00 ± 0.03
    """
    y, x, coefficients, inverse = _fit(samples, controls)
    n, free = len(y), len(y) - len(x) - 1
    residuals = y - np.einsum("...i,ir...->r...", coefficients, x)
    # The variance of the constant of a fit is s²·(1/n + x̄ᵀ(XᵀX)⁻¹x̄), with x̄ the controls' means,
    # X the centred controls, and s² the residuals' squares over n − k − 1 degrees of freedom.
    means = x.mean(axis=1)
    leverage = np.einsum("i...,...ij,j...->...", means, inverse, means)
    variance = np.var(residuals, axis=0) * n / free * (1 / n + leverage)
    width = student(level, free) * np.sqrt(variance)
    method = f"replicates, {len(x)} control{'s' * (len(x) > 1)}"
    return Estimate(as_number(residuals.mean(axis=0)), as_number(width), level, n, method)


def without(samples: ArrayLike, controls: ArrayLike) -> Array:
    """The samples with the part subtracted that `controls` explain; as in `controlled_mean`.

    Examples
    --------
    >>> noise = np.array([0.3, -0.2, 0.1, -0.4, 0.2])
    >>> without(1 + 2 * noise, [noise])
    array([1., 1., 1., 1., 1.])
    """
    y, x, coefficients, _ = _fit(samples, controls)
    return np.asarray(y - np.einsum("...i,ir...->r...", coefficients, x))


def _fit(samples: ArrayLike, controls: ArrayLike) -> tuple[Array, Array, Array, Array]:
    """Samples y, controls x, the coefficients (…, k) of the fit, and (XᵀX)⁻¹ of shape (…, k, k).

    X are the centred controls.  A control that is constant explains nothing, whatever its value.
    """
    x = finite_samples(controls, 1, "control")
    y = finite_samples(samples, len(x) + 2, "replicates (two more than controls)")
    if x.shape[1:] != y.shape:
        raise ValueError(
            f"controls of shape {x.shape} do not fit samples of shape {y.shape}; give one array "
            "like the samples for each control"
        )
    centred = x - x.mean(axis=1, keepdims=True)
    scatter = np.sqrt(np.sum(centred**2, axis=1))
    size = np.sqrt(np.sum(x**2, axis=1))
    # Controls may have very different units, so each is scaled to 1 before `pinv`, which drops what
    # is small.  A scatter below 1e-9 of the size is rounding: such a control is scaled to 0.
    unit = np.where(scatter > 1e-9 * size, scatter, np.inf)
    scaled = centred / unit[:, None]
    inverse = np.linalg.pinv(np.einsum("ir...,jr...->...ij", scaled, scaled), hermitian=True)
    inverse = inverse / np.einsum("i...,j...->...ij", unit, unit)
    return y, x, np.einsum("...ij,jr...,r...->...i", inverse, centred, y), inverse
