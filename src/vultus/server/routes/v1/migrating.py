"""Another recognition model for a gallery: everybody is embedded anew from the kept crops, as a job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field

from vultus.errors import ConflictError, GalleryError, MasterKeyError
from vultus.gallery import values
from vultus.server.auth import Caller, allow, service_of
from vultus.server.jobs import Job
from vultus.server.problems import Problem
from vultus.server.routes.v1 import schemas
from vultus.server.routes.v1.jobs import JobState, accepted
from vultus.server.routes.v1.route import Route
from vultus.server.service import Service

__all__ = ["router"]

router = APIRouter(prefix="/v1/galleries/{gallery}", tags=["galleries"], route_class=Route, responses=schemas.PROBLEMS)


class Migrate(schemas.Asked):
    """How to migrate."""

    accept_losses: bool = Field(False, description="Let people go of whom no crop was kept, instead of refusing.")
    keep_old: bool = Field(False, description="Keep the old embeddings, so that migrating back is quick.")
    reason: schemas.Line = ""


@router.post(
    "/migrations", response_model=JobState, status_code=202, summary="Embed everybody with this server's model"
)
async def migrate(request: Request, gallery: str, body: Migrate, caller: Annotated[Caller, allow("admin")]) -> Response:
    """For a gallery of another model than the server's: searches of it are refused until it has this one.

    A job; its one row says what was done and how the self-check went. What is embedded is kept at once: a job that
    was cancelled or interrupted goes on where it was when this is asked again. Refused (409): a gallery of the
    server's own model, or with nobody in it. The job fails, with nothing switched, when people would be lost or
    when the new model finds people worse than the old one.
    """
    service = service_of(request)

    def begin() -> Job:
        with service.changing(gallery):
            for job in service.jobs.list(None):
                if job.kind == "migrate" and job.gallery == gallery and not job.over:
                    raise ConflictError(f"the gallery is being migrated already, by the job {job.id}")
            with service.aside(gallery) as opened:
                old = opened.contract
            if old is None:
                raise ConflictError("expected a gallery with somebody in it, there is nothing to migrate")
            if old.id == service.contract:
                raise ConflictError(f"the gallery's embeddings are of {old.model} already, with the same weights")
            job = Job("migrate", caller.key.id, gallery, float("inf"))
            return service.jobs.submit(job, _work(service, body))

    return accepted(await service.run(begin), caller)


def _work(service: Service, body: Migrate) -> Callable[[Job], None]:
    def work(job: Job) -> None:
        with service.aside(job.gallery) as opened:
            try:
                done: values.Migration = opened.migrate(
                    service.analyzer.parallel(),
                    accept_losses=body.accept_losses,
                    keep_old=body.keep_old,
                    progress=job.advance,
                )
            except MasterKeyError:
                raise
            except GalleryError as error:
                raise Problem(409, "migration_refused", str(error)) from error
            service.note(
                job.owner,
                "gallery.migrate",
                gallery=job.gallery,
                reason=body.reason,
                revision=opened.revision,
                model=done.new,
                model_before=done.old,
                templates=done.templates + done.reused,
                lost_people=len(done.lost_people),
            )
            job.add(asdict(done))

    return work
