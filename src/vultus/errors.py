"""Everything that can go wrong, as one tree.

* VultusError
  x InputError               what was given cannot be used (exit status 2)
    + ImageFormatError       not a picture, or a broken one
    + ImageTooLargeError     over the byte or pixel limit
    + NoFaceError            a face was needed and none was found
    + TooManyFacesError      one face was needed and several were found
    + FaceRefusedError       the face is not good enough for what was asked
    + InvalidVectorError     NaN, zero or wrong-size embedding
    + NotFoundError          no such gallery, person, face or model
    + ConflictError          the name or the face is taken already
    + ContractMismatchError  embeddings of two different models would meet
    + GalleryError           the folder is no gallery, or not one that this version reads
      + MasterKeyError       the keys of a sealed gallery are missing, or not the right ones
    + GalleryBusyError       another process holds the gallery too long
    + VideoError             a stream that cannot be opened, or that broke
    + OperatingPointError    no threshold stands for the error rate that was asked for
    + MissingExtraError      an optional package is not installed
  x WeightsError             a model file is missing, damaged or not the one in its card
  x StorageError             the disk is full or cannot be written

Messages say what was expected, what came, and what to do.
"""

from __future__ import annotations

__all__ = [
    "ConflictError",
    "ContractMismatchError",
    "FaceRefusedError",
    "GalleryBusyError",
    "GalleryError",
    "ImageFormatError",
    "ImageTooLargeError",
    "InputError",
    "InvalidVectorError",
    "MasterKeyError",
    "MissingExtraError",
    "NoFaceError",
    "NotFoundError",
    "OperatingPointError",
    "StorageError",
    "TooManyFacesError",
    "VideoError",
    "VultusError",
    "WeightsError",
]


class VultusError(Exception):
    """The root of all errors that vultus raises on purpose."""


class InputError(VultusError):
    """What was given cannot be used; the caller can put it right."""


class ImageFormatError(InputError):
    """The bytes are not a picture, or a broken one."""


class ImageTooLargeError(InputError):
    """The picture is over the byte or pixel limit."""


class NoFaceError(InputError):
    """A face was needed and none was found."""


class TooManyFacesError(InputError):
    """One face was needed and several were found."""


class FaceRefusedError(InputError):
    """The face is not good enough for what was asked of it."""


class InvalidVectorError(InputError):
    """The embedding holds NaN, is zero, or has the wrong size."""


class NotFoundError(InputError):
    """There is no such gallery, person, face or model."""


class ConflictError(InputError):
    """The name or the face is taken already."""


class ContractMismatchError(InputError):
    """Embeddings of two different models would meet in one comparison."""


class GalleryError(InputError):
    """The folder is no gallery, or not one that this version reads."""


class MasterKeyError(GalleryError):
    """The master key or the key file of a sealed gallery is missing, or not the right one."""


class GalleryBusyError(InputError):
    """Another process holds the gallery for longer than we wait."""


class VideoError(InputError):
    """A stream cannot be opened, or it broke."""


class OperatingPointError(InputError):
    """No threshold stands for the error rate that was asked for."""


class MissingExtraError(InputError):
    """An optional package is not installed."""


class WeightsError(VultusError):
    """A model file is missing, damaged, or not the one in its card."""


class StorageError(VultusError):
    """The disk is full or cannot be written."""
