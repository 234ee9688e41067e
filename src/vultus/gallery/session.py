"""A gallery that is open: its database, its vectors, its model and the thresholds of that model."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

import numpy as np

from vultus import choice
from vultus.errors import ContractMismatchError, InputError, OperatingPointError, VultusError
from vultus.gallery import contracts
from vultus.gallery.enrolment import Rules
from vultus.gallery.erasure import sweep_keys
from vultus.gallery.live import Live
from vultus.gallery.masterkey import MasterKey
from vultus.gallery.protocols import Analyzer, Choose, OperatingTable
from vultus.gallery.store import Store
from vultus.gallery.values import Keep
from vultus.operating import table_for
from vultus.types import EmbeddingContract, OperatingPoint

if TYPE_CHECKING:
    from vultus.gallery.erasure import Remains
    from vultus.gallery.records import Records

__all__ = ["Session"]

Task = Literal["identify", "track"]

log = logging.getLogger("vultus.gallery")


class Session:
    """What all verbs of a gallery stand on; see `Gallery`."""

    def __init__(
        self, store: Store, analyzer: Analyzer | None, operating: OperatingTable | None, choose: Choose
    ) -> None:
        """Use `open`."""
        self._store = store
        self._live = Live(store.folder)
        self._analyzer = analyzer
        self._declared = None if analyzer is None else analyzer.contract
        self._operating = operating
        self._choose = choose
        self._table: OperatingTable | None = None
        self._uncalibrated: set[EmbeddingContract] = set()  # so that the tables are not looked for again and again
        self._points: dict[tuple[int, float, str], OperatingPoint] = {}
        self._remains: dict[str, Remains] = {}  # of people whose erasure is pending

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        analyzer: Analyzer | None = None,
        contract: EmbeddingContract | None = None,
        create: bool = True,
        keep: Keep | None = None,
        read_only: bool = False,
        timeout: float = 5.0,
        operating: OperatingTable | None = None,
        choose: Choose = choice.choose,
        master_key: MasterKey | None = None,
    ) -> Self:
        """Open the gallery in a folder; with `create` an absent or empty folder becomes one.

        analyzer: needed for whatever takes pictures. contract: what bare vectors are, where
        there is no analyzer and nothing was enrolled yet. keep: "aligned" stores each
        enrolled face's crop (112 x 112 pixels), from which another model can embed it again;
        "none" does not; None takes what the gallery was created with, "aligned" for a new
        one. timeout: seconds to wait for another process. operating: thresholds, else those
        of `vultus.operating.table_for`. choose: which faces of a picture are meant.
        master_key: opens a sealed gallery, and seals a new one; None takes the one that the
        environment names (see `vultus.gallery.masterkey`), if any.

        Refused: no gallery there (NotFoundError, without `create`); a file, a folder with
        other things, another program's or a damaged database, a later version
        (GalleryError); a sealed gallery without its master key or key file
        (MasterKeyError); another process that holds it too long (GalleryBusyError); a disk
        that is full or cannot be written (StorageError); embeddings of another model
        (ContractMismatchError).
        """
        store = Store(Path(path), create=create, keep=keep, read_only=read_only, timeout=timeout, master_key=master_key)
        try:
            gallery = cls(store, analyzer, operating, choose)
            if contract is not None:
                if gallery._declared is not None and gallery._declared != contract:
                    raise ContractMismatchError(
                        f"expected the analyzer's contract, {_words(gallery._declared)}, got {_words(contract)}"
                    )
                gallery._declared = contract
            with store.read() as connection:
                gallery._agreed(connection)
        except BaseException:
            store.close()
            raise
        return gallery

    def close(self) -> None:
        """Let go of the gallery; a large one leaves a snapshot, so that it opens fast again."""
        with self._store.lock:
            if self._store.is_open and not self._store.read_only:
                try:
                    if self._live.worth_saving():
                        self._save_snapshot()
                    sweep_keys(self._store)
                except VultusError as error:  # a snapshot is a convenience, keys are swept the next time
                    log.warning("the gallery was not tidied up: %s", error)
            self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """The gallery's folder."""
        return self._store.folder

    @property
    def sealed(self) -> bool:
        """What is written of people is encrypted; in memory it is in the clear."""
        return self._store.seal is not None

    @property
    def contract(self) -> EmbeddingContract | None:
        """The recognition model of the embeddings; None before the first enrolment without an analyzer."""
        with self._store.read() as connection:
            return self._agreed(connection)

    @property
    def revision(self) -> int:
        """One more with each commit that changed anything."""
        with self._store.read():
            return self._store.revision

    def _agreed(self, connection: Records) -> EmbeddingContract | None:
        """The contract in use; the one that this session came with must be the same."""
        used = contracts.in_use(connection)
        if used is None:
            return self._declared
        if self._declared is not None and self._declared != used[1]:
            raise ContractMismatchError(
                f"{self._store.folder} holds embeddings of {_words(used[1])}, got {_words(self._declared)}; run "
                "`vultus gallery migrate` to embed its people anew, or open it with its own model"
            )
        return used[1]

    def _need_contract(self, connection: Records) -> EmbeddingContract:
        contract = self._agreed(connection)
        if contract is None:
            raise InputError("nothing was enrolled in this gallery yet; open it with an analyzer, or with a contract")
        return contract

    def _need_analyzer(self) -> Analyzer:
        if self._analyzer is None:
            raise InputError("this needs pictures to be analysed; open the gallery with an analyzer")
        return self._analyzer

    def _thresholds(self, contract: EmbeddingContract) -> OperatingTable:
        """Refused (OperatingPointError): a model that nobody calibrated, thresholds of another model."""
        if self._table is None:  # one for the session: migrating clears it
            table = self._operating or table_for(contract)
            found = table.verify(1e-2).contract
            if found != contract.id:
                raise OperatingPointError(
                    f"the thresholds are those of another model ({found[:24]}…), the gallery is of {contract.model}"
                )
            self._table = table
        return self._table

    def _point(
        self, contract: EmbeddingContract, fpir: float, task: Literal["identify", "track"] = "identify"
    ) -> OperatingPoint:
        """The threshold for the gallery as it stands; for an empty one that of a single person."""
        key = (self._live.revision, fpir, task)
        if key not in self._points:
            table = self._thresholds(contract)
            counts = self._live.counts if not self._live.empty else np.ones(1, dtype=np.int64)
            point = table.identify(fpir, counts) if task == "identify" else table.track(fpir, counts)
            # Only those of this revision: the threshold follows the gallery.
            self._points = {key: point} | {k: p for k, p in self._points.items() if k[0] == key[0]}
        return self._points[key]

    def _rules(self, contract: EmbeddingContract, force: bool) -> Rules:
        """The rules of enrolment; without thresholds when nobody calibrated the model."""
        if contract not in self._uncalibrated:
            try:
                return Rules(self._thresholds(contract), force)
            except OperatingPointError as error:
                log.warning("people who look alike and pictures that do not are not looked for: %s", error)
                self._uncalibrated.add(contract)
        return Rules(None, force)

    def _save_snapshot(self) -> None:
        with self._store.write(counted=False) as connection:
            self._live.refresh(connection)
            if not self._live.empty:
                self._live.save_snapshot(connection)
        with self._store.write(counted=False) as connection:
            self._live.sweep(connection)


def _words(contract: EmbeddingContract) -> str:
    return f"{contract.model} (weights {contract.weights_sha256[:8]}, dimension {contract.dimension})"
