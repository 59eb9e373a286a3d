"""Matrix products of networks whose bits do not depend on who made the processor.

On a CPU torch leaves them to MKL, which takes other kernels on AMD than on Intel: for 240 and 256 columns, say, and for
fewer than four rows, the last bits differ, and AMD processors ignore MKL_CBWR. oneDNN writes its code for the
instruction set alone, whoever made the processor and however large its caches are; torch reaches it by
convolutions, and a 1×1 convolution is a matrix product. It takes the same time.
"""

from typing import Any

import torch
from torch import Tensor, nn

#: Tokens of a batch of titles at least: attention over fewer multiplies matrices that MKL treats as above.
MIN_TOKENS = 16


def multiply(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """rows · weightᵀ + bias, for (…, k), (n, k) and (n,) -> (…, n); gradients flow. On the CPU in float32 by oneDNN."""
    if not _by_onednn(rows):
        return nn.functional.linear(rows, weight, bias)
    flat = rows.reshape(-1, rows.shape[-1])
    if torch.is_grad_enabled():
        product: Tensor = _Product.apply(flat, weight)
        product = product if bias is None else product + bias
    else:  # the bias has a pass of its own above, to the same bits
        product = _product(flat, weight, bias)
    return product.view(*rows.shape[:-1], len(weight))


def use_portable_products(module: nn.Module) -> None:
    """Make the linear layers and 1×1 convolutions of `module` compute as `multiply` does, in place."""
    for part in module.modules():
        if type(part) is nn.Linear:
            part.__class__ = _Linear
        elif type(part) is nn.Conv2d and _is_pointwise(part):
            part.__class__ = _PointwiseConv2d


class _Product(torch.autograd.Function):
    """(m, k), (n, k) -> (m, n): a · bᵀ. Its gradients are products too; those of a convolution would be MKL's."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return _product(a, b)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        (a, b), (gradient,) = ctx.saved_tensors, gradients
        of_a = _Product.apply(gradient, b.T) if ctx.needs_input_grad[0] else None
        of_b = _Product.apply(gradient.T, a.T) if ctx.needs_input_grad[1] else None
        return of_a, of_b


class _Linear(nn.Linear):
    def forward(self, input: Tensor) -> Tensor:
        return multiply(input, self.weight, self.bias)


class _PointwiseConv2d(nn.Conv2d):
    """torch leaves it to MKL for few pictures and one thread. Its gradients oneDNN computes in any case of training."""

    def forward(self, input: Tensor) -> Tensor:
        if not _by_onednn(input):
            return super().forward(input)
        return _convolve(input, self.weight, self.bias)


def _is_pointwise(part: nn.Conv2d) -> bool:
    plain = part.stride == (1, 1) and part.groups == 1 and part.padding in ((0, 0), 0)
    return plain and part.kernel_size == (1, 1)


def _by_onednn(values: Tensor) -> bool:
    return (
        values.device.type == "cpu"
        and values.dtype == torch.float32
        and values.numel() > 0
        and torch.backends.mkldnn.is_available()
        and not torch.is_autocast_enabled("cpu")
        and not torch.jit.is_tracing()  # for another engine
    )


def _product(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    # One picture, as high as there are rows and one pixel wide, channels last: no copy of the rows.
    picture = a[None, :, None].permute(0, 3, 1, 2)
    return _convolve(picture, b[:, :, None, None], bias).permute(0, 2, 3, 1).reshape(len(a), len(b))


def _convolve(pictures: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.mkldnn_convolution(pictures, weight, bias, (0, 0), (1, 1), (1, 1), 1)
