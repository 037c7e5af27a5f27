"""The JSON Schema of the whole protocol, as text that never varies: the client's types are generated from it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from sidecar.protocol.methods import HOST_NOTIFICATIONS, METHODS, SIDECAR_NOTIFICATIONS
from sidecar.protocol.results import PROTOCOL_VERSION

if TYPE_CHECKING:
    from typing import Literal

    from pydantic import BaseModel
    from pydantic_core import CoreSchema


class _WithoutFieldTitles(GenerateJsonSchema):
    """Leaves out the titles that pydantic derives from names: a generator of types would make a type of each."""

    def field_title_should_be_set(self, schema: CoreSchema) -> bool:  # noqa: ARG002 - pydantic's signature
        return False


def document() -> dict[str, Any]:
    """Return one schema with a definition for each model, and maps from methods to them."""
    params = [*(method.params for method in METHODS.values()), *HOST_NOTIFICATIONS.values()]
    results = [*(method.result for method in METHODS.values() if method.result), *SIDECAR_NOTIFICATIONS.values()]
    # The order only decides names that would collide; none do.
    pairs: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = [
        *((model, "validation") for model in dict.fromkeys(params)),
        *((model, "serialization") for model in dict.fromkeys(results)),
    ]
    refs, definitions = models_json_schema(pairs, by_alias=True, schema_generator=_WithoutFieldTitles)
    sent = {model: ref for (model, mode), ref in refs.items() if mode == "validation"}
    received = {model: ref for (model, mode), ref in refs.items() if mode == "serialization"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "PyRunnerProtocol",
        "protocolVersion": PROTOCOL_VERSION,
        "methods": {
            name: {
                "params": sent[method.params],
                "result": received[method.result] if method.result else {"type": "null"},
            }
            for name, method in METHODS.items()
        },
        "notifications": {
            "toSidecar": {name: {"params": sent[model]} for name, model in HOST_NOTIFICATIONS.items()},
            "toHost": {name: {"params": received[model]} for name, model in SIDECAR_NOTIFICATIONS.items()},
        },
        "$defs": definitions["$defs"],
    }


def render() -> str:
    """Return the document as text that can be checked in and compared."""
    return json.dumps(document(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
