"""A report as text, which goes into an issue as it is, and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from outboard.inventory.report import Package, Report, SeenResource, Tool

__all__ = ["as_json", "as_text"]


def as_json(report: Report) -> dict[str, object]:
    """The fields of the report; each extra with what it misses."""
    extras = [{**asdict(each), "missing": list(each.missing)} for each in report.extras]
    return {**asdict(report), "extras": extras}


def as_text(report: Report) -> Iterator[str]:
    """The lines, part by part."""
    yield f"outboard {report.outboard}"
    yield f"python {report.python}"
    for name, value in report.platform.items():
        yield f"{name} {value}"
    yield from _part("dependencies", map(_package, report.dependencies))
    yield from _part("extras", (_extra(each.name, each.packages, each.missing) for each in report.extras))
    yield from _part("engines", map(_tool, report.engines))
    yield from _part("apps", iter(report.apps))
    yield from _part("resources", map(_resource, report.resources))
    yield from _part("problems", iter(report.problems))
    yield from _part("variables", (f"{name}={value}" for name, value in report.variables.items()))


def _part(title: str, lines: Iterator[str]) -> Iterator[str]:
    yield ""
    yield f"{title}:"
    told = [f"  {line}" for line in lines]
    yield from told or ["  none"]


def _package(package: Package) -> str:
    asked = f" (asked for: {package.asked})" if package.asked and not package.version else ""
    return f"{package.name} {package.version or 'is not installed'}{asked}"


def _extra(name: str, packages: tuple[Package, ...], missing: tuple[str, ...]) -> str:
    if len(missing) == len(packages):
        return f"{name}: not installed"
    there = ", ".join(f"{each.name} {each.version}" for each in packages if each.version)
    lacking = f"; missing: {', '.join(missing)}" if missing else ""
    return f"{name}: {there}{lacking}"


def _tool(tool: Tool) -> str:
    if not tool.place:
        return f"{tool.name}: not found ({tool.problem})"
    return f"{tool.name} {tool.version or '(tells no version)'} at {tool.place}"


def _resource(resource: SeenResource) -> str:
    fields = f" with {', '.join(resource.fields)}" if resource.fields else ""
    what = f"{resource.kind} {resource.name}"
    return (
        f"{what}: {resource.type}{fields} ({resource.place})"
        if resource.type
        else f"{what} ({resource.place})"
    )
