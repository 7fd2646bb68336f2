"""GitHub's OpenAPI description as a judge of exchanges.

A router of its own, since an OpenAPI path parameter never spans a slash and GitHub's
``ref`` does. The description comes from the npm package ``@octokit/openapi``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from openapi_schema_validator import OAS30Validator
from referencing import Registry
from referencing.jsonschema import DRAFT4

from honk.testing.github import Exchange
from honk.testing.github_assets import OPENAPI, fetch

MEMBER = "generated/api.github.com.json"
_SPANNING = {"ref", "path", "basehead"}

# The description's own text allows a bare array of labels, its schema does not.
_BARE_ARRAY = ("POST", "/repos/{owner}/{repo}/issues/{issue_number}/labels")


def load_description(tools: str | None) -> Description | str:
    """The description from the folder of test tools, or why it cannot be had."""
    found = fetch(tools, OPENAPI, MEMBER)
    return found if isinstance(found, str) else Description(json.loads(found.read_text()))


class Description:
    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._registry: Registry[Any] = Registry().with_resource(
            "urn:github", DRAFT4.create_resource(document)
        )
        self._paths = sorted(
            ((re.compile(_pattern(path)), path) for path in document["paths"]),
            key=lambda item: (item[1].count("{"), -len(item[1])),
        )

    def violations(self, exchange: Exchange) -> Iterator[str]:
        """What the description has against an exchange; injected answers are not judged."""
        name = f"{exchange.method} {exchange.path} {exchange.status}"
        # A redirect leads to /repositories/{id}, which the description does not list.
        path = re.sub(r"^/repositories/\d+", "/repos/owner/name", exchange.path)
        found = next((p for pattern, p in self._paths if pattern.fullmatch(path)), None)
        operation = self._document["paths"].get(found, {}).get(exchange.method.lower())
        if operation is None:
            yield f"{name}: GitHub has no such operation"
            return
        yield from self._request(name, (exchange.method, str(found)), operation, exchange)
        if not exchange.injected:
            yield from self._response(name, operation, exchange)

    def _request(
        self, name: str, key: tuple[str, str], operation: dict[str, Any], exchange: Exchange
    ) -> Iterator[str]:
        known = {p["name"]: p for p in map(self._resolve, operation.get("parameters", ()))}
        for parameter, values in exchange.query.items():
            if parameter not in known:
                yield f"{name}: unknown query parameter {parameter}"
                continue
            schema = self._resolve(known[parameter]["schema"])
            value: Any = int(values[0]) if schema.get("type") == "integer" else values[0]
            yield from self._check(f"{name} query {parameter}", schema, value)
        schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        if exchange.body is None or (key == _BARE_ARRAY and isinstance(exchange.body, list)):
            return
        if schema is None:
            yield f"{name}: takes no body"
            return
        yield from self._check(f"{name} request", schema, exchange.body)
        if unknown := self._unknown_fields(schema, exchange.body):
            yield f"{name}: unknown fields {sorted(unknown)}"

    def _response(self, name: str, operation: dict[str, Any], exchange: Exchange) -> Iterator[str]:
        responses = operation["responses"]
        response = responses.get(str(exchange.status))
        if response is None:
            if exchange.status in (
                301,
                307,
                401,
                403,
                404,
                409,
            ):  # not listed everywhere, the same everywhere
                yield from self._check(
                    f"{name} response", {"$ref": "#/components/schemas/basic-error"}, exchange.response
                )
                return
            yield f"{name}: GitHub does not answer with this status"
            return
        schema = self._resolve(response).get("content", {}).get("application/json", {}).get("schema")
        if schema is not None:
            yield from self._check(f"{name} response", schema, exchange.response)

    def _check(self, where: str, schema: dict[str, Any], value: Any) -> Iterator[str]:
        validator = OAS30Validator(_absolute(schema), registry=self._registry)
        for error in validator.iter_errors(value):
            if error.validator == "enum" and error.instance is None and error.schema.get("nullable"):
                continue  # the conclusion of a check that runs: nullable, but null is not on the list
            yield f"{where}: {error.json_path}: {error.message[:300]}"

    def _unknown_fields(self, schema: dict[str, Any], body: Any) -> set[str]:
        properties = self._resolve(schema).get("properties")
        return set(body) - set(properties) if isinstance(body, dict) and properties else set()

    def _resolve(self, item: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in item:
            node: Any = self._document
            for part in item["$ref"].removeprefix("#/").split("/"):
                node = node[part.replace("~1", "/").replace("~0", "~")]
            item = node
        return item


def _pattern(path: str) -> str:
    parts = re.split(r"\{(\w+)\}", path)
    return "".join(
        (".+" if part in _SPANNING else "[^/]+") if index % 2 else re.escape(part)
        for index, part in enumerate(parts)
    )


def _absolute(schema: Any) -> Any:
    """``schema`` with its references into the registered document."""
    if isinstance(schema, dict):
        return {
            k: f"urn:github{v}" if k == "$ref" and isinstance(v, str) and v.startswith("#") else _absolute(v)
            for k, v in schema.items()
        }
    return [_absolute(item) for item in schema] if isinstance(schema, list) else schema
