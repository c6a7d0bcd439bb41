"""adapter_config.json (PEFT) and the adapter's tensors."""
import struct

import formats as f
from case import with_adapter

FILE, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def field(name, key, value, says=None, **more):
    return with_adapter(f"adapter: {name}", [key] if says is None else says,
                        config=f.lora_config(**{key: value, **more}))


def raw(name, says, content):
    return with_adapter(f"adapter: {name}", [FILE, *says], files={FILE: content})


def tensors(name, says, change, **config):
    out = {**f.lora_tensors(), **change}
    return with_adapter(f"adapter: {name}", says, config=f.lora_config(**config),
                        tensors={key: value for key, value in out.items() if value is not None})


def with_bits(bits):
    dtype, shape, data = f.f32([2, f.HIDDEN])
    return dtype, shape, data[:12] + struct.pack("<I", bits) + data[16:]


def cases():
    yield raw("an empty config", [], b"")
    yield raw("a config that is no JSON", ["JSON"], b"{'r': 8}")
    yield raw("a config that is a list", [], b"[]")
    yield raw("a config nested 1000000 deep", ["nesting"], b'{"a":' + b"[" * 1000000)
    yield raw("a key twice", ["twice"], b'{"r": 1, "r": 2}')
    yield raw("a config of 65 MiB", ["large"], lambda: b" " * (65 << 20))
    yield raw("a config in broken UTF-8", [], b'{"peft_type": "\xff"}')
    yield field("no type", "peft_type", ...)
    yield field("a type that is a number", "peft_type", 3)
    yield field("an unknown type", "peft_type", "MAGIC", ["MAGIC"])
    yield field("a type of control characters", "peft_type", "LO\nRA\x1b[2J", [FILE])
    for value in (0, -4, 2**63, 1.5, "8", [8], None):
        if value is not None:
            yield field(f"a rank of {value!r}", "r", value, [FILE, "r"])
    yield field("a rank of 2^62", "r", 2**62, ["lora_A"])
    yield field("another rank than the tensors'", "r", 7, ["lora_A"])
    yield field("an alpha that is a text", "lora_alpha", "x")
    yield field("an alpha of 1e308", "lora_alpha", 1e308)
    yield raw("an alpha of 1e999", [], b'{"peft_type": "LORA", "r": 2, "lora_alpha": 1e999}')
    yield field("use_rslora that is a text", "use_rslora", "yes")
    yield field("use_dora that is a number", "use_dora", 1)
    yield field("DoRA without magnitudes", "use_dora", True, ["magnitude"])
    yield field("a pattern of ranks that is a list", "rank_pattern", [1])
    yield field("a pattern of texts", "rank_pattern", {"q_proj": "x"})
    yield field("a rank of 0 in a pattern", "rank_pattern", {"q_proj": 0})
    yield field("a rank of 1e300 in a pattern", "rank_pattern", {"q_proj": 1e300})
    yield field("a rank of 2.5 in a pattern", "rank_pattern", {"q_proj": 2.5})
    yield field("a pattern that is no expression", "rank_pattern", {"((": 4})
    yield field("a pattern that never ends", "rank_pattern", {"([a-z_.0-9]+)*[!?]": 4}, ["regular expression"])
    yield field("a pattern of 200000 parentheses", "alpha_pattern", {"(" * 200000 + ")" * 200000: 4})
    yield field("an option that is a computation", "layer_replication", [[0, 1]], ["layer_replication"])
    yield field("a start that changes the base", "init_lora_weights", "loftq", ["loftq"])
    yield field("token indices that are texts", "trainable_token_indices", ["a"])
    yield field("token indices below 0", "trainable_token_indices", [-1])
    yield field("2^63 as a token index", "trainable_token_indices", [2**63])
    yield with_adapter("adapter: no tensors' file", [], tensors=False)
    yield with_adapter("adapter: no tensors", [WEIGHTS], tensors={})
    a, b = f.lora_name(0, "q_proj", "A"), f.lora_name(0, "q_proj", "B")
    yield tensors("A without B", [a.rsplit(".lora")[0]], {b: None})
    yield tensors("B without A", [b.rsplit(".lora")[0]], {a: None})
    yield tensors("A of another width", [a], {a: f.f32([2, 8])})
    yield tensors("B of another height", [b], {b: f.f32([8, 2])})
    yield tensors("A of one dimension", [a], {a: f.f32([32])})
    yield tensors("A of no rows", [a], {a: ("F32", [0, 16], b"")})
    yield tensors("A and B of other ranks", ["q_proj"], {b: f.f32([16, 3])})
    yield tensors("NaN in A", [a], {a: with_bits(0x7fc00000)})
    yield tensors("Inf in A", [a], {a: with_bits(0xff800000)})
    yield tensors("a layer that is not there", ["layers.99"], {f.lora_name(99, "q_proj", "A"): f.f32([2, 16])})
    yield tensors("a layer of 2^64", [], {f.lora_name(2**64, "q_proj", "A"): f.f32([2, 16])})
    yield tensors("a layer of -1", [], {f.lora_name(-1, "q_proj", "A"): f.f32([2, 16])})
    yield tensors("a module that is not there", ["magic_proj"], {f.lora_name(0, "magic_proj", "A"): f.f32([2, 16])})
    yield tensors("a tensor of another kind", ["magic"], {"base_model.model.magic": f.f32([2])})
    yield tensors("a name of nothing", [WEIGHTS], {"": f.f32([2])})
    yield tensors("a name of 100 kB", [WEIGHTS], {"x" * 100000: f.f32([2])})
    yield tensors("a name that breaks lines", [WEIGHTS], {"a\nb\rc": f.f32([2])})
    yield tensors("another type's tensors", [WEIGHTS], {}, peft_type="IA3", r=..., lora_alpha=..., bias=...,
                  lora_dropout=...,
                  init_lora_weights=...)
    yield tensors("a saved embedding of another width", ["embed_tokens"],
                  {"base_model.model.model.embed_tokens.weight": f.f32([257, 8])})
    yield tensors("a saved norm of NaN", ["norm"],
                  {"base_model.model.model.norm.weight": ("F32", [16], struct.pack("<16f", *[float("nan")] * 16))})
