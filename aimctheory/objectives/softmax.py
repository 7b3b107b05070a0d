"""Softmax regression, the objective with real data: one analog layer reads handwritten digits.

For samples (x_i, y_i) with inputs x in R^m and classes 0 … K − 1, a layer W of shape (K, m)
minimises

    f(W) = mean_i [log sum_c exp(W_c x_i) − W_{y_i} x_i] + l2/2 ‖W‖²

The penalty makes f strongly convex, so that the minimiser is unique; Newton's method finds it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from aimctheory.notation import real_numbers
from aimctheory.objectives.record import Array, Constant, Objective

Labels = NDArray[np.intp]
_CHUNK = 64  # replicates whose scores on all samples are held at a time, to bound the memory


def softmax(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    batch: int = 16,
    l2: float = 0.03,
    held_out: tuple[ArrayLike, ArrayLike] | None = None,
) -> Objective:
    """Mean cross-entropy of a softmax layer plus l2/2 ‖W‖², on mini-batches of `batch` samples.

    `features` are (n, m), with a constant column if a bias is wanted; `labels` are the integers
    0 … K − 1; the layer has shape (K, m).  With ``batch=0`` every gradient is the full one.
    `held_out` holds further features and labels, on which `Objective.accuracy` is measured; without
    them it is measured on the training samples.  The smoothness is λ_max(XᵀX/n)/2 + l2: the
    supremum of the Hessian's norm if X has a constant column, else an upper bound.

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
    if not (isinstance(l2, int | float | np.number) and np.isrealobj(l2) and 0 < l2 < np.inf):
        raise ValueError(f"softmax: l2 = {l2!r} is outside (0, ∞); it makes the minimiser unique")
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
        accuracy=functools.partial(_accuracy, x=test_x, y=test_y, classes=classes),
        smoothness=Constant(curvature, "computed"),
        strong_convexity=Constant(float(l2)),
        minimiser=Constant(best, "computed"),
        minimum=Constant(float(layer.value(best)), "computed"),
        samples=len(x),
        batch=int(batch),
        sampling_noise=functools.partial(layer.sampling_noise, batch=int(batch)),
    )


@functools.cache
def softmax_digits(batch: int = 16, l2: float = 0.03, test_fraction: float = 0.2) -> Objective:
    """Softmax regression on the 1797 handwritten digits bundled with scikit-learn.

    There are ten classes and 8 × 8 pixels, scaled to [0, 1], with a constant input beside them: the
    layer has shape (10, 65).  A share `test_fraction` of each class is held out for
    `Objective.accuracy`, evenly over the file's order; nothing is random.  At the default l2 the
    weights of the minimiser are at most 0.73 in size, which fits a device of half-width 1, and the
    minimiser reads 94 % of the held-out digits.

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
    """The function f of one data set, x (n, m) and y (n,), its derivatives and its noise."""

    x: Array
    y: Labels
    classes: int
    l2: float

    def gradient(self, weights: Array, indices: NDArray[np.intp] | None = None) -> Array:
        """∇f (R, D): on the samples `indices` (R, B) of each replicate, or on all samples."""
        layers = _layers(weights, self.classes)
        if indices is None:
            loss_gradient = np.concatenate([self._full(part) for part in _chunks(layers)])
        else:
            x, y = self.x.take(indices, axis=0), self.y.take(indices)  # (R, B, m), (R, B)
            residual = _probabilities(x @ layers.transpose(0, 2, 1))
            residual[(*np.indices(y.shape, sparse=True), y)] -= 1.0
            loss_gradient = residual.transpose(0, 2, 1) @ x / y.shape[1]
        return np.asarray((loss_gradient + self.l2 * layers).reshape(weights.shape))

    def _full(self, layers: Array) -> Array:
        """The full gradient without the penalty, of layers (R, K, m)."""
        count, classes, inputs = layers.shape
        # One matrix product for all layers: R small ones would take longer.
        scores = (self.x @ layers.reshape(-1, inputs).T).reshape(-1, count, classes)
        residual = _probabilities(scores)
        residual[np.arange(len(self.y)), :, self.y] -= 1.0
        gradient = residual.reshape(len(self.y), -1).T @ self.x / len(self.y)
        return np.asarray(gradient.reshape(layers.shape))

    def value(self, weights: Array) -> Array:
        """The values of f at weights (…, D)."""
        layers = _layers(weights, self.classes)
        loss = np.concatenate([self._loss(part) for part in _chunks(layers)])
        penalised = loss + 0.5 * self.l2 * (layers**2).sum(axis=(1, 2))
        return np.asarray(penalised.reshape(np.shape(weights)[:-1]))

    def _loss(self, layers: Array) -> Array:
        scores = self.x @ layers.transpose(0, 2, 1)  # (R, n, K)
        right = scores[:, np.arange(len(self.y)), self.y]
        return np.asarray((logsumexp(scores, axis=-1) - right).mean(axis=1))

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

        No batch is drawn.  The gradient of a batch is the mean of `batch` independent draws from
        the gradients of the samples; the law of their sum is a convolution power (`_mean_abs`),
        from which E|g − ∇f| follows with a relative error of about 1e-4.
        """
        layer = _layers(weights, self.classes)[0]
        if not batch:
            return np.zeros(layer.size), np.zeros(layer.size)
        residual = _probabilities(self.x @ layer.T)
        residual[np.arange(len(self.y)), self.y] -= 1.0
        mean_size = np.empty(layer.shape)
        deviation = np.empty(layer.shape)
        for c in range(self.classes):
            gradients = residual[:, c, None] * self.x  # (n, m), that of each sample
            gradients -= gradients.mean(axis=0)
            deviation[c] = gradients.std(axis=0) / np.sqrt(batch)
            mean_size[c] = [_mean_abs(column, batch) for column in gradients.T]
        return mean_size.ravel(), deviation.ravel()


def _mean_abs(values: Array, batch: int, grid: int = 1023) -> float:
    """E|mean of `batch` draws| from equally likely `values` of mean zero, with replacement.

    The law of one draw is put on `grid` points, and its convolution power taken by a Fourier
    transform.
    """
    low, high = values.min(), values.max()
    if low == high:
        return 0.0
    points = (grid + 1) * batch  # wide enough for the sum, so that nothing wraps around
    width = (high - low) / (grid - 1)
    place = (values - low) / width
    left = place.astype(np.intp)
    share = place - left
    # Each value is shared between its two neighbours on the grid, which keeps the mean.
    law = np.bincount(left, 1 - share, grid + 1) + np.bincount(left + 1, share, grid + 1)
    transform = np.fft.rfft(law / len(values), points)
    total = np.fft.irfft(transform**batch, points)
    return float(np.abs(np.arange(points) * width + batch * low) @ total) / batch


def _newton(layer: _Layer) -> Array:
    """The minimiser by Newton steps, each halved until f falls; its gradient is at rounding level.

    Raises ValueError if 100 steps do not suffice.
    """
    weights = np.zeros(layer.classes * layer.x.shape[1])
    rounding = 1e-13 * max(1.0, np.abs(layer.x).max())
    for _ in range(100):
        gradient = layer.gradient(weights[None])[0]
        if np.linalg.norm(gradient) < rounding:
            return weights
        step = np.linalg.solve(layer.hessian(weights), gradient)
        value = layer.value(weights)
        while layer.value(weights - step) > value + 1e-12:  # 1e-12: rounding of f at the minimum
            step /= 2
        weights = weights - step
    raise ValueError(
        f"softmax: the minimiser was not found in 100 Newton steps with l2 = {layer.l2:g}; scale "
        "the features to about 1, or give a larger l2"
    )


def _samples(features: ArrayLike, labels: ArrayLike, of: str, to: str) -> tuple[Array, Labels, int]:
    """Features, labels and the number of classes, checked; `of` and `to` are what errors say."""
    try:
        x, y = real_numbers(features), np.asarray(labels)
    except ValueError:
        raise ValueError(f"softmax: {of} or {to} are not arrays of real numbers") from None
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
    """The layers in parts of `_CHUNK`."""
    return (layers[i : i + _CHUNK] for i in range(0, len(layers), _CHUNK))


def _probabilities(scores: Array) -> Array:
    """The softmax of scores (…, K)."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))  # at most 1: no overflow
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def _accuracy(weights: ArrayLike, x: Array, y: Labels, classes: int) -> Array:
    """The share of samples whose class has the largest score, for weights (…, D)."""
    layers = _layers(weights, classes)
    right = [((x @ layer.T).argmax(axis=1) == y).mean() for layer in layers]
    return np.reshape(right, np.shape(weights)[:-1])


def _evenly(labels: Labels, fraction: float) -> NDArray[np.bool_]:
    """True for a share `fraction` of each class, evenly over the order given."""
    rank = np.zeros(len(labels))
    for label in np.unique(labels):
        mine = labels == label
        rank[mine] = np.arange(mine.sum())
    return np.asarray(np.floor((rank + 1) * fraction) > np.floor(rank * fraction))
