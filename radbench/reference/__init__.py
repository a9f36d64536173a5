"""How everything the package ships is made and judged: the embedded diffusion bundle and the reference models."""
