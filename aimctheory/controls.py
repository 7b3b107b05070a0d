"""Controls: numbers of known mean, measured beside a sample, that explain some of its scatter.

The mean of a sample less what its controls explain is the same mean, with a narrower interval.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aimctheory.statistics import FALSE_ALARM, Estimate, as_number, finite_samples, student

Array = NDArray[np.float64]


def controlled_mean(
    samples: ArrayLike, controls: ArrayLike, *, level: float = FALSE_ALARM
) -> Estimate:
    """The mean over replicates, less what `controls` of known mean zero explain of their scatter.

    The constant of a least-squares fit of the samples by the controls, with its interval: as much
    narrower than that of `replicate_mean` as the fit's residuals are smaller.  Exact for samples
    and controls that are jointly normal; else biased by a share 1/R of what is explained.

    Parameters
    ----------
    samples
        Shape (R, …), one row for each replicate.
    controls
        Shape (k, R, …): k numbers measured in the same replicates, each with expectation 0.

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
    y, x, slopes, inverse = _fit(samples, controls)
    n, free = len(y), len(y) - len(x) - 1
    left = y - np.einsum("...i,ir...->r...", slopes, x)
    shift = x.mean(axis=1)
    spread = np.einsum("i...,...ij,j...->...", shift, inverse, shift)
    variance = np.var(left, axis=0) * n / free * (1 / n + spread)
    width = student(level, free + 1) * np.sqrt(variance)
    method = f"replicates, {len(x)} control{'s' * (len(x) > 1)}"
    return Estimate(as_number(left.mean(axis=0)), as_number(width), level, n, method)


def without(samples: ArrayLike, controls: ArrayLike) -> Array:
    """The samples less what `controls` of known mean zero explain of them; as `controlled_mean`.

    >>> noise = np.array([0.3, -0.2, 0.1, -0.4, 0.2])
    >>> without(1 + 2 * noise, [noise])
    array([1., 1., 1., 1., 1.])
    """
    y, x, slopes, _ = _fit(samples, controls)
    return np.asarray(y - np.einsum("...i,ir...->r...", slopes, x))


def _fit(samples: ArrayLike, controls: ArrayLike) -> tuple[Array, Array, Array, Array]:
    """Samples, controls, the slopes (…, k) of one by the other, and the inverse of their products.

    A control without scatter explains nothing, wherever it lies.
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
    unit = np.where(scatter > 1e-9 * size, scatter, np.inf)  # a fit is blind to units
    scaled = centred / unit[:, None]
    inverse = np.linalg.pinv(np.einsum("ir...,jr...->...ij", scaled, scaled), hermitian=True)
    inverse = inverse / np.einsum("i...,j...->...ij", unit, unit)
    return y, x, np.einsum("...ij,jr...,r...->...i", inverse, centred, y), inverse
