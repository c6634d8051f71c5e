import pytest
import torch

from policies.quantised import QuantisedLinear


@pytest.fixture
def states() -> torch.Tensor:
    return torch.randn(2, 7, 1536, generator=torch.Generator().manual_seed(0)) * torch.logspace(-2, 1, 1536)


def linear() -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(1)
    return torch.randn(96, 1536, generator=random), torch.randn(96, generator=random)


def test_it_says_nearly_what_floats_say(states: torch.Tensor) -> None:
    weight, bias = linear()
    exact = states @ weight.T + bias
    rounded = QuantisedLinear(weight, bias)(states)
    assert rounded.shape == exact.shape
    assert ((rounded - exact).norm() / exact.norm()).item() < 0.03


def test_the_integer_kernel_and_floats_give_the_same(
    states: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not QuantisedLinear.integers:
        pytest.skip("this processor has no integer kernel")
    weight, bias = linear()
    weight[0], states[0, 0] = 1, 1
    # All products of one row are at their largest now, and so is their sum: what narrow or inexact sums would lose.
    by_kernel = QuantisedLinear(weight, bias)(states)
    monkeypatch.setattr(QuantisedLinear, "integers", False)
    assert torch.equal(QuantisedLinear(weight, bias)(states), by_kernel)


def test_a_token_is_judged_without_its_neighbours(states: torch.Tensor) -> None:
    quantised = QuantisedLinear(*linear())
    assert torch.equal(quantised(states)[1, 3], quantised(states[1:, 3:4])[0, 0])


def test_nothing_stays_nothing() -> None:
    weight, bias = torch.zeros(4, 8), torch.arange(4.0)
    assert torch.equal(QuantisedLinear(weight, bias)(torch.zeros(1, 2, 8)), bias.expand(1, 2, 4))
