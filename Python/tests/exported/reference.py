# SPDX-License-Identifier: Apache-2.0
"""The meta-gradient by PyTorch itself: inner steps unrolled, and a second backward pass through them."""

import torch
from torch import nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel


class _Loss(nn.Module):
    def __init__(self, model, loss):
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, *arguments):
        return self.loss(self.model, *arguments)


def meta_gradient(inner, outer, model, eta, train, held_out, update, steps, initial=False):
    """The outer loss and its gradient by `eta`; `update(parameters, gradients, state, eta)` is a step."""
    eta = {name: tensor.detach().clone().requires_grad_() for name, tensor in eta.items()}
    start = {n: p.detach().clone().requires_grad_() for n, p in model.named_parameters()}
    theta = dict(eta) if initial else start
    inner, outer = _Loss(model, inner), _Loss(model, outer)
    state = None
    # PyTorch's fused attention has no second derivative.
    with sdpa_kernel(SDPBackend.MATH):
        for _ in range(steps):
            named = {f"model.{name}": tensor for name, tensor in theta.items()}
            loss = functional_call(inner, named, (eta, *train))
            gradients = torch.autograd.grad(loss, list(theta.values()), create_graph=True)
            theta, state = update(theta, dict(zip(theta, gradients)), state, eta)
        named = {f"model.{name}": tensor for name, tensor in theta.items()}
        loss = functional_call(outer, named, (eta, *held_out))
        gradients = torch.autograd.grad(loss, list(eta.values()))
    return loss.detach(), dict(zip(eta, gradients))


def sgd(rate):
    """An update of plain gradient descent; `rate` is a number or a function of `eta`."""

    def update(theta, gradients, state, eta):
        step = rate(eta) if callable(rate) else rate
        return {name: theta[name] - step * gradients[name] for name in theta}, None

    return update


def differences(inner, outer, model, eta, train, held_out, kind, settings, steps, step=1e-4):
    """The gradient of the outer loss by `eta` from differences of whole runs of an optimiser of `torch.optim`:
    central ones at two distances, extrapolated, with an error of the fourth power of the distance."""

    def value(eta):
        parameters = {n: p.detach().clone().requires_grad_() for n, p in model.named_parameters()}
        optimizer = kind(parameters.values(), **settings)
        named = {f"model.{name}": tensor for name, tensor in parameters.items()}
        for _ in range(steps):
            optimizer.zero_grad()
            functional_call(_Loss(model, inner), named, (eta, *train)).backward()
            optimizer.step()
        with torch.no_grad():
            return functional_call(_Loss(model, outer), named, (eta, *held_out))

    gradients = {name: torch.zeros_like(tensor) for name, tensor in eta.items()}
    for name, tensor in eta.items():
        for place in range(tensor.numel()):
            slopes = []
            for distance in (step, 2 * step):
                moved = []
                for sign in (1, -1):
                    other = tensor.clone()
                    other.view(-1)[place] += sign * distance
                    moved.append(value({**eta, name: other}))
                slopes.append((moved[0] - moved[1]) / (2 * distance))
            gradients[name].view(-1)[place] = (4 * slopes[0] - slopes[1]) / 3
    return gradients
