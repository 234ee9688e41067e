"""Readers of public benchmarks: a module a data set, with its expected folder.

Nothing is downloaded; a reader checks that what it names is there and says what is missing.
"""

__all__: list[str] = []
