#!/usr/bin/env python3
"""Writes the reference of the chart's values, docs/VALUES.md, from the comments in values.yaml and the schema beside it.

    manifests/reference.py [CHART] > docs/VALUES.md

It ends with an error if a value has no comment, or the two files know different values.
"""

import json
import pathlib
import re
import sys

HEAD = """# Values of the chart

Generated from `manifests/helm/values.yaml` and `values.schema.json` by `make manifests`. Do not edit.
Helm refuses a value that is not listed here.
"""


def values(text):
    """Each value of values.yaml in the order in which it stands: (path, comment, default); sections have no default."""
    found, path, comment, lines = [], [], [], text.splitlines()
    for number, line in enumerate(lines):
        if match := re.match(r"^ *# ?(.*)$", line):
            comment.append(match[1])
            continue
        if match := re.match(r"^( *)([A-Za-z]+):(?: +(.*))?$", line):
            depth = len(match[1]) // 2
            # What stands below a value such as `resources` is its default and bears no comment.
            if comment:
                path = [*path[:depth], match[2]]
                below = [after.strip() for after in block(lines[number + 1 :], depth)]
                section = match[3] is None and below and below[0].startswith("#")
                default = None if section else match[3] or "{" + ", ".join(below) + "}"
                found.append((".".join(path), " ".join(comment), default))
            elif not path or depth < len(path):
                sys.exit(f"values: line {number + 1} has no comment: {line.strip()}")
        comment = []
    return found


def block(lines, depth):
    """The lines that stand deeper than this."""
    for line in lines:
        if not line.strip() or len(line) - len(line.lstrip()) <= 2 * depth:
            return
        yield line


def limits(schema, path):
    """What the schema says of a value; an error if it does not know it."""
    at = schema
    for key in path.split("."):
        at = at.get("properties", {}).get(key)
        if at is None:
            sys.exit(f"values: {path} is not in values.schema.json")
        if "$ref" in at:
            at = schema["$defs"][at["$ref"].rsplit("/", 1)[1]]
    kinds = at.get("type")
    if "enum" in at:
        return " or ".join(f"`{value}`" for value in at["enum"])
    return " or ".join(kinds) if isinstance(kinds, list) else kinds


def known(schema, at, path=""):
    """Every value that the schema knows, sections apart."""
    for key, below in at.get("properties", {}).items():
        here = f"{path}.{key}" if path else key
        if "properties" in below and below.get("additionalProperties") is False and key != "resources":
            yield from known(schema, below, here)
        else:
            yield here


def main():
    chart = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "helm")
    schema = json.loads((chart / "values.schema.json").read_text())
    found = values((chart / "values.yaml").read_text())
    named = {path for path, _, default in found if default is not None}
    if missing := set(known(schema, schema)) - named - {"global"}:
        sys.exit(f"values: {', '.join(sorted(missing))} stand in values.schema.json and not in values.yaml")
    text = [HEAD]
    for path, comment, default in found:
        limit = limits(schema, path)
        if default is None:
            text.append(f"\n{'##' if '.' not in path else '###'} {path}\n\n{comment}\n\n| Value | Default | Type | |\n|---|---|---|---|")
        elif "." in path:
            text.append(f"| `{path}` | `{default}` | {limit} | {comment} |")
        else:
            text.append(f"\n## {path}\n\n{comment}\n\nDefault `{default}`, {limit}.")
    print(re.sub(r"\| Value \| Default \| Type \| \|\n\|---\|---\|---\|---\|\n\n", "", "\n".join(text)))


main()
