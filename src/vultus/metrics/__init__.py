"""Figures of the field: arrays in, frozen dataclasses out; a module a question.

`verification` (one against one), `folds` (accuracy as LFW defines it), `identification` (one
against many), `clustering`, and `intervals` for how sure any of them is.
"""

__all__: list[str] = []
