"""Exits 0 when the safetensors package reads what safetensors_write_test.cpp's sample() holds. usage: check_safetensors.py FILE"""
import sys

import torch
from safetensors import safe_open

wanted = {
    'odd "name"/grüße': torch.tensor([1, 0, 255], dtype=torch.uint8),
    "halves": torch.tensor([[1.0], [-2.0]], dtype=torch.bfloat16),
    "floats": torch.tensor([[0, -1.5, 1e-40], [3.25, 65504, -0.0]]),
    "whole": torch.tensor([-(2**63)]),
    "scalar": torch.tensor(0.1, dtype=torch.float64),
    "empty": torch.zeros(0, 4),
}
with safe_open(sys.argv[1], "pt") as file:
    assert file.metadata() == {"format": "pt"}, file.metadata()
    assert set(file.keys()) == wanted.keys(), file.keys()
    for name, tensor in wanted.items():
        got = file.get_tensor(name)
        assert got.dtype == tensor.dtype and got.shape == tensor.shape, (name, got)
        assert torch.equal(got, tensor), (name, got)
