"""Softmax regression, and with it the real input: handwritten digits read by one analog layer.

For samples (x_i, y_i) with inputs x in R^m and classes 1 … K, a layer W of shape (K, m) minimises

    f(W) = mean_i [log sum_c exp(W_c x_i) − W_{y_i} x_i] + l2/2 ‖W‖²

The penalty makes f strongly convex, so that the minimiser, found by Newton's method, is unique.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aimctheory.objectives.record import Array, Constant, Objective

Labels = NDArray[np.intp]
_CHUNK = 64  # replicates whose full gradients are taken together, to bound the memory


def softmax(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    batch: int = 16,
    l2: float = 0.03,
    held_out: tuple[ArrayLike, ArrayLike] | None = None,
) -> Objective:
    """Mean cross-entropy of a softmax layer plus l2/2 ‖W‖², on mini-batches of `batch` samples.

    `features` are (n, m), a constant column included if a bias is wanted; `labels` are the
    integers 0 … K − 1, and the layer has shape (K, m).  With ``batch=0`` every gradient is the full
    one.  `held_out`, further features and labels, is what `Objective.accuracy` is measured on
    (without it, the training samples).  Smoothness is λ_max(XᵀX/n)/2 + l2, the supremum of the
    Hessian's norm where a constant column exists, and an upper bound otherwise.

    Raises ValueError for features and labels that do not fit, fewer than two classes, a batch that
    is not a whole number or an l2 that is not positive.

    >>> line = softmax([[-1.0, 1.0], [1.0, 1.0]], [0, 1], l2=0.1)
    >>> line.shape, line.strong_convexity.value
    ((2, 2), 0.1)
    >>> line.accuracy(line.minimiser.value)
    array(1.)
    """
    x, y, classes = _samples(features, labels, "features", "labels")
    if isinstance(batch, bool) or not isinstance(batch, int | np.integer) or batch < 0:
        raise ValueError(f"softmax: batch = {batch!r} is not an integer in [0, ∞); 0 takes all")
    if not (np.ndim(l2) == 0 and 0 < l2 < np.inf):
        raise ValueError(f"softmax: l2 = {l2} is outside (0, ∞); it makes the minimiser unique")
    test_x, test_y = x, y
    if held_out is not None:
        test_x, test_y, _ = _samples(*held_out, "held-out features", "held-out labels")
        if test_x.shape[1] != x.shape[1] or test_y.max() >= classes:
            raise ValueError(
                f"softmax: held-out samples have {test_x.shape[1]} inputs and classes up to "
                f"{test_y.max()}; the layer has {x.shape[1]} inputs and classes below {classes}"
            )
    layer = _Layer(x, y, classes, float(l2))
    best = _newton(layer)
    curvature = 0.5 * float(np.linalg.eigvalsh(x.T @ x / len(x))[-1]) + float(l2)
    return Objective(
        id="softmax",
        title="softmax regression",
        shape=(classes, x.shape[1]),
        elementwise=False,
        gradient=layer.gradient,
        value=layer.value,
        hessian=layer.hessian,
        accuracy=lambda weights: _accuracy(weights, test_x, test_y, classes),
        smoothness=Constant(curvature, "computed"),
        strong_convexity=Constant(float(l2)),
        minimiser=Constant(best, "computed"),
        minimum=Constant(float(layer.value(best)), "computed"),
        samples=len(x),
        batch=int(batch),
        sampling_noise=lambda weights: layer.sampling_noise(weights, int(batch)),
    )


@functools.cache
def softmax_digits(batch: int = 16, l2: float = 0.03, test_fraction: float = 0.2) -> Objective:
    """Softmax regression on the 1797 handwritten digits bundled with scikit-learn.

    Ten classes of 8 × 8 pixels, scaled to [0, 1], and a constant input: a layer of shape (10, 65).
    In each class, samples spread evenly over the file's order are held out for
    `Objective.accuracy`; nothing is random.  At the default l2 no weight of the minimiser exceeds
    0.73 in size, inside a device of half-width 1, and it reads 94 % of the held-out digits.

    Raises ValueError for a `test_fraction` outside [0.01, 0.9], and as `softmax` does.

    >>> digits = softmax_digits()
    >>> digits.shape, digits.samples
    ((10, 65), 1442)
    """
    if not 0.01 <= test_fraction <= 0.9:
        raise ValueError(f"softmax_digits: test_fraction = {test_fraction} is outside [0.01, 0.9]")
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    features = np.column_stack([pixels / 16.0, np.ones(len(pixels))])
    test = _evenly(labels, test_fraction)
    return softmax(
        features[~test], labels[~test], batch=batch, l2=l2, held_out=(features[test], labels[test])
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Layer:
    """f, its derivatives and its sampling noise for one data set: x (n, m), y (n,), K classes."""

    x: Array
    y: Labels
    classes: int
    l2: float

    def gradient(self, weights: Array, rows: NDArray[np.intp] | None = None) -> Array:
        """∇f of every replicate on its own mini-batch, or on all samples."""
        layers = _layers(weights, self.classes)
        if rows is None:
            slope = np.concatenate([self._full(part) for part in _chunks(layers)])
        else:
            x, y = self.x.take(rows, axis=0), self.y.take(rows)  # (R, B, m), (R, B)
            residual = _probabilities(x @ layers.transpose(0, 2, 1))
            residual[(*np.indices(y.shape, sparse=True), y)] -= 1.0
            slope = residual.transpose(0, 2, 1) @ x / y.shape[1]
        return np.asarray((slope + self.l2 * layers).reshape(weights.shape))

    def _full(self, layers: Array) -> Array:
        """The full gradient without the penalty for some layers (R, K, m), as one product."""
        count, classes, inputs = layers.shape
        scores = (self.x @ layers.reshape(-1, inputs).T).reshape(-1, count, classes)
        residual = _probabilities(scores)
        residual[np.arange(len(self.y)), :, self.y] -= 1.0
        slope = residual.reshape(len(self.y), -1).T @ self.x / len(self.y)
        return np.asarray(slope.reshape(layers.shape))

    def value(self, weights: Array) -> Array:
        """F for weights (…, D)."""
        layers = _layers(weights, self.classes)
        loss = np.concatenate([self._loss(part) for part in _chunks(layers)])
        penalised = loss + 0.5 * self.l2 * (layers**2).sum(axis=(1, 2))
        return np.asarray(penalised.reshape(np.shape(weights)[:-1]))

    def _loss(self, layers: Array) -> Array:
        scores = self.x @ layers.transpose(0, 2, 1)  # (R, n, K)
        largest = scores.max(axis=-1)
        total = np.exp(scores - largest[..., None]).sum(axis=-1)
        right = scores[:, np.arange(len(self.y)), self.y]
        return np.asarray((np.log(total) + largest - right).mean(axis=1))

    def hessian(self, weights: Array) -> Array:
        """The (D, D) Hessian at weights (D,)."""
        layer = _layers(weights, self.classes)[0]
        shares = _probabilities(self.x @ layer.T)
        weighted = (shares[:, :, None] * self.x[:, None, :]).reshape(len(self.x), -1)
        result = -(weighted.T @ weighted) / len(self.x)
        inputs = self.x.shape[1]
        for c in range(self.classes):
            own = slice(c * inputs, (c + 1) * inputs)
            result[own, own] += (self.x.T * shares[:, c]) @ self.x / len(self.x)
        result[np.diag_indices(layer.size)] += self.l2
        return np.asarray(result)

    def sampling_noise(self, weights: Array, batch: int) -> tuple[Array, Array]:
        """E|g − ∇f| and the standard deviation of g, each (D,), of mini-batches with replacement.

        Both are expectations, not estimates: the mean of a batch is a sum of `batch` independent
        draws from the samples, whose law is a convolution power (`_mean_abs`, to about 1e-4 of it).
        """
        layer = _layers(weights, self.classes)[0]
        if not batch:
            return np.zeros(layer.size), np.zeros(layer.size)
        residual = _probabilities(self.x @ layer.T)
        residual[np.arange(len(self.y)), self.y] -= 1.0
        size = np.empty(layer.shape)
        spread = np.empty(layer.shape)
        for c in range(self.classes):
            slopes = residual[:, c, None] * self.x  # (n, m), the gradient of each sample
            slopes -= slopes.mean(axis=0)
            spread[c] = slopes.std(axis=0) / np.sqrt(batch)
            size[c] = [_mean_abs(column, batch) for column in slopes.T]
        return size.ravel(), spread.ravel()


def _mean_abs(values: Array, batch: int, cells: int = 1023) -> float:
    """E|mean of `batch` draws| from equally likely `values` of mean zero, with replacement.

    The law of one draw is put on a grid (each value shared between its two neighbours, which keeps
    the mean), and raised to its convolution power by a Fourier transform wide enough for the sum.
    """
    low, high = values.min(), values.max()
    if low == high:
        return 0.0
    points = (cells + 1) * batch
    width = (high - low) / (cells - 1)
    place = (values - low) / width
    left = place.astype(np.intp)
    share = place - left
    law = np.bincount(left, 1 - share, cells + 1) + np.bincount(left + 1, share, cells + 1)
    transform = np.fft.rfft(law / len(values), points)
    total = np.fft.irfft(transform**batch, points)
    return float(np.abs(np.arange(points) * width + batch * low) @ total) / batch


def _newton(layer: _Layer) -> Array:
    """The minimiser, its gradient norm at rounding level, by Newton steps halved until f falls."""
    weights = np.zeros(layer.classes * layer.x.shape[1])
    rounding = 1e-13 * max(1.0, np.abs(layer.x).max())
    for _ in range(100):
        slope = layer.gradient(weights[None])[0]
        if np.linalg.norm(slope) < rounding:
            return weights
        step = np.linalg.solve(layer.hessian(weights), slope)
        value = layer.value(weights)
        while layer.value(weights - step) > value + 1e-12:
            step /= 2
        weights = weights - step
    raise ValueError(
        f"softmax: the minimiser was not found in 100 Newton steps with l2 = {layer.l2:g}; scale "
        "the features to about 1, or give a larger l2"
    )


def _samples(features: ArrayLike, labels: ArrayLike, of: str, to: str) -> tuple[Array, Labels, int]:
    x, y = np.asarray(features, dtype=float), np.asarray(labels)
    if x.ndim != 2 or y.shape != x.shape[:1] or not x.size or not np.isfinite(x).all():
        raise ValueError(
            f"softmax: {of} {x.shape} and {to} {y.shape} do not fit; give finite numbers (samples, "
            "inputs) and one label per sample"
        )
    if not (np.issubdtype(y.dtype, np.integer) and y.min() >= 0):
        raise ValueError(f"softmax: {to} are not integers in [0, ∞); number the classes 0, 1, …")
    classes = int(y.max()) + 1
    if to == "labels" and classes < 2:
        raise ValueError("softmax: labels name one class; a choice needs two or more")
    return x, y.astype(np.intp), classes


def _layers(weights: ArrayLike, classes: int) -> Array:
    """Flat weights (…, D) as a stack of layers (R, K, m)."""
    array = np.asarray(weights, dtype=float)
    return array.reshape(-1, classes, array.shape[-1] // classes)


def _chunks(layers: Array) -> Iterator[Array]:
    return (layers[i : i + _CHUNK] for i in range(0, len(layers), _CHUNK))


def _probabilities(scores: Array) -> Array:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def _accuracy(weights: ArrayLike, x: Array, y: Labels, classes: int) -> Array:
    """The share of samples whose class has the largest score, for weights (…, D)."""
    layers = _layers(weights, classes)
    right = [((x @ layer.T).argmax(axis=1) == y).mean() for layer in layers]
    return np.reshape(right, np.shape(weights)[:-1])


def _evenly(labels: Labels, fraction: float) -> NDArray[np.bool_]:
    """True for `fraction` of each class, evenly spread in the order given."""
    rank = np.zeros(len(labels))
    for label in np.unique(labels):
        mine = labels == label
        rank[mine] = np.arange(mine.sum())
    return np.asarray(np.floor((rank + 1) * fraction) > np.floor(rank * fraction))
