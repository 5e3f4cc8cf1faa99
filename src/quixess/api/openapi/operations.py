"""One operation of the document, from the declaration of its endpoint."""

import re
from collections.abc import Mapping
from typing import Any

from quixess.api.gate import AnyKey
from quixess.api.openapi import problems
from quixess.api.openapi.managed import Described
from quixess.api.openapi.schemas import Schema, nullable, resolve

_ID = re.compile(r"`([a-z]{3})_…`")
_SAMPLE_ID = "01KAR3V6Z5E2M8Q4T7W9Y1B3D5"
_SAMPLES = {"name": "order_update", "language": "en_US"}
MANAGEMENT = "Management"
_NO_BODY = (204, 304)
_WORDS = {
    200: "It worked.",
    201: "It was made.",
    202: "Taken on; it is not done yet, or nobody can know yet.",
    204: "It worked, and there is nothing to say.",
    206: "The part that was asked for.",
    304: "It has not changed.",
}


def describe(endpoint: Described, structs: Mapping[type, Schema], components: Mapping[str, Schema]) -> dict[str, Any]:
    """Write the operation of an endpoint; `structs` and `components` are those of `schemas.of_structs`."""
    needs, access = _access(endpoint)
    operation: dict[str, Any] = {
        "operationId": endpoint.id,
        "tags": [tag(endpoint)],
        "summary": endpoint.summary.rstrip("."),
        "description": " ".join(part for part in (endpoint.description, needs) if part),
        **access,
        "parameters": _parameters(endpoint, structs, components),
        "responses": _answers(endpoint, structs) | problems.answers(endpoint),
    }
    if (body := _body(endpoint, structs)) is not None:
        operation["requestBody"] = body
    return operation


def _access(endpoint: Described) -> tuple[str, dict[str, Any]]:
    """Tell who may ask, in a sentence and as members of the operation."""
    if endpoint.scope is None:
        return "Needs an operator token; API keys do not open it.", {"security": [{"OperatorToken": []}]}
    by_key: dict[str, Any] = {"x-required-scope": None, "security": [{"ApiKey": []}, {"Bearer": []}]}
    if isinstance(endpoint.scope, AnyKey):
        return "Any valid key may ask.", by_key
    return f"Needs the scope `{endpoint.scope}`.", by_key | {"x-required-scope": str(endpoint.scope)}


def tag(endpoint: Described) -> str:
    """Give the group of an endpoint: the first part of its path, and one for all that operators may."""
    return MANAGEMENT if endpoint.scope is None else endpoint.path.split("/")[1]


def sample(name: str, description: str) -> str:
    """Give a value for a parameter of a path, as its description has it."""
    prefix = _ID.search(description)
    return f"{prefix[1]}_{_SAMPLE_ID}" if prefix else _SAMPLES.get(name, name)


def _parameters(
    endpoint: Described, structs: Mapping[type, Schema], components: Mapping[str, Schema]
) -> list[dict[str, Any]]:
    found = [_of_path(name, endpoint.parameters.get(name, "")) for name in re.findall(r"{(\w+)", endpoint.route)]
    if endpoint.query is not None:
        found += _of_query(resolve(structs[endpoint.query], components))
    if endpoint.idempotent:
        found.append({"$ref": "#/components/parameters/Idempotency-Key"})
    return [*found, {"$ref": "#/components/parameters/X-Request-Id"}]


def _of_path(name: str, description: str) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1}
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": schema,
        "example": sample(name, description),
    }


def _of_query(struct: Schema) -> list[dict[str, Any]]:
    required = struct.get("required", [])
    return [_asked(name, schema, needed=name in required) for name, schema in struct["properties"].items()]


def _asked(name: str, schema: Schema, *, needed: bool) -> dict[str, Any]:
    bare, _ = nullable(schema)
    bare = {key: value for key, value in bare.items() if (key, value) != ("default", None)}
    description = bare.pop("description", "")
    parameter = {"name": name, "in": "query", "required": needed, "description": description, "schema": bare}
    if bare.get("type") == "object":
        parameter |= {"style": "deepObject", "explode": True}
    return parameter


def _body(endpoint: Described, structs: Mapping[type, Schema]) -> dict[str, Any] | None:
    if endpoint.upload is not None:
        part = {"type": "string", "contentMediaType": "application/octet-stream", "description": "The file."}
        schema = {"type": "object", "properties": {endpoint.upload: part}, "required": [endpoint.upload]}
        return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    if endpoint.request is None:
        return None
    content: dict[str, Any] = {"schema": structs[endpoint.request]}
    if endpoint.examples:
        content["examples"] = {_slug(name): {"summary": name, "value": v} for name, v in endpoint.examples.items()}
    return {"required": True, "content": {"application/json": content}}


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _answers(endpoint: Described, structs: Mapping[type, Schema]) -> dict[str, Any]:
    return {str(status): _answer(endpoint, status, structs) for status in endpoint.statuses}


def _answer(endpoint: Described, status: int, structs: Mapping[type, Schema]) -> dict[str, Any]:
    names = ["X-Request-Id"]
    if endpoint.scope is not None:
        names += ["RateLimit", "RateLimit-Policy"]
    if endpoint.idempotent:
        names += ["Idempotent-Replayed", "Idempotency-Status"]
    if endpoint.response is bytes:
        names.append("ETag")
    answer: dict[str, Any] = {
        "description": _WORDS[status],
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
    }
    if status not in _NO_BODY:
        answer["content"] = _content(endpoint, status, structs)
    return answer


def _content(endpoint: Described, status: int, structs: Mapping[type, Schema]) -> dict[str, Any]:
    if endpoint.response is bytes:
        return {"*/*": {"schema": {"description": "The bytes of the file."}}}
    content: dict[str, Any] = {"schema": structs[endpoint.response]}
    if endpoint.answer is not None:
        content["example"] = example(endpoint, status)
    return {"application/json": content}


def example(endpoint: Described, status: int) -> Any:
    """Show an answer: the declared one, or of a send what it says when nobody can know."""
    if endpoint.idempotent and status == 202:
        return endpoint.answer | {"wa_message_id": None, "status": "unconfirmed"}
    return endpoint.answer
