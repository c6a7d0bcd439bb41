"""Exits 0 when numpy reads from an npz what npz_test.cpp's sample() wrote. usage: check_npz.py FILE"""
import sys

import numpy as np

with np.load(sys.argv[1], allow_pickle=False) as arrays:
    found = {name: arrays[name] for name in arrays.files}
halves = [0, -0.0, 1, 65504, 65519, 65520, 6e-8, 2.9e-8, 2.98023224e-8, 6.1e-5,
          1.0009765, 1.00048828, -0.1, 1e-3, np.inf, np.nan]
with np.errstate(over="ignore"):
    wanted = {
        "embeddings": np.array([[0, 1.5, -2], [3, 1e-40, 5]], "<f4"),
        "doubles": np.array([0.1, -1e300, 5e-324]),
        "integers": np.array([[-(2**63)], [2**63 - 1]]),
        "model_names": np.array(["", "a/b", "grüße", "\N{SLIGHTLY SMILING FACE}x"]),
        "base_model": np.array("org/base"),
        "halves": np.array(halves, "<f4").astype("<f2"),
        "empty": np.zeros((0, 7), "<f4"),
        "no_texts": np.array([], "<U1"),
        "broken": np.array(["a�b���"]),
    }
assert found.keys() == wanted.keys(), found.keys()
for name, array in wanted.items():
    got = found[name]
    assert got.dtype == array.dtype and got.shape == array.shape, (name, got.dtype, got.shape)
    same = np.array_equal(got, array, equal_nan=array.dtype.kind == "f")
    assert same, (name, got, array)
assert np.signbit(found["halves"][1])
