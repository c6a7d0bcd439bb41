"""The parts of make_goldens.py: tiny models, their variants, and the float64 oracle that embeds them."""
