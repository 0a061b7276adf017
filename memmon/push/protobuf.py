"""Protocol buffers of a few fields, described in code: no generated file to keep in step."""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

from memmon.errors import BadInput

_FIELD = descriptor_pb2.FieldDescriptorProto
_KINDS = {
    "double": _FIELD.TYPE_DOUBLE,
    "int64": _FIELD.TYPE_INT64,
    "int32": _FIELD.TYPE_INT32,
    "string": _FIELD.TYPE_STRING,
    "bytes": _FIELD.TYPE_BYTES,
}

Fields = dict[str, tuple[int, str]]
"""Name -> number and kind. `repeated` before the kind makes a list; another kind is the name of a
message.
"""


def classes(package: str, messages: dict[str, Fields]) -> dict[str, type[Any]]:
    """Return a class for each of `messages`."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for name, fields in messages.items():
        described = file.message_type.add(name=name)
        for field, (field_number, kind) in fields.items():
            repeated, kind = kind.startswith("repeated "), kind.removeprefix("repeated ")
            described.field.add(
                name=field,
                number=field_number,
                label=_FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL,
                type=_KINDS.get(kind, _FIELD.TYPE_MESSAGE),
                type_name=None if kind in _KINDS else f".{package}.{kind}",
            )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in messages}


def parse(cls: type[Any], body: bytes) -> Any:
    """Return `body` as a message; raise BadInput for an invalid one."""
    parsed = cls()
    try:
        parsed.ParseFromString(body)
    except (message.DecodeError, RecursionError) as error:
        raise BadInput("body", f"is no {cls.DESCRIPTOR.full_name}: {error}") from None
    return parsed
