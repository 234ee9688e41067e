"""Data and a recogniser in, a report or a table of operating points out."""

__all__: list[str] = []
