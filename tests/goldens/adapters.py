"""Owns the list of PEFT adapters and full finetunes that are made for the tiny bases."""
import json
import re
from dataclasses import dataclass, field, replace

import peft
import torch
from transformers import AutoModelForCausalLM

from .oracle import load_base
from .tiny import ENCODERS, loader, seeded

ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
LINEARS = ATTENTION + ["gate_proj", "up_proj", "down_proj"]


@dataclass(frozen=True)
class Adapter:
    name: str
    config: dict = field(default_factory=dict)
    kind: str = "LORA"
    edits: dict = field(default_factory=dict)  # changes to adapter_config.json after saving
    binary: bool = False  # adapter_model.bin in place of safetensors
    zero_b: bool = False
    zero: bool = False  # the tap does not move
    word: str = ""  # for refused ones: what the message has to name
    only: tuple = ()  # base names it is for; empty: all
    grown: int = 0  # tokens added to the base's vocabulary before training


FEW = [Adapter("lora_linears", dict(target_modules=LINEARS))]

BIAS = FEW + [
    Adapter("lora_bias_lora_only", dict(target_modules=["q_proj", "v_proj", "o_proj"], bias="lora_only")),
    Adapter("lora_bias_all", dict(target_modules=["q_proj", "down_proj"], bias="all")),
    Adapter("lora_bias_all_mlp_module", dict(target_modules=["v_proj"], bias="all", modules_to_save=["up_proj"])),
]

ALL = FEW + [
    Adapter("lora_qv", dict(target_modules=["q_proj", "v_proj"], r=4, lora_alpha=4)),
    Adapter("lora_few_late", dict(target_modules=["v_proj"], layers_to_transform=[2])),
    Adapter("lora_rs", dict(target_modules=LINEARS, use_rslora=True, lora_alpha=5)),
    # Keys are regular expressions matched at the end of the module's name; the first that matches counts.
    # PEFT sorts them when it saves: overlapping ones have to be in that order here already.
    Adapter("lora_patterns", dict(
        target_modules=LINEARS,
        rank_pattern={"down_proj": 3, r"layers\.1\.mlp\..*_proj": 6, "q_proj": 2},
        alpha_pattern={"layers.2.self_attn.v_proj": 3, r".*mlp\.(up|gate)_proj": 21, "o_proj": 1})),
    Adapter("lora_pattern_order", dict(target_modules=["q_proj", "v_proj", "up_proj"]),
            edits=dict(alpha_pattern={"q_proj": 24, r"layers\.0\.self_attn\.q_proj": 1, "v_proj": 2, ".*_proj": 12})),
    Adapter("lora_pattern_rs", dict(target_modules=["q_proj", "down_proj"], use_rslora=True, rank_pattern={"down_proj": 2},
                                    alpha_pattern={"q_proj": 3})),
    Adapter("lora_layers", dict(target_modules=LINEARS, layers_to_transform=[1, 3], layers_pattern="layers")),
    Adapter("lora_layer_int", dict(target_modules=["k_proj", "up_proj"], layers_to_transform=1)),
    Adapter("lora_saved_head", dict(target_modules=["q_proj", "v_proj"], modules_to_save=["lm_head"])),
    Adapter("lora_saved_embed", dict(target_modules=["o_proj"], modules_to_save=["embed_tokens"])),
    Adapter("lora_saved_norms", dict(target_modules=["q_proj"], modules_to_save=["input_layernorm", "norm"])),
    Adapter("lora_saved_linear", dict(target_modules=["q_proj"], modules_to_save=["down_proj"])),
    Adapter("lora_fan", dict(target_modules=LINEARS), edits=dict(fan_in_fan_out=True)),
    Adapter("lora_regex", dict(target_modules=r".*\.layers\.[02]\.(self_attn\.[qv]_proj|mlp\.down_proj)")),
    Adapter("lora_all_linear", dict(target_modules="all-linear", r=2)),
    Adapter("lora_head_only", dict(target_modules=["lm_head"]), zero=True),
    Adapter("lora_zero_b", dict(target_modules=LINEARS), zero_b=True, zero=True),
    Adapter("lora_bin", dict(target_modules=LINEARS, r=3), binary=True),
    Adapter("lora_exclude", dict(target_modules=["q_proj", "v_proj", "down_proj"],
                                 exclude_modules=r".*layers\.[13]\.self_attn\..*")),
    Adapter("lora_bf16", dict(target_modules=LINEARS, r=16, lora_alpha=32), edits={}),
]

QWEN2_BIAS = BIAS[1:]

# Families that name their linears otherwise.
TARGETS = {
    "phi3": ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"],
    "gpt_neox": ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"],
    "bloom": ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"],
    "gpt2": ["c_attn", "c_proj", "c_fc"],
    "falcon": ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"],
    "arcee": ATTENTION + ["up_proj", "down_proj"],
    "nemotron": ATTENTION + ["up_proj", "down_proj"],
    "glm": ATTENTION + ["gate_up_proj", "down_proj"],
    "glm4": ATTENTION + ["gate_up_proj", "down_proj"],
    "starcoder2": ATTENTION + ["c_fc", "c_proj"],
    "phi": ["q_proj", "k_proj", "v_proj", "dense", "fc1", "fc2"],
    "opt": ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2", "project_in", "project_out"],
    "deepseek_v2": ["q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj"],
    "t5": ["q", "k", "v", "o", "wi", "wi_0", "wi_1", "wo"],
    # PEFT turns LoRA on these families' experts into target_parameters.
    "qwen3_moe": ATTENTION,
    "olmoe": ATTENTION,
    "granitemoe": ATTENTION,
    "qwen2_moe": LINEARS + ["shared_expert_gate"],
    "gpt_oss": ATTENTION,
    "granitemoehybrid": ATTENTION + ["in_proj", "out_proj", "shared_mlp.input_linear", "shared_mlp.output_linear"],
    "qwen3_next": ATTENTION + ["in_proj_qkvz", "in_proj_ba", "out_proj", "shared_expert_gate"],
    "qwen3_5_text": LINEARS + ["in_proj_qkv", "in_proj_z", "in_proj_b", "in_proj_a", "out_proj"],
}
# LoRA on tensors with all experts' weights: by name, and as PEFT turns adapters of single experts into it.
EXPERTS = {
    "qwen3_moe": [Adapter("lora_parameters", dict(target_modules=["q_proj"], r=3, use_rslora=True,
                                                  target_parameters=["mlp.experts.gate_up_proj", "mlp.experts.down_proj"])),
                  Adapter("lora_parameters_down", dict(target_modules=[], target_parameters=["mlp.experts.down_proj"])),
                  Adapter("lora_experts", dict(target_modules=["q_proj", "gate_proj", "up_proj", "down_proj"], r=4))],
    "granitemoe": [Adapter("lora_parameters", dict(target_modules=[], target_parameters=["experts.gate_up_proj"]))],
}
# Parts other than linears that adapters of these families replace: norms, tables, biases.
SAVED = {"gpt_neox": ["input_layernorm", "final_layer_norm"], "bloom": ["word_embeddings_layernorm", "ln_f"],
         "falcon": ["ln_f", "dense_4h_to_h"],
         "cohere2": ["input_layernorm", "norm"], "nemotron": ["post_attention_layernorm", "norm"], "glm4": ["post_mlp_layernorm"],
         "gpt2": ["wpe", "ln_1", "c_proj"], "phi": ["input_layernorm", "final_layernorm"], "opt": ["embed_positions", "final_layer_norm"],
         "phi3": ["gate_up_proj", "norm"], "olmo2": ["q_norm", "post_attention_layernorm"],
         "t5": ["relative_attention_bias", "layer_norm", "final_layer_norm", "o"]}
TARGETS |= {"bert": ["query", "key", "value", "dense"], "mpnet": ["q", "k", "v", "o", "dense"],
            "distilbert": ["q_lin", "k_lin", "v_lin", "out_lin", "lin1", "lin2"]}
SAVED |= {"bert": ["LayerNorm", "position_embeddings", "token_type_embeddings"], "distilbert": ["sa_layer_norm", "LayerNorm"],
          "mpnet": ["relative_attention_bias", "LayerNorm"]}
for _name, _like in (("mt5", "t5"), ("umt5", "t5"), ("roberta", "bert"), ("xlm-roberta", "bert"), ("camembert", "bert"), ("electra", "bert")):
    TARGETS[_name], SAVED[_name] = TARGETS[_like], SAVED[_like]
TARGETS["electra"] = TARGETS["bert"] + ["embeddings_project"]

# Beside plain LoRA: where the encoder and the decoder begin to differ.
T5_KINDS = [
    Adapter("lora_cross", dict(target_modules=r".*decoder.*EncDecAttention\.[kv]", r=4)),
    Adapter("lora_late", dict(target_modules=r".*decoder\.block\.1\.layer\.2\..*\.(wi|wi_0|wo)")),
    Adapter("lora_encoder", dict(target_modules=r".*encoder\.block\.1\.layer\.0\.SelfAttention\.[qv]")),
    Adapter("encoder_norm", dict(target_modules=r".*encoder\.final_layer_norm"), kind="LN_TUNING"),
    Adapter("cross_distances", dict(target_modules=r".*decoder.*EncDecAttention\.o",
                                    modules_to_save=["encoder.block.0.layer.0.SelfAttention.relative_attention_bias"])),
    Adapter("dora", dict(target_modules=["q", "v", "wo"], use_dora=True)),
    Adapter("ia3", dict(target_modules=["k", "v", "wo"], feedforward_modules=["wo"]), kind="IA3"),
    Adapter("loha", dict(target_modules=["v", "wo"]), kind="LOHA"),
    Adapter("oft", dict(target_modules=["v", "o"], oft_block_size=4), kind="OFT"),
]

# Beside plain LoRA: on embeddings of another width than the blocks, and on the linears from and to it.
PROJECTED = [
    Adapter("lora_projections", dict(target_modules=["project_in", "project_out"], r=4)),
    Adapter("lora_out", dict(target_modules=["project_out"], bias="all")),
    Adapter("saved_out", dict(target_modules=["q_proj"], modules_to_save=["project_in", "project_out"])),
    Adapter("dora", dict(target_modules=["project_in", "project_out", "fc1"], use_dora=True)),
    Adapter("ia3", dict(target_modules=["project_in", "project_out"], feedforward_modules=["project_out"]), kind="IA3"),
    Adapter("loha", dict(target_modules=["project_in", "project_out"]), kind="LOHA"),
    Adapter("oft", dict(target_modules=["project_in", "project_out"], oft_block_size=8), kind="OFT"),
    Adapter("pissa", dict(target_modules=["project_in", "project_out"], init_lora_weights="pissa")),
    Adapter("lora_embedding", dict(target_modules=["project_in", "embed_tokens"])),
    Adapter("tokens", dict(token_indices=list(range(20, 120, 3))), kind="TRAINABLE_TOKENS"),
]

# Every kind of adapter beside plain LoRA.
TOKENS = list(range(20, 120, 3))
KINDS = [
    Adapter("dora", dict(target_modules=LINEARS, use_dora=True)),
    Adapter("dora_rs", dict(target_modules=["q_proj", "down_proj", "up_proj"], use_dora=True, use_rslora=True, lora_alpha=5,
                            rank_pattern={"up_proj": 3})),
    Adapter("dora_zero_b", dict(target_modules=["q_proj", "gate_proj"], use_dora=True), zero_b=True),
    Adapter("dora_bias", dict(target_modules=["q_proj", "v_proj"], use_dora=True, bias="lora_only"), only=("qwen2",)),
    Adapter("ia3", dict(target_modules=["k_proj", "v_proj", "down_proj"], feedforward_modules=["down_proj"]), kind="IA3"),
    Adapter("ia3_outputs", dict(target_modules=LINEARS, feedforward_modules=[]), kind="IA3"),
    Adapter("ia3_inputs", dict(target_modules=LINEARS, feedforward_modules=LINEARS), kind="IA3"),
    Adapter("adalora", dict(target_modules=LINEARS, init_r=6, target_r=4, total_step=100, lora_alpha=12), kind="ADALORA"),
    Adapter("adalora_pruned", dict(target_modules=["q_proj", "up_proj"], init_r=6, target_r=3, total_step=100), kind="ADALORA"),
    Adapter("loha", dict(target_modules=LINEARS, alpha_pattern={"q_proj": 4}), kind="LOHA"),
    Adapter("lokr", dict(target_modules=LINEARS, rank_pattern={"o_proj": 2}), kind="LOKR"),
    Adapter("lokr_both", dict(target_modules=LINEARS, r=2, decompose_both=True, decompose_factor=8), kind="LOKR"),
    Adapter("lora_embedding", dict(target_modules=["q_proj", "embed_tokens"])),
    Adapter("lora_embedding_rs", dict(target_modules=["embed_tokens"], use_rslora=True, r=4)),
    Adapter("lora_tokens", dict(target_modules=["v_proj"], trainable_token_indices=TOKENS)),
    Adapter("lora_tokens_named", dict(target_modules=["v_proj"], trainable_token_indices={"embed_tokens": TOKENS[::-1]})),
    Adapter("tokens", dict(token_indices=TOKENS), kind="TRAINABLE_TOKENS"),
    # PEFT saves embedding and head whole where rows were added.
    Adapter("lora_grown", dict(target_modules=["q_proj", "v_proj"]), grown=4),
    Adapter("lora_grown_saved", dict(target_modules=["q_proj"], modules_to_save=["embed_tokens", "lm_head"]), grown=3),
    Adapter("lora_grown_embedding", dict(target_modules=["q_proj", "embed_tokens"]), grown=4),
    Adapter("lora_grown_tokens", dict(target_modules=["v_proj"], trainable_token_indices=TOKENS), grown=4),
    Adapter("lora_own_bias", dict(target_modules=["q_proj", "k_proj"], lora_bias=True), only=("qwen2", "llama_biases")),
    Adapter("lora_own_bias_all", dict(target_modules=["q_proj", "v_proj"], lora_bias=True, bias="all"), only=("qwen2", "llama_biases")),
    Adapter("pissa", dict(target_modules=LINEARS, init_lora_weights="pissa")),
    Adapter("olora", dict(target_modules=LINEARS, init_lora_weights="olora", r=4, use_rslora=True, lora_alpha=2)),
    # PEFT saves the head that is left beside these pairs.
    Adapter("pissa_head", dict(target_modules=["q_proj", "lm_head"], init_lora_weights="pissa"), only=("llama",)),
    Adapter("olora_head", dict(target_modules=["q_proj", "lm_head"], init_lora_weights="olora", r=4), only=("llama",)),
    Adapter("vera", dict(target_modules=["q_proj", "v_proj", "up_proj", "down_proj"], r=16), kind="VERA"),
    Adapter("ln_tuning", dict(target_modules=["input_layernorm", "post_attention_layernorm", "norm"]), kind="LN_TUNING"),
    Adapter("hra", dict(target_modules=LINEARS, r=4), kind="HRA"),
    Adapter("hra_gs", dict(target_modules=["q_proj", "down_proj"], r=3, apply_GS=True), kind="HRA"),
    Adapter("oft", dict(target_modules=LINEARS, oft_block_size=8), kind="OFT"),
    Adapter("oft_cayley", dict(target_modules=["q_proj", "down_proj"], oft_block_size=16, use_cayley_neumann=False), kind="OFT"),
    Adapter("oft_shared", dict(target_modules=["v_proj", "up_proj"], oft_block_size=4, block_share=True, num_cayley_neumann_terms=3),
            kind="OFT"),
    Adapter("miss", dict(target_modules=LINEARS, r=8), kind="MISS"),
    Adapter("miss_padded", dict(target_modules=["q_proj", "down_proj"], r=7), kind="MISS"),
]
# Virtual tokens: two kinds for every family, all of them where positions are of another kind each. A prefix may be longer
# than a window.
PREFIX = Adapter("prefix", dict(num_virtual_tokens=3), kind="PREFIX_TUNING")
PROMPT = Adapter("prompt", dict(num_virtual_tokens=5), kind="PROMPT_TUNING")
VIRTUAL = [
    PREFIX, PROMPT,
    Adapter("prefix_long", dict(num_virtual_tokens=14), kind="PREFIX_TUNING"),
    Adapter("prefix_projected", dict(num_virtual_tokens=4, prefix_projection=True, encoder_hidden_size=20), kind="PREFIX_TUNING"),
    Adapter("prompt_long", dict(num_virtual_tokens=40), kind="PROMPT_TUNING"),
    Adapter("p_tuning", dict(num_virtual_tokens=6, encoder_hidden_size=24), kind="P_TUNING"),
    Adapter("p_tuning_lstm", dict(num_virtual_tokens=2, encoder_hidden_size=12, encoder_reparameterization_type="LSTM"), kind="P_TUNING"),
]
# PEFT's prefix fits neither latent attention nor layers that keep a state, nor transformers' cache of Falcon's one key
# head.
NO_PREFIX = ("deepseek_v2", "falcon", "granitemoehybrid", "qwen3_next", "qwen3_5_text")
VIRTUAL_ON = ("llama", "gemma3", "gpt2", "bloom", "smollm3")
KINDS_ON = ("llama", "qwen2", "gemma2", "gemma3", "llama_biases")

REFUSED = [
    Adapter("coft", dict(target_modules=["q_proj"], oft_block_size=8, coft=True), kind="OFT", word="coft"),
    Adapter("delora", dict(target_modules=["q_proj"]), kind="DELORA", word="DELORA"),
    Adapter("dora_embedding", dict(target_modules=["q_proj", "embed_tokens"], use_dora=True), word="embed_tokens"),
    Adapter("dora_pissa", dict(target_modules=["q_proj"], use_dora=True), edits=dict(init_lora_weights="pissa"), word="DoRA"),
    Adapter("pissa_niter", dict(target_modules=["q_proj"]), edits=dict(init_lora_weights="pissa_niter_4"), word="pissa_niter_4"),
    Adapter("corda", dict(target_modules=["q_proj"]), edits=dict(init_lora_weights="corda"), word="corda"),
    Adapter("vera_unsaved", dict(target_modules=["q_proj"], save_projection=False), kind="VERA", word="save_projection"),
    Adapter("miss_bat", dict(target_modules=["q_proj"], r=8, init_weights="bat"), kind="MISS", word="bat"),
    Adapter("unknown_option", dict(target_modules=["q_proj"]), edits=dict(use_qalora=True), word="use_qalora"),
]

# Of families whose parts take no LoRA.
REFUSED_ON = {
    "gpt_oss": [Adapter("lora_parameters", dict(target_modules=[], target_parameters=["mlp.experts.gate_up_proj"]), word="experts")],
    "llama4": [Adapter("lora_parameters", dict(target_modules=["q_proj"], target_parameters=["feed_forward.experts.down_proj"]), word="experts")],
    "granite_hybrid": [Adapter("lora_convolution", dict(target_modules=["conv1d", "q_proj"], r=176), word="convolution")],
}

CONFIGS = {"LORA": peft.LoraConfig, "IA3": peft.IA3Config, "PREFIX_TUNING": peft.PrefixTuningConfig,
           "PROMPT_TUNING": peft.PromptTuningConfig, "P_TUNING": peft.PromptEncoderConfig, "LOHA": peft.LoHaConfig, "LOKR": peft.LoKrConfig,
           "ADALORA": peft.AdaLoraConfig, "TRAINABLE_TOKENS": peft.TrainableTokensConfig, "VERA": peft.VeraConfig,
           "LN_TUNING": peft.LNTuningConfig, "HRA": peft.HRAConfig, "MISS": peft.MissConfig, "OFT": peft.OFTConfig,
           "DELORA": peft.DeloraConfig}
TASKS = dict.fromkeys(ENCODERS, "FEATURE_EXTRACTION") | dict.fromkeys(("t5", "mt5", "umt5"), "SEQ_2_SEQ_LM")
DEFAULTS = {"LORA": dict(r=8, lora_alpha=16), "LOHA": dict(r=4, alpha=8), "LOKR": dict(r=4, alpha=8)}


def adapters_for(tiny):
    made = with_linears(tiny)
    if tiny.name in VIRTUAL_ON:
        return made + VIRTUAL
    if loader(tiny.family) is not AutoModelForCausalLM:
        return made
    # PEFT takes the blocks' width for the embeddings'.
    width = {"token_dim": w} if (w := tiny.config.get("word_embed_proj_dim")) else {}
    return made + [replace(PROMPT, config=PROMPT.config | width)] + ([PREFIX] if tiny.family not in NO_PREFIX else [])


def with_linears(tiny):
    """Those that touch modules of the model."""
    made = list(FEW)
    if tiny.adapters == "all":
        made = ALL + (QWEN2_BIAS if tiny.family == "qwen2" else [])
    elif tiny.family in TARGETS or tiny.family in SAVED:
        return named_otherwise(tiny)
    elif tiny.adapters == "bias":
        made = list(BIAS)
    if tiny.name == "cohere_qk":
        made += [Adapter("head_norms", dict(target_modules=["q_norm", "k_norm"]), kind="LN_TUNING")]
    if tiny.name in KINDS_ON:
        made += [a for a in KINDS if (tiny.name in a.only if a.only else tiny.name != "llama_biases")]
    return made


def named_otherwise(tiny):
    """For families that name their linears and norms otherwise."""
    targets = TARGETS.get(tiny.family, LINEARS)
    conv = dict(fan_in_fan_out=tiny.family == "gpt2")
    own = [Adapter("lora_linears", dict(target_modules=targets, **conv))]
    if tiny.family in SAVED:
        own.append(Adapter("lora_saved", dict(target_modules=targets[:1], modules_to_save=SAVED[tiny.family], **conv)))
    if tiny.adapters == "bias":
        own.append(Adapter("lora_bias_all", dict(target_modules=targets[:2], bias="all", **conv)))
    if tiny.family == "t5":
        own += T5_KINDS
    if "word_embed_proj_dim" in tiny.config:
        own += PROJECTED
    if tiny.family == "bert":
        own += [Adapter("lora_late", dict(target_modules=["query", "value"], layers_to_transform=[2])),
                Adapter("ia3", dict(target_modules=["key", "value", "output.dense"], feedforward_modules=["output.dense"]), kind="IA3"),
                Adapter("dora", dict(target_modules=["query", "intermediate.dense"], use_dora=True)),
                Adapter("lora_embedding", dict(target_modules=["word_embeddings", "value"]))]
    return own + ([] if tiny.gguf else EXPERTS.get(tiny.family, []))


def noise_for(adapter, key, value, noise):
    """Weights of the size that training has: the effect on the tap is some percent of the hidden state."""
    start = adapter.config.get("init_lora_weights")
    if "lora_embedding_A" in key:
        return noise * 0.3
    if "lora_embedding_B" in key or "lora_E" in key:
        return noise
    if start in ("pissa", "olora"):
        return value.data + noise * 0.02
    if "lora_A" in key:
        return noise / value.shape[1] ** 0.5
    if "lora_B" in key and value.dim() == 2:
        return noise * (0.0 if adapter.zero_b else 0.12)
    if "hada_" in key:
        return noise * 0.3
    if "lokr_" in key:
        return noise * 0.2
    if "vera_lambda" in key:
        return noise * (1.0 if key.endswith("b.default") else 0.5)
    if "oft_R" in key:
        return noise * 0.08
    if "trainable_tokens_delta" in key or "hra_u" in key:
        return value.data + noise * 0.3
    return value.data + noise * (0.25 if value.dim() == 1 else 0.1)


def make_adapter(adapter, base, folder, tiny_name):
    """Random weights with an effect of the size that training has; saved by PEFT."""
    torch.manual_seed(0)
    whole = load_base(base)
    config = CONFIGS[adapter.kind](task_type=TASKS.get(whole.config.model_type, "CAUSAL_LM"), **(DEFAULTS.get(adapter.kind, {}) | adapter.config))
    if adapter.grown:
        whole.resize_token_embeddings(whole.get_input_embeddings().num_embeddings + adapter.grown, mean_resizing=False)
    model = peft.get_peft_model(whole, config)
    for key, value in model.named_parameters():
        if value.requires_grad:
            noise = torch.randn(value.shape, generator=seeded(tiny_name, adapter.name, key))
            value.data = noise_for(adapter, key, value, noise)
    if adapter.name == "adalora_pruned":  # what the rank allocator leaves at the end of training
        names = [k for k, _ in model.named_parameters() if "lora_E" in k]
        model.peft_config["default"].rank_pattern = {
            k.removeprefix("base_model.model."): [(i + n) % 3 != 0 for i in range(6)] for n, k in enumerate(names)}
    if adapter.name == "lora_bf16":
        model.to(torch.bfloat16)
    model.save_pretrained(folder, save_embedding_layers=bool(adapter.grown) or "auto")
    if adapter.binary:
        (folder / "adapter_model.safetensors").unlink()
        torch.save(peft.get_peft_model_state_dict(model), folder / "adapter_model.bin")
    path = folder / "adapter_config.json"
    saved = json.loads(path.read_text()) | adapter.edits
    saved["base_model_name_or_path"] = f"tiny/{tiny_name}"  # never a path of the machine that made it
    for field in ("target_modules", "modules_to_save", "exclude_modules"):
        if isinstance(saved.get(field), list):
            saved[field].sort()  # PEFT writes a set's order, another one each time
    path.write_text(json.dumps(saved, indent=2))
    (folder / "README.md").unlink(missing_ok=True)
    return model


# name -> what is perturbed
FULL = {"full_all": "everything", "full_one": "one tensor", "full_grown": "everything, four more tokens"}
ONE_TENSOR = r"\.1\.((mlp|block_sparse_moe|feed_forward|shared_mlp)\.)?(experts\.)?(layer\.1\.DenseReluDense\.wo|output\.dense|ffn\.lin2|down_proj|dense_4h_to_h|c_proj|fc2|output_linear)(\.weight)?$"  # of the second block's MLP


def make_full(name, base, folder, tiny):
    """A full finetune: every tensor, or one, moved by a fraction of its own spread."""
    model = load_base(base)
    if name == "full_grown":
        torch.manual_seed(0)
        model.resize_token_embeddings(model.get_input_embeddings().num_embeddings + 4, mean_resizing=False)
    for key, value in model.named_parameters():
        if name != "full_one" or re.search(ONE_TENSOR, key):
            noise = torch.randn(value.shape, generator=seeded(tiny.name, name, key))
            value.data = value.data + noise * (0.15 * value.data.std())
    if name == "full_all" and tiny.storage == "bf16":
        model.to(torch.bfloat16)
    model.save_pretrained(folder)
