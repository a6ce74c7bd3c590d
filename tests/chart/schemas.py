#!/usr/bin/env python3
"""Writes the API server's own schemas in the form that kubeconform reads: one file for each kind, unknown fields refused.

    tests/chart/schemas.py OPENAPI-FOLDER FOLDER

The first is `api/openapi-spec/v3` of the Kubernetes module that tests/control-plane builds its API server from.
"""

import json
import pathlib
import sys


def strict(schema):
    """The same, and no field that is not named."""
    if isinstance(schema, dict):
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
        for below in schema.values():
            strict(below)
    elif isinstance(schema, list):
        for below in schema:
            strict(below)


def main():
    source, folder = map(pathlib.Path, sys.argv[1:])
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(source.glob("*__v1_openapi.json")):
        schemas = json.loads(file.read_text()).get("components", {}).get("schemas", {})
        strict(schemas)
        for name, schema in schemas.items():
            for kind in schema.get("x-kubernetes-group-version-kind", []):
                called = kind["kind"].lower()
                if called.endswith(("list", "options", "event")):
                    continue
                suffix = "-".join(part for part in (kind["group"].split(".")[0], kind["version"]) if part)
                whole = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
                (folder / f"{called}-{suffix}.json").write_text(json.dumps(whole))


main()
