"""Products of networks: those of torch but for their last bits, which are the same on every processor with AVX2."""

import hashlib

import pytest
import torch
from torch import nn

from samesku.embedding.products import multiply, use_portable_products

#: Sizes at which torch's own library has different kernels for AMD and Intel, and some at which it has not.
SIZES = [(1, 384, 96), (3, 256, 40), (50, 240, 80), (64, 256, 64), (700, 384, 128)]

#: Of product and gradients at each of the sizes, as an AMD processor with AVX-512 computed them under the caps.
DIGESTS = ["d34529996b4341d4", "d313fb683ec8b202", "c3e72e1b60676dc2", "c8c1576c91f9c029", "6717922ef7579131"]


def numbers(*shape, seed=0):
    """Float32 numbers without a library: their bits depend on no processor."""
    count = torch.Size(shape).numel()
    values = (torch.arange(count, dtype=torch.int64) * 1_103_515_245 + 12_345 + seed) % 2_147_483_648 % 4093
    return (values.float() / 4093 - 0.5).view(shape)


def digest(*tensors):
    content = b"".join(tensor.detach().contiguous().numpy().tobytes() for tensor in tensors)
    return hashlib.sha256(content).hexdigest()[:16]


@pytest.mark.parametrize("size", SIZES)
def test_they_are_torchs_and_so_are_their_gradients(size):
    m, k, n = size
    rows, weight, bias = numbers(m, k).requires_grad_(), numbers(n, k, seed=1).requires_grad_(), numbers(n)
    product, expected = multiply(rows, weight, bias), nn.functional.linear(rows, weight, bias)
    torch.testing.assert_close(product, expected, atol=1e-4, rtol=1e-5)
    gradient = numbers(m, n, seed=2)
    for ours, torchs in zip(
        torch.autograd.grad(product, (rows, weight), gradient),
        torch.autograd.grad(expected, (rows, weight), gradient),
        strict=True,
    ):
        torch.testing.assert_close(ours, torchs, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_without_gradients_they_have_the_same_bits(size):
    m, k, n = size
    rows, weight, bias = numbers(m, k), numbers(n, k, seed=1), numbers(n, seed=2)
    expected = multiply(rows.requires_grad_(), weight, bias)
    with torch.no_grad():
        assert torch.equal(multiply(rows, weight, bias), expected)


def test_rows_may_have_any_number_of_dimensions_and_need_no_order_in_memory():
    rows, weight = numbers(2, 3, 5, 8), numbers(4, 8)
    torch.testing.assert_close(multiply(rows, weight), rows @ weight.T)
    turned = numbers(8, 6).T
    torch.testing.assert_close(multiply(turned, weight), turned @ weight.T)
    assert multiply(numbers(0, 8), weight).shape == (0, 4)


def test_gradients_of_a_product_of_rows_with_themselves_add_up():
    rows = numbers(6, 8).requires_grad_()
    gradient = numbers(6, 6, seed=3)
    (ours,) = torch.autograd.grad(multiply(rows, rows), rows, gradient)
    (torchs,) = torch.autograd.grad(rows @ rows.T, rows, gradient)
    torch.testing.assert_close(ours, torchs)


def network():
    torch.manual_seed(0)
    layers = [
        nn.Conv2d(3, 240, 3),
        nn.ReLU(),
        nn.Conv2d(240, 40, 1),
        nn.ReLU(),
        nn.Conv2d(40, 16, 1, stride=2),
    ]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 8)).eval()


@pytest.mark.parametrize("pictures", [1, 5, 20])
def test_a_network_gives_what_it_gave_and_learns_what_it_learned(pictures):
    plain, portable = network(), network()
    use_portable_products(portable)
    assert plain.state_dict().keys() == portable.state_dict().keys()
    inputs = numbers(pictures, 3, 20, 20)
    for model in (plain, portable):
        model(inputs).square().sum().backward()
    for ours, torchs in zip(portable.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, torchs.grad, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_no_bit_depends_on_the_processor_or_on_the_number_of_threads(threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        digests = []
        for m, k, n in SIZES:
            rows, weight = numbers(m, k).requires_grad_(), numbers(n, k, seed=1).requires_grad_()
            product = multiply(rows, weight)
            gradients = torch.autograd.grad(product, (rows, weight), numbers(m, n, seed=2))
            digests.append(digest(product, *gradients))
    finally:
        torch.set_num_threads(before)
    assert digests == DIGESTS
