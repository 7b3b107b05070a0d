"""EX24 (2), p. 2, typed from the page."""


def trajectory(W, grad_f, noises, alpha):
    """W_k for k = 0, 1, …; `noises` yields the ε_k."""
    yield W
    for eps in noises:
        W = W - alpha * (grad_f(W) + eps)
        yield W
