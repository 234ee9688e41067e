"""MMDA: presentation attack detection from RGB, depth and infrared that should hold at unseen sites.

After Ma et al., Denoising and Alignment, arXiv 2505.09484, of which no code exists: what is
published, what others report and what we chose is told option by option in docs/concepts/mmda.md.
"""
