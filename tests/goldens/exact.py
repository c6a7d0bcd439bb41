"""Owns running transformers wholly in float64: where its code asks for float32, doubles stay doubles. Angles of RoPE
stay float32, as models are trained and published (and as Deltascape computes them)."""
import torch
from torch.overrides import TorchFunctionMode


class Exact(TorchFunctionMode):
    """with Exact(model): …"""

    def __init__(self, model):
        super().__init__()
        self.rotary = 0  # depth of calls within a rotary embedding
        for module in model.modules():
            if type(module).__name__.endswith("RotaryEmbedding"):
                module.register_forward_pre_hook(lambda *_: self.step(1))
                module.register_forward_hook(lambda *_: self.step(-1))

    def step(self, by):
        self.rotary += by

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        doubles = bool(args) and isinstance(args[0], torch.Tensor) and args[0].dtype == torch.float64
        if doubles and not self.rotary:
            if func is torch.Tensor.float:
                return args[0]
            if func in (torch.Tensor.to, torch.Tensor.type) and (torch.float32 in args[1:] or kwargs.get("dtype") is torch.float32):
                return args[0]
            if kwargs.get("dtype") is torch.float32:
                kwargs["dtype"] = torch.float64
        return func(*args, **kwargs)
