"""Exits 0 when the gguf package and PEFT read what `convert` wrote from PEFT adapters of a tiny LLaMA.

usage: check_convert.py BASE (GIVEN GGUF BACK)…
GGUF was written from the PEFT folder GIVEN, and the PEFT folder BACK from GGUF. Names, shapes, metadata, the order of
rows and the scales are computed here anew; BACK has to give GIVEN's hidden states in PEFT.
"""
import json
import logging
import os
import sys
import warnings
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", HF_HUB_DISABLE_PROGRESS_BARS="1", TQDM_DISABLE="1")
warnings.filterwarnings("ignore")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import gguf  # noqa: E402
import numpy as np  # noqa: E402
import peft  # noqa: E402

from goldens import oracle  # noqa: E402
from goldens.gguf_adapters import NAMES, halves_interleaved  # noqa: E402

PROBES = [list(range(20, 50)), list(range(70, 94))]


def field(reader, key):
    return reader.get_field(key).contents()


def check_gguf(model, config, path):
    """`model`: PEFT's own of the adapter that was converted."""
    reader = gguf.GGUFReader(path)
    assert field(reader, "general.type") == "adapter" and field(reader, "adapter.type") == "lora"
    assert field(reader, "general.architecture") == "llama"
    assert field(reader, "general.base_model.0.name") == "tiny/llama"
    alpha = field(reader, "adapter.lora.alpha")
    tensors = {t.name: t.data for t in reader.tensors}
    wanted = {}
    for key, module in model.named_modules():
        if not hasattr(module, "lora_A") or "default" not in module.lora_A:
            continue
        path_in_model = key.split(".")
        name = f"blk.{path_in_model[path_in_model.index('layers') + 1]}.{NAMES[path_in_model[-1]]}.weight"
        a, b = (getattr(module, which)["default"].weight.detach().numpy() for which in ("lora_A", "lora_B"))
        scale = alpha / a.shape[0] if alpha else 1.0
        b = b * (module.scaling["default"] / scale)
        heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}.get(path_in_model[-1])
        wanted[name + ".lora_a"], wanted[name + ".lora_b"] = a, halves_interleaved(b, heads)[0] if heads else b
    assert wanted and tensors.keys() == wanted.keys(), tensors.keys() ^ wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_allclose(tensors[name], value, rtol=2e-6, err_msg=name)


def main():
    logging.disable(logging.WARNING)
    _, base, *forms = sys.argv
    for given, converted, back in zip(forms[::3], forms[1::3], forms[2::3]):
        model = oracle.load_variant(base, given)
        check_gguf(model, model.get_base_model().config, converted)
        config = json.loads((Path(back) / "adapter_config.json").read_text())
        assert config["base_model_name_or_path"] == "tiny/llama", config
        expected = oracle.hidden_states(model, PROBES)
        loaded = peft.PeftModel.from_pretrained(oracle.load_base(base), back)
        for got, want in zip(oracle.hidden_states(loaded, PROBES), expected):
            np.testing.assert_allclose(got, want, atol=2e-6 * np.abs(want).max(), err_msg=back)


main()
