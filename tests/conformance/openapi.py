"""Meta's own OpenAPI file (v23.0), made usable: its slips mended, each with its reason, and nothing else.

The file is Meta's and lies nowhere in this repository: QUIXESS_META_OPENAPI says where it is. As published, all of
its 50 examples of sends and all of its 16 of webhooks fail their own schemas: parts were merged from many files, and
names that clashed were renamed on one side only.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # its stubs are a package apart

VARIABLE = "QUIXESS_META_OPENAPI"
MISSING = (
    f"CONFORMANCE WITH META'S OPENAPI FILE WAS NOT CHECKED: {VARIABLE} names no file. Meta publishes it in "
    "https://github.com/facebook/openapi, as business-messaging-api_v23.0.yaml"
)
_REF = "#/components/schemas/"
_SENDS = "/{Version}/{Phone-Number-ID}/messages"
_SENT = ("Text", "Audio", "Video", "Document", "Image", "Location", "Sticker", "Reaction", "Interactive", "Template")
_RECEIVED = ("Reaction", "Audio", "Document", "Image", "Sticker", "Video", "Location")

Schemas = dict[str, Any]


@dataclass
class OpenApi:
    """The schemas as mended, and the examples of sends as they stand in the file."""

    schemas: Schemas
    sends: dict[str, dict[str, Any]]
    _validators: dict[str, Draft202012Validator] = field(default_factory=dict)

    def faults(self, name: str, value: Any) -> list[str]:
        """List where `value` is not a `name`, deepest first; none is conformance."""
        if name not in self._validators:
            root = {"$ref": _REF + name, "components": {"schemas": self.schemas}}
            self._validators[name] = Draft202012Validator(root)
        return told(self._validators[name].iter_errors(value))


def told(errors: Iterable[Any]) -> list[str]:
    """Say what is wrong, and where; of alternatives, what is wrong with each."""
    found = []
    for error in errors:
        where = "/".join(map(str, error.absolute_path))
        found.append(f"{where}: {error.message[:300]}")
        found += [f"  {line}" for line in told(error.context or ())]
    return found


@cache
def load() -> OpenApi | None:
    """Read and mend the file that the environment names; None if there is none."""
    path = Path(os.environ.get(VARIABLE) or "/nowhere")
    if not path.is_file():
        return None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    body = document["paths"][_SENDS]["post"]["requestBody"]["content"]["application/json"]
    return OpenApi(
        schemas=_mended(document["components"]["schemas"]),
        sends={name: example["value"] for name, example in body["examples"].items()},
    )


def _mended(schemas: Schemas) -> Schemas:
    _use_inbound_twins(schemas)
    _mend_received(schemas)
    _mend_reports(schemas)
    _mend_sent(schemas)
    _mend_templates(schemas)
    _mend_interactive(schemas)
    return {name: _modern(schema) for name, schema in schemas.items()}


def _modern(node: Any) -> Any:
    """Turn keywords of OpenAPI 3.0 into JSON Schema's, and drop those that say nothing."""
    if isinstance(node, list):
        return [_modern(one) for one in node]
    if not isinstance(node, dict):
        return node
    plain = {key: _modern(one) for key, one in node.items() if key not in {"discriminator", "example"}}
    if plain.pop("nullable", False) is True and isinstance(plain.get("type"), str):
        plain["type"] = [plain["type"], "null"]
    return plain


def _use_inbound_twins(schemas: Schemas) -> None:
    """What users send points at the schemas of what businesses send; the right ones stand beside them, renamed."""
    twins = {f"{kind}Message": f"{kind}Message_1" for kind in _RECEIVED} | {
        "TextMessage": "TextMessage_2",
        "BaseMessageProperties": "BaseMessageProperties_1",
        "ContactObject": "ContactObject_1",
        "ErrorObject": "ErrorObject_2",
    }
    inbound = ["IncomingMessage", "TextMessage_2", "ContactSharingMessage", "UnsupportedMessage", "ButtonMessage"]
    inbound += ["InteractiveMessageReply", "OrderMessage", "SystemMessage"]
    for name in inbound + [f"{kind}Message_1" for kind in _RECEIVED]:
        schemas[name] = _pointed(schemas[name], twins)


def _pointed(node: Any, names: dict[str, str]) -> Any:
    if isinstance(node, list):
        return [_pointed(one, names) for one in node]
    if isinstance(node, dict):
        return {key: _pointed(one, names) for key, one in node.items()}
    if isinstance(node, str) and node.startswith(_REF):
        name = node.removeprefix(_REF)
        return _REF + names.get(name, name)
    return node


def _own(schemas: Schemas, name: str) -> Any:
    """Give the part of a message's schema that is not shared by all messages."""
    return schemas[name]["allOf"][1]


def _mend_received(schemas: Schemas) -> None:
    schemas["BaseMessageProperties_1"]["required"] = ["id", "timestamp"]  # users with a username have no `from`
    schemas["ContextObject"]["required"] = []  # plain replies and forwards name no product
    schemas["ReferralObject"]["required"] = ["source_url", "source_type", "source_id"]
    _own(schemas, "ReactionMessage_1")["properties"]["reaction"]["required"] = ["message_id"]  # one that is taken back
    _own(schemas, "LocationMessage_1")["properties"]["location"]["required"] = ["latitude", "longitude"]
    _own(schemas, "ButtonMessage")["required"] = ["type", "button"]
    chosen = _own(schemas, "InteractiveMessageReply")
    chosen["required"] = ["type", "interactive"]
    chosen["properties"]["interactive"]["properties"]["type"]["enum"] += ["nfm_reply", "call_permission_reply"]
    system = _own(schemas, "SystemMessage")
    system["required"] = ["type"]
    system["properties"]["system"]["properties"]["type"]["enum"] += [
        "customer_identity_changed",
        "user_changed_user_id",
    ]
    for kind, required in (("edit", ["original_message_id", "message"]), ("revoke", ["original_message_id"])):
        schemas[f"Received_{kind}"] = _received(kind, required)  # newer than the file
        schemas["IncomingMessage"]["oneOf"].append({"$ref": f"{_REF}Received_{kind}"})


def _received(kind: str, required: list[str]) -> Any:
    content = {"type": "object", "required": required}
    own = {"type": "object", "required": ["type", kind], "properties": {"type": {"enum": [kind]}, kind: content}}
    return {"allOf": [{"$ref": f"{_REF}BaseMessageProperties_1"}, own]}


def _mend_reports(schemas: Schemas) -> None:
    schemas["Statuses"]["required"] = ["id", "status", "timestamp"]
    schemas["Statuses"]["properties"]["status"]["enum"].append("played")


def _mend_sent(schemas: Schemas) -> None:
    for kind in (*_SENT, "Contacts"):  # each half of an allOf forbade the members of the other
        _own(schemas, f"{kind}Message").pop("additionalProperties", None)
        schemas[f"{kind}Message"]["unevaluatedProperties"] = False
    base = schemas["BaseMessageProperties"]
    base["required"] = ["messaging_product", "type"]
    base["properties"] |= {
        "recipient": {"type": "string"},
        "recipient_identity_key_hash": {"type": "string"},
        "biz_opaque_callback_data": {"type": "string", "maxLength": 512},
    }
    where = _own(schemas, "LocationMessage")["properties"]["location"]["properties"]
    for axis in ("latitude", "longitude"):
        where[axis]["type"] = ["string", "number"]  # its own examples are numbers
    _own(schemas, "ContactsMessage")["properties"]["contacts"]["maxItems"] = 257


def _mend_templates(schemas: Schemas) -> None:
    schemas["LanguageObject"]["required"] = ["code"]
    digit = {"anyOf": [{"type": "string", "pattern": "^[0-9]$"}, {"type": "integer", "minimum": 0, "maximum": 9}]}
    for part in (schemas["TemplateComponent"], _own(schemas, "ButtonComponent")):
        part["properties"]["index"] = digit  # the pattern had meant a range
        part["properties"]["sub_type"]["enum"] += ["CATALOG", "copy_code", "COPY_CODE", "flow", "FLOW", "mpm", "MPM"]
        part["properties"]["sub_type"]["enum"] += ["voice_call", "order_details"]
    schemas["TemplateComponent"]["properties"]["type"]["enum"] += ["limited_time_offer", "carousel", "order_status"]


def _mend_interactive(schemas: Schemas) -> None:
    kinds = schemas["InteractiveObject"]["properties"]["type"]["enum"]
    kinds += ["cta_url", "location_request_message", "voice_call", "address_message", "order_details"]
    kinds += ["order_status", "carousel", "request_contact_info"]
    schemas["ActionObject"] = {"type": "object"}  # what belongs to which kind: `tests/conformance/sends.py`
