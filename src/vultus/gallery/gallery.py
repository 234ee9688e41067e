"""The gallery: people who are known, and who of them is in a picture.

with vultus.Gallery.open("staff.vultus", analyzer=vultus.Analyzer()) as gallery:
    gallery.enroll("Ada Lovelace", ["ada/1.jpg", "ada/2.jpg"])
    for seen in gallery.identify("door.jpg"):
        print(seen.status, seen.person, seen.score)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import numpy as np

from vultus.errors import InputError, OperatingPointError
from vultus.gallery import check, contracts, erasure, faces, migrate, people, scan
from vultus.gallery.change import Change
from vultus.gallery.enrolling import Enrolling
from vultus.gallery.exporting import Progress
from vultus.gallery.keeping import Keeping
from vultus.gallery.protocols import Analyzer
from vultus.gallery.searching import IDENTIFY_FPIR, Searching
from vultus.gallery.values import Check, Migration, Person, Receipt, Stats, Template
from vultus.gallery.view import View
from vultus.types import Image, Vector

__all__ = ["Gallery"]


class Gallery(Enrolling, Searching, Keeping):
    """Known people in a folder of their own, searched exactly, safe for threads and processes.

    Several processes may have one gallery open: one writes at a time, and a search that
    starts after a commit sees it, whoever committed. Unknown people and faces are refused in
    every verb (NotFoundError, with the near names). People may be named by their id too.

    >>> import tempfile
    >>> from vultus.testing import Analyzer, Thresholds, picture
    >>> analyzer = Analyzer()
    >>> folder = tempfile.TemporaryDirectory()
    >>> gallery = Gallery.open(folder.name, analyzer=analyzer, operating=Thresholds(analyzer.contract))
    >>> gallery.enroll("Ada", [picture("Ada", noise=8), picture("Ada", noise=8, seed=1)]).person.templates
    2
    >>> [(seen.status, seen.person) for seen in gallery.identify(picture("Ada", "a stranger", noise=8, seed=2))]
    [('match', 'Ada'), ('unknown', None)]
    >>> gallery.close()
    >>> folder.cleanup()
    """

    def people(self) -> tuple[Person, ...]:
        """Everybody, by name."""
        with self._store.read() as connection:
            return people.people(connection)

    def person(self, name: str) -> Person:
        """One person."""
        with self._store.read() as connection:
            return people.person(connection, people.resolve(connection, name))

    def faces(self, name: str) -> tuple[Template, ...]:
        """The enrolled faces of a person, in the order of their enrolment."""
        with self._store.read() as connection:
            return faces.templates(connection, person=people.resolve(connection, name))

    def crop(self, face: str) -> Image | None:
        """The aligned crop (112, 112, 3) that was kept of a face, None if none was."""
        with self._store.read() as connection:
            return faces.crop(connection, face)

    def face(self, face: str) -> Template:
        """One enrolled face by its id."""
        with self.view() as view:
            return view.face(face)

    def embedding(self, face: str) -> Vector:
        """The embedding of an enrolled face, (D,), of unit length."""
        with self.view() as view:
            return view.embedding(face)

    @contextmanager
    def view(self) -> Iterator[View]:
        """Look at one state of the gallery in several ways; see `View`.

        Other processes go on meanwhile, the other threads of this one wait.
        """
        with self._store.read() as connection:
            view = View(connection, self._live, self._agreed, self._point)
            try:
                yield view
            finally:
                view.end()

    @contextmanager
    def change(self) -> Iterator[Change]:
        """Change the gallery in several ways at once, in one durable transaction; see `Change`.

        Whatever leaves the `with` as an error takes all of it back. Nobody else writes meanwhile.
        """
        with self._store.write() as connection:
            change = Change(connection, self._live, self._agreed, self._point)
            try:
                yield change
            finally:
                change.end()

    def add_person(self, name: str) -> Person:
        """A new person without faces; a name that is taken is refused (ConflictError)."""
        with self.change() as change:
            return change.add_person(name)

    def rename(self, name: str, new_name: str) -> Person:
        """Give a person another name; one that is taken, or is somebody's id, is refused (ConflictError)."""
        with self.change() as change:
            return change.rename(name, new_name)

    def merge(self, names: str | Sequence[str], into: str) -> Person:
        """Make people one who were enrolled as several.

        `into` keeps its name and gets the templates, the feedback and, as aliases, the names
        of the others. Refused (ConflictError): more than 100 templates together.
        """
        with self.change() as change:
            return change.merge(names, into)

    def split(self, name: str, faces: Sequence[str], new_name: str) -> Person:
        """Make some faces of a person a new person.

        `new_name` may be an alias of theirs: so a merge is undone. Refused: a face of somebody
        else (InputError), a name that is taken (ConflictError).
        """
        with self.change() as change:
            return change.split(name, faces, new_name)

    def move_faces(self, faces: Sequence[str], to: str, *, keep_twins: bool = False) -> Person:
        """Give faces to another person, all or none of them; over 100 templates is refused (ConflictError).

        A face that they have already from the same picture is dropped. keep_twins: keep it, as a
        face of which is no longer known which of the picture it is.
        """
        with self.change() as change:
            return change.move_faces(faces, to, keep_twins=keep_twins)

    def remove_face(self, face: str) -> Person:
        """Take one face out; its person stays, even without faces."""
        with self.change() as change:
            return change.remove_face(face)

    def remove(self, name: str) -> Person:
        """Take a person out with all their faces: no search finds them from now on.

        Bytes may remain in the write-ahead log and in a snapshot until these are renewed;
        `erase` sees to that and shows it.
        """
        with self.change() as change:
            return change.remove(name)

    def erase(self, name: str) -> Receipt:
        """Take a person out and show that nothing of them is left in the gallery's folder.

        Rows are deleted and zeroed, the data key of a sealed gallery is destroyed, the
        write-ahead log is emptied, the snapshot written anew, and every file of the folder and
        the key file searched for the bytes of the vectors, crops, paths, name and key, in the
        clear and sealed. When another process reads an older state for longer than the timeout,
        the receipt is "pending": the person is gone from every search, the traces go with
        `finish_erasures`.
        """
        with self._store.lock:
            with self._store.write() as connection:
                noted, remains = erasure.delete(connection, name)
            self._remains[noted.person] = remains
            return self._settle(noted)

    def pending_erasures(self) -> tuple[str, ...]:
        """Ids of the people whose erasure is not finished; they are gone from every search."""
        with self._store.read() as connection:
            return tuple(one.person for one in erasure.pending(connection))

    def finish_erasures(self, *, wait: bool = True) -> tuple[Receipt, ...]:
        """Take up erasures that another process's readers, or a crash, held up.

        wait: for such readers, up to the timeout; without it what they hold up stays pending.
        """
        with self._store.lock:
            with self._store.read() as connection:
                waiting = erasure.pending(connection)
            return tuple(self._settle(one, wait=wait) for one in waiting)

    def _settle(self, noted: erasure.Noted, *, wait: bool = True) -> Receipt:
        receipt = erasure.settle(self._store, self._live, noted, self._remains.get(noted.person), wait=wait)
        if receipt.status == "erased":
            self._remains.pop(noted.person, None)
        return receipt

    def stats(self) -> Stats:
        """The gallery in numbers."""
        with self._store.read() as connection:
            contract = self._agreed(connection)
            sizes = connection.execute("SELECT count(*) FROM face GROUP BY person").fetchall()
            operating = None
            if contract is not None and sizes:
                with suppress(OperatingPointError):  # a model that nobody calibrated
                    operating = self._thresholds(contract).identify(IDENTIFY_FPIR, np.array(sizes, np.int64)[:, 0])
            uuid, created, keep, revision, mark = connection.execute(
                "SELECT uuid, created, keep, revision, snapshot FROM gallery"
            ).fetchone()
            counts = [
                connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in ("person", "face", "crop", "contract", "erasure")
            ]
            return Stats(
                id=uuid,
                people=counts[0],
                templates=counts[1],
                crops=counts[2],
                bytes=sum(path.stat().st_size for path in scan.files(self.path)),
                revision=revision,
                schema=connection.execute("PRAGMA user_version").fetchone()[0],
                created=created,
                keep=keep,
                contract=contract,
                other_contracts=max(counts[3] - 1, 0),
                snapshot=mark is not None,
                pending_erasures=counts[4],
                operating=operating,
                sealed=connection.seal is not None,
            )

    def check(self) -> Check:
        """Look at everything: tables, vectors, crops, and that what is searched is what is stored.

        Also lists people who look like one person. Reads the whole gallery.
        """
        with self._store.read() as connection:
            contract = contracts.in_use(connection)
            rules = self._rules(contract[1], False) if contract is not None else None
            return check.check(connection, self._live, rules)

    def migrate(
        self,
        analyzer: Analyzer,
        *,
        batch: int = 64,
        accept_losses: bool = False,
        keep_old: bool = False,
        progress: Progress | None = None,
    ) -> Migration:
        """Embed everybody anew with another model, from the kept crops, and go on with that model.

        Open the gallery without an analyzer for it. A migration that was stopped goes on
        where it was. keep_old: keep the old embeddings, so that migrating back is quick.

        Refused (GalleryError), with nothing switched: people of whom no crop was kept, unless
        `accept_losses`; the same model; a new model that finds people worse than the old one.
        """
        if batch < 1:
            raise InputError(f"expected a batch of 1 or more, got {batch}")
        done = migrate.migrate(
            self._store, analyzer, batch=batch, accept_losses=accept_losses, keep_old=keep_old, progress=progress
        )
        self._analyzer, self._declared = analyzer, analyzer.contract
        self._operating = self._table = None
        return done
