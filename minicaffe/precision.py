"""How exactly a GPU multiplies float32: names for a module that the command line can load fast."""

PRECISIONS = ("fp32", "tf32", "bf16")
