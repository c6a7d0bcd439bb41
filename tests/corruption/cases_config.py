"""config.json of a base."""
import formats as f
from case import with_base

FILE = "config.json"


def field(name, key, value, says=None, **more):
    return with_base(f"config: {name}", [FILE, key] if says is None else says,
                     config=f.llama_config(**{key: value, **more}))


def raw(name, says, content):
    return with_base(f"config: {name}", [FILE, *says], files={FILE: content})


def cases():
    yield raw("an empty file", [], b"")
    yield raw("no JSON", ["JSON"], b"{")
    yield raw("a list", [], b"[]")
    yield raw("null", [], b"null")
    yield raw("nested 1000000 deep", ["nesting"], b"[" * 1000000)
    yield raw("nested in objects", ["nesting"], b'{"a":' * 100000)
    yield raw("a key twice", ["hidden_size", "twice"], b'{"hidden_size": 1, "hidden_size": 2}')
    yield raw("broken UTF-8", [], b'{"model_type": "\xff"}')
    yield raw("a comment", ["JSON"], b'{} // none')
    yield raw("65 MiB of spaces", ["large"], lambda: b" " * (65 << 20))
    yield with_base("config: a folder without one", [], files={FILE: None})
    yield field("no family", "model_type", ...)
    yield field("an unknown family", "model_type", "zeus", ["model_type", "zeus"])
    yield field("a family that is a number", "model_type", 5)
    yield field("a family of 100 kB", "model_type", "z" * 100000)
    for key in ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size", "intermediate_size"):
        yield field(f"{key} missing", key, ...)
        yield field(f"{key} of 0", key, 0)
        yield field(f"{key} of -1", key, -1)
        yield field(f"{key} of 2^62", key, 2**62)
        yield field(f"{key} as a text", key, "many")
        yield field(f"{key} with a fraction", key, 1.5)
    yield field("hidden_size of 2^70", "hidden_size", 2**70)
    yield field("10000 layers", "num_hidden_layers", 10000, ["layers.2."])
    yield with_base("config: another width than the embedding", ["embed_tokens"],
                    tensors={**f.llama_tensors(), "model.embed_tokens.weight": f.f32([f.VOCABULARY, 8])})
    yield field("another width than the weights", "intermediate_size", 64, ["mlp."])
    yield field("three heads", "num_attention_heads", 3, [FILE, "num_key_value_heads"])
    yield field("no key heads", "num_key_value_heads", 0)
    yield field("heads without features", "head_dim", 0)
    yield field("heads of an odd number of features", "head_dim", 7)
    yield field("heads of 2^24 features", "head_dim", 2**24, ["q_proj"])
    yield field("rope_theta of 0", "rope_theta", 0)
    yield field("rope_theta as a text", "rope_theta", "big")
    yield field("an unknown rope type", "rope_scaling", {"rope_type": "magic", "factor": 2.0}, [FILE, "rope_type"])
    yield field("a rope factor of 0", "rope_scaling", {"rope_type": "linear", "factor": 0}, [FILE, "factor"])
    yield field("a rope factor that is a list", "rope_scaling", {"rope_type": "linear", "factor": []}, [FILE, "factor"])
    yield field("rope_scaling that is a list", "rope_scaling", [1])
    yield field("longrope without factors", "rope_scaling", {"rope_type": "longrope", "short_factor": [1.0]},
                [FILE, "short_factor"])
    yield field("longrope with a negative factor", "rope_scaling",
                {"rope_type": "longrope", "short_factor": [-1.0] * 4, "long_factor": [1.0] * 4,
                 "original_max_position_embeddings": 64},
                [FILE, "short_factor"])
    yield field("a linear rope without its factor", "rope_scaling", {"type": "linear"}, [FILE, "rope_scaling.factor"])
    yield field("llama3's rope without a factor", "rope_scaling",
                {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0}, [FILE, "rope_scaling.high_freq_factor"])
    yield field("fewer tokens than rows", "vocab_size", f.VOCABULARY - 1, [FILE, "vocab_size"])
    yield field("more tokens than rows", "vocab_size", f.VOCABULARY + 1, [FILE, "vocab_size"])
    yield field("an unknown activation", "hidden_act", "magic", [FILE, "hidden_act"])
    yield field("an activation that is a number", "hidden_act", 5)
    yield field("an epsilon that is a text", "rms_norm_eps", "small")
    yield field("quantised weights", "quantization_config", {"quant_method": "gptq", "bits": 4})
    yield field("a flag that is a text", "attention_bias", "yes")
    yield field("a tied head that is a number", "tie_word_embeddings", 1)
    yield field("layer types for other layers", "layer_types", ["full_attention"], model_type="gemma2")
    yield field("an unknown layer type", "layer_types", ["magic", "magic"], model_type="gemma2")
    yield field("a window of -5", "sliding_window", -5, model_type="mistral")
    yield field("no experts", "num_local_experts", 0, model_type="mixtral")
    yield field("10^12 experts", "num_local_experts", 10**12, model_type="mixtral")
    yield field("more chosen experts than there are", "num_experts_per_tok", 9, [FILE, "num_experts_per_tok"],
                model_type="mixtral",
                num_local_experts=8)
    yield field("a soft cap that is a text", "final_logit_softcapping", "x", model_type="gemma2")
    yield field("a partial rotation of 2", "partial_rotary_factor", 2.0, model_type="phi")
    yield field("positions of 0", "n_positions", 0, model_type="gpt2", n_embd=16, n_layer=2, n_head=2)
    yield field("layers without rotation that are a number", "no_rope_layers", 5, model_type="smollm3")
