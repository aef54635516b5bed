"""Messages whose stubs are in no package that is at hand, described by their fields. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from google.protobuf import descriptor_pb2

__all__ = ["Fields", "file_of"]

Fields: TypeAlias = Mapping[str, Sequence[tuple[str, int, str]]]
"""Message → its fields: name, number, type; `[` is for many, `{` for a map from string to the type."""
SCALARS: Final = {
    "int32": descriptor_pb2.FieldDescriptorProto.TYPE_INT32,
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "uint64": descriptor_pb2.FieldDescriptorProto.TYPE_UINT64,
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    "bytes": descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
}


def file_of(
    name: str, package: str, fields: Fields, imports: Iterable[str] = ()
) -> descriptor_pb2.FileDescriptorProto:
    """The file `name` with the messages of `package` among `fields`, whose names have the package."""
    file = descriptor_pb2.FileDescriptorProto(
        name=name, package=package, syntax="proto3", dependency=list(imports)
    )
    for message_name, described in fields.items():
        if message_name.startswith(f"{package}."):
            message = file.message_type.add(name=message_name.removeprefix(f"{package}."))
            for field, number, kind in described:
                if kind.startswith("{"):
                    entry = _add_entry(message, field, kind.removeprefix("{"))
                    _add_field(message, field, number, f"[.{message_name}.{entry}")
                else:
                    _add_field(message, field, number, kind)
    return file


def _add_entry(message: descriptor_pb2.DescriptorProto, field: str, kind: str) -> str:
    """The name of the message that an entry of the map `field` is."""
    name = "".join(word.capitalize() for word in field.split("_")) + "Entry"
    entry = message.nested_type.add(name=name, options=descriptor_pb2.MessageOptions(map_entry=True))
    _add_field(entry, "key", 1, "string")
    _add_field(entry, "value", 2, kind)
    return name


def _add_field(message: descriptor_pb2.DescriptorProto, name: str, number: int, kind: str) -> None:
    proto = descriptor_pb2.FieldDescriptorProto
    type_name = kind.removeprefix("[")
    field = message.field.add(
        name=name, number=number, label=proto.LABEL_REPEATED if kind.startswith("[") else proto.LABEL_OPTIONAL
    )
    if type_name in SCALARS:
        field.type = SCALARS[type_name]
    else:
        field.type, field.type_name = proto.TYPE_MESSAGE, type_name
