"""Attention blocks that keep the shape of what they are given: SE, triplet attention, TripSE 1 to 4."""

from vultus.nets.attention.excitation import SqueezeExcitation
from vultus.nets.attention.options import KINDS, NONE, Attention, Kind, Place
from vultus.nets.attention.triplet import TripletAttention
from vultus.nets.attention.tripse import TripSE

__all__ = ["KINDS", "NONE", "Attention", "Kind", "Place", "SqueezeExcitation", "TripSE", "TripletAttention"]
