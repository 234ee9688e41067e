"""The demonstration: real photographs that Python packages carry, and one that comes with vultus."""

from vultus.demo.pictures import PEOPLE, PROBES, Photograph, fetch_photograph, portrait

__all__ = ["PEOPLE", "PROBES", "Photograph", "fetch_photograph", "portrait"]
