"""The five default probes of Delta Activations (arXiv 2509.04442), as the peers feed them."""
INSTRUCTIONS = [
    "Below is an instruction that describes a task. Write a response that appropriately completes the request.",
    "The task described below requires a response that completes the request accurately.",
    "Below is a description of a task. Provide a response that aligns with the requirements.",
    "The following instruction outlines a task. Generate a response that meets the specified request.",
    "You are given an instruction and input. Write a response that completes the task as requested.",
]
PROBES = [text + "\n\n### Instruction:\nPlease provide a response. Input:Input.\n\n### Response:" for text in INSTRUCTIONS]
MAX_TOKENS = 256
