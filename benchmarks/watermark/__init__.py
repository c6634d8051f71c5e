"""How much of the watermark survives, beside its peers, and what it costs: see ``__main__``."""
