"""Simulated presentation attacks: prints, screens and paper masks made from bona fide pictures.

Real attacks need signed licences, so a detector has to be trained without most of them. What
is made here is physics in small (ink dots, a screen's sub-pixel grid seen through a lens, a
sheet that bends), not a recording: figures on it say how a detector answers to *these*
simulations, and are called simulated wherever they appear. Not covered: silicone and resin
masks, make-up, mannequins, and pictures fed into the camera's cable.
"""

from vultus.datasets.simulated_attacks.attack import KINDS, Presentation, simulate, species
from vultus.datasets.simulated_attacks.camera import Camera, capture

__all__ = ["KINDS", "Camera", "Presentation", "capture", "simulate", "species"]
