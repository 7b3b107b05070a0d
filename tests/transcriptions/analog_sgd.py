"""RF25 (2), p. 3, and for the linear response EX24 (3), p. 2, typed from the pages."""


def trajectory(W, grad_f, noises, F, G, alpha):
    """W_k for k = 0, 1, …; RF25 (2)."""
    yield W
    for eps in noises:
        grad = grad_f(W) + eps
        W = W - alpha * grad * F(W) - alpha * abs(grad) * G(W)
        yield W


def trajectory_ex24(W, grad_f, noises, alpha, tau):
    """W_k for k = 0, 1, …; EX24 (3)."""
    yield W
    for eps in noises:
        W = W - alpha * (grad_f(W) + eps) - alpha / tau * abs(grad_f(W) + eps) * W
        yield W
