"""Requests of a REST-JSON service, routed and checked by AWS's own model of it, as botocore carries it."""

import json
import re
from urllib.parse import unquote


class Refused(Exception):
    """An error that AWS answers with."""

    def __init__(self, code, message, status=400):
        super().__init__(message)
        self.code, self.status = code, status


class ServiceModel:
    def __init__(self, service):
        import botocore.session

        model = botocore.session.get_session().get_service_model(service)
        self.routes = [(name, *self.route_of(model.operation_model(name))) for name in model.operation_names]
        self.inputs = {name: model.operation_model(name).input_shape for name in model.operation_names}

    def route_of(self, operation):
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(operation.http["requestUri"].split("?")[0]))
        return operation.http["method"], re.compile(f"{pattern}/?$")

    def route(self, method, path):
        for name, wanted, pattern in self.routes:
            found = pattern.match(path)
            if found and wanted == method:
                return name, {key: unquote(value) for key, value in found.groupdict().items()}
        raise Refused("UnknownOperationException", f"{method} {path}", 404)

    def checked(self, operation, body, names, query_params):
        """The request's members, wherever on the wire they are, once they fit the model."""
        shape = self.inputs[operation]
        data = json.loads(body) if body else {}
        for member, description in shape.members.items():
            place, name = description.serialization.get("location"), description.serialization.get("name", member)
            if place == "uri" and name in names:
                data[member] = names[name]
            elif place == "querystring" and name in query_params:
                data[member] = from_query(description, query_params[name])
        check(shape, data, "")
        return data


def from_query(shape, values):
    values = values if isinstance(values, list) else [values]
    if shape.type_name == "list":
        return values
    return values[0] == "true" if shape.type_name == "boolean" else values[0]


def check(shape, value, path):
    CHECKS.get(shape.type_name, lambda *_: None)(shape, value, path)
    limits, size = shape.metadata, size_of(shape, value)
    if size is not None and not limits.get("min", size) <= size <= limits.get("max", size):
        refuse(path, f"must be between {limits.get('min')} and {limits.get('max')}, not {size}")


def size_of(shape, value):
    if shape.type_name in ("integer", "long"):
        return value
    return len(value) if shape.type_name in ("string", "list", "map") else None


def refuse(path, why):
    raise Refused("ValidationException", f"{path.lstrip('.') or 'The request'} {why}")


def structure(shape, value, path):
    if not isinstance(value, dict):
        refuse(path, "must be an object")
    for name in shape.required_members:
        if value.get(name) is None:
            refuse(f"{path}.{name}", "is required")
    for name, member in value.items():
        if name not in shape.members:
            refuse(f"{path}.{name}", "is not known")
        if member is not None:
            check(shape.members[name], member, f"{path}.{name}")


def string(shape, value, path):
    if not isinstance(value, str):
        refuse(path, "must be a string")
    if shape.enum and value not in shape.enum:
        refuse(path, f"must be one of {', '.join(shape.enum)}, not {value}")
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(pattern.strip("^$"), value):
        refuse(path, f"{value!r} must match {pattern}")


def typed(kind, name):
    def run(_shape, value, path):
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            refuse(path, f"must be {name}")
    return run


def every(shape, value, path):
    for number, item in enumerate(value):
        check(shape.member, item, f"{path}[{number}]")


def pairs(shape, value, path):
    for name, item in value.items():
        check(shape.key, name, f"{path}.{name}")
        check(shape.value, item, f"{path}.{name}")


CHECKS = {"structure": structure, "string": string, "integer": typed(int, "a whole number"), "list": every, "map": pairs,
          "long": typed(int, "a whole number"), "boolean": typed(bool, "true or false")}
