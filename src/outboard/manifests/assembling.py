"""All files of a system, by name, and the Secrets that it needs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from outboard.facts.catalogue import Catalogue
from outboard.manifests.containerfile import containerfile
from outboard.manifests.kustomize import BASE, OVERLAY, base_text, overlay_text
from outboard.manifests.resources import cluster_resources
from outboard.manifests.scaling import scaling_manifests
from outboard.manifests.secrecy import how_to_create, merged_secrets
from outboard.manifests.system import SecretNeeded, System
from outboard.manifests.text import Manifest, manifests_text
from outboard.manifests.workload import app_manifests, app_secrets

__all__ = ["FileSet", "ManifestOptions", "file_set"]

ABOUT_NAMESPACE: Final = """\
The services and everything that Dapr reads for them live in one namespace; a component in another one than
the pods is not seen by their sidecars."""
FOREIGN: Final = frozenset(
    {"node", "npm", "npx", "yarn", "pnpm", "dotnet", "java", "mvn", "go", "cargo", "php"}
)
"""Programs of apps that are not written in Python: how their images are built is not known here."""
ABOUT_SECRETS: Final = "Secrets are in no file. Create them first, with the values in the place of the dots:"


@dataclass(frozen=True, slots=True)
class ManifestOptions:
    """What is asked for beside the system: KEDA's resources, and a Kustomize base."""

    keda: bool = False
    kustomize: bool = False


@dataclass(frozen=True, slots=True)
class FileSet:
    """The files by name; `once` are the person's after they were written. `secrets` are to be created."""

    files: Mapping[str, str]
    once: Mapping[str, str]
    secrets: tuple[SecretNeeded, ...]


def file_set(
    system: System,
    catalogue: Catalogue,
    templates: Mapping[str, str],
    paths: Mapping[str, str],
    options: ManifestOptions,
) -> FileSet:
    """Everything. `templates` are the brokers to try with; `paths` says, by app, where its Containerfile is,
    seen from what its image is built from. Raises CommandError for what cannot be in a cluster.
    """
    resources = cluster_resources(system, catalogue)
    secrets = merged_secrets(
        (*resources.secrets, *(each for app in system.apps for each in app_secrets(app, system)))
    )
    manifests = {"00-namespaces.yaml": manifests_text(list(_namespaces(system)))}
    for number, name in (("10", "kafka"), ("20", "redis")):
        if name in system.settings.to_try_with:
            manifests[f"{number}-{name}.yaml"] = templates[name].replace("@NAMESPACE@", system.namespace)
    if resources.manifests:
        text = manifests_text(resources.manifests)
        manifests["30-components.yaml"] = f"{_about(secrets, system.namespace)}{text}"
    for app in system.apps:
        manifests[f"40-{app.app_id}.yaml"] = manifests_text(
            list(app_manifests(app, system, scaled=options.keda and app.settings.scale is not None))
        )
    if options.keda:
        scaling = [
            each for app in system.apps for each in scaling_manifests(app, system, resources.manifests)
        ]
        if scaling:
            manifests["60-scaling.yaml"] = manifests_text(scaling)
    images = {
        f"{app.app_id}.Containerfile": containerfile(app, paths[app.app_id])
        for app in system.apps
        if app.command and app.command[0] not in FOREIGN
    }
    if not options.kustomize:
        return FileSet({**manifests, **images}, {}, secrets)
    base = {f"{BASE}/{name}": text for name, text in manifests.items()}
    base[f"{BASE}/kustomization.yaml"] = base_text(list(manifests))
    overlay = {f"{OVERLAY}/kustomization.yaml": overlay_text(system.apps, scaled=options.keda)}
    return FileSet({**base, **images}, overlay, secrets)


def _namespaces(system: System) -> Iterator[Manifest]:
    comments: Iterable[tuple[str, str]] = [(system.namespace, ABOUT_NAMESPACE)]
    if "kafka" in system.settings.to_try_with:
        comments = [*comments, ("kafka", "")]
    for name, comment in comments:
        yield Manifest({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, comment)


def _about(secrets: Iterable[SecretNeeded], namespace: str) -> str:
    lines = [f"#   {how_to_create(each, namespace)}\n" for each in secrets]
    return f"# {ABOUT_SECRETS}\n{''.join(lines)}" if lines else ""
