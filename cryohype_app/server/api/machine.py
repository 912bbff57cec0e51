"""The server's machine: what computes there and how busy it is, and which particle files can be trained on."""

from __future__ import annotations

import os
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from cryohype_app.jobs.devices import host_use
from cryohype_app.roots import FolderEntry
from cryohype_app.server.api.problem import NotThereError, printable, refusals
from cryohype_app.services import Services

MOST_ENTRIES = 2000


class DeviceFacts(BaseModel):
    """A processor or a GPU; null is what it does not tell."""

    id: str = Field(description="as a job's device: cpu or cuda:0")
    name: str = Field(description="for people")
    cores: int | None = Field(description="of the CPU")
    memory_used_bytes: int | None = Field(description="of the GPU")
    memory_total_bytes: int | None = Field(description="of the GPU")
    utilization_percent: float | None = Field(description="of the GPU")


class MachineFacts(BaseModel):
    """What there is to compute on."""

    devices: list[DeviceFacts] = Field(description="the CPU, then the GPUs")
    lanes: list[str] = Field(description="local, and the SLURM lanes")
    cpu_percent: float = Field(ge=0, description="of all cores, since the question before")
    memory_used_bytes: int = Field(ge=0, description="of the machine")
    memory_total_bytes: int = Field(ge=0, description="of the machine")


class EntryFacts(BaseModel):
    """A folder or a particle file."""

    name: str
    path: str = Field(description="absolute")
    kind: Literal["folder", "file"]
    bytes: int = Field(ge=0, description="of the file; 0 of a folder")


class FolderFacts(BaseModel):
    """What lies in a folder that the server may read."""

    folder: str | None = Field(description="its path; null above the server's folders")
    count: int = Field(ge=0, description="entries in it, of which the first 2,000 are told")
    entries: list[EntryFacts] = Field(description="folders first, then particle files, by name")


def router(services: Services) -> APIRouter:
    """GET /devices and /files."""
    routes = APIRouter(tags=["server"])

    @routes.get("/devices")
    def list_devices() -> MachineFacts:
        """GPUs, CPU and memory, and how much of them is in use."""
        use = host_use()
        return MachineFacts(
            devices=[DeviceFacts(**vars(device)) for device in services.devices],
            lanes=list(services.jobs.lanes()),
            **vars(use),
        )

    @routes.get("/files", responses=refusals(404, 422))
    def list_files(
        path: Annotated[str | None, Query(description="of a folder; without it, the folders that the server may read")] = None,
    ) -> FolderFacts:
        """Folders and particle files under the folders that the server was started with."""
        if path is None:
            roots = [FolderEntry(root.name, root, True, 0) for root in services.roots.folders]
            return FolderFacts(folder=None, count=len(roots), entries=[_entry(root) for root in roots])
        folder = services.roots.checked(path)
        if not os.path.exists(folder):  # False also of a name that no file system takes
            raise NotThereError(f"{path} does not exist; choose another folder")
        entries = services.roots.entries(folder)
        return FolderFacts(
            folder=printable(str(folder)), count=len(entries), entries=[_entry(entry) for entry in entries[:MOST_ENTRIES]]
        )

    return routes


def _entry(entry: FolderEntry) -> EntryFacts:
    kind: Literal["folder", "file"] = "folder" if entry.is_folder else "file"
    return EntryFacts(name=printable(entry.name), path=printable(str(entry.path)), kind=kind, bytes=entry.bytes)
