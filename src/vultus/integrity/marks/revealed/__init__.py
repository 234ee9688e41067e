"""What the deep marks share: the keyed pattern, its networks, how strongly it is put in, what is read of it.

This is a package, so that `vultus.integrity.marks.names` does not take it for a mark.
"""
