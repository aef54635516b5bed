"""The same manifests as a Kustomize base, and an overlay to begin with. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from outboard.manifests.system import App
from outboard.manifests.text import Manifest, Noted, Quoted, Value, manifests_text

__all__ = ["BASE", "OVERLAY", "base_text", "overlay_text"]

BASE: Final = "base"
OVERLAY: Final = "overlays/production"
VERSION: Final = "kustomize.config.k8s.io/v1beta1"
ABOUT_OVERLAY: Final = """\
What is other in production. This file was written once, and is yours: it is never written again.
  kubectl apply -k overlays/production"""


def base_text(files: Sequence[str]) -> str:
    """The kustomization of the base, which lists `files`."""
    listed = "".join(f"  - {each}\n" for each in files)
    head = manifests_text([Manifest({"apiVersion": VERSION, "kind": "Kustomization"})])
    return f"{head}resources:\n{listed}"


def overlay_text(apps: Sequence[App], *, scaled: bool) -> str:
    """The kustomization of the overlay: where the images are, and how many pods there are.

    With `scaled` that is left to KEDA, for the apps that have something to scale by.
    """
    images: list[Value] = [
        {
            "name": name,
            "newName": Noted(name, "with your registry before it: registry.example.com/shop/" + name),
            "newTag": Quoted(tag),
        }
        for name, tag in sorted({_parts(each.image) for each in apps})
    ]
    replicas: list[Value] = [
        {"name": each.app_id, "count": each.settings.replicas}
        for each in apps
        if not (scaled and each.settings.scale)
    ]
    return manifests_text(
        [
            Manifest(
                {
                    "apiVersion": VERSION,
                    "kind": "Kustomization",
                    "resources": ["../../base"],
                    "images": images,
                    "replicas": replicas,
                },
                ABOUT_OVERLAY,
            )
        ]
    )


def _parts(image: str) -> tuple[str, str]:
    name, colon, tag = image.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (image, "latest")
