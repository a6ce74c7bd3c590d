#!/usr/bin/env python3
"""Writes the bill of materials of the program `sallyport` as CycloneDX JSON: what Cargo.lock pins and the program links.

    packaging/sbom.py --version 0.1.0 --out target/image/sallyport.cdx.json

The format: https://cyclonedx.org/docs/1.6/json/
"""

import argparse
import json
import pathlib
import subprocess
import tomllib
import uuid

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
ROOT = "sallyport"


def linked(metadata):
    """The packages that the program is built from, and of each those that it needs: development is left out."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    packages = {package["id"]: package for package in metadata["packages"]}
    root = next(id for id, package in packages.items() if package["name"] == ROOT and package["source"] is None)
    needs, waiting = {}, [root]
    while waiting:
        id = waiting.pop()
        if id in needs:
            continue
        used = [dep["pkg"] for dep in nodes[id]["deps"] if any(kind["kind"] != "dev" for kind in dep["dep_kinds"])]
        needs[id] = sorted(set(used), key=lambda id: reference(packages[id]))
        waiting.extend(used)
    return packages, root, needs


def reference(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, checksums):
    told = {"type": "library", "bom-ref": reference(package), "name": package["name"], "version": package["version"], "purl": reference(package)}
    if package.get("license"):
        told["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    checksum = checksums.get((package["name"], package["version"]))
    if checksum:
        told["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return told


def standard_library():
    """What every program of Rust links beside its packages."""
    version = subprocess.run(["rustc", "--version"], check=True, capture_output=True, text=True).stdout.split()[1]
    purl = f"pkg:github/rust-lang/rust@{version}"
    return {
        "type": "library", "bom-ref": purl, "name": "rust-std", "version": version, "purl": purl,
        "description": "Rust's standard library with the parts of others that it brings: LLVM's compiler-rt and libunwind, and, in a release, musl",
        "licenses": [{"expression": "MIT OR Apache-2.0"}],
    }


def bill(version):
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-musl"]
    told = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    packages, root, needs = linked(json.loads(told))
    lock = tomllib.loads((REPOSITORY / "Cargo.lock").read_text())
    checksums = {(package["name"], package["version"]): package.get("checksum") for package in lock["package"]}
    ids = sorted(needs, key=lambda id: reference(packages[id]))
    program = component(packages[root], checksums) | {"type": "application", "version": version}
    body = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": program},
        "components": [component(packages[id], checksums) for id in ids if id != root] + [standard_library()],
        "dependencies": [
            {"ref": reference(packages[id]), "dependsOn": [reference(packages[need]) for need in needs[id]]} for id in ids
        ],
    }
    # The same input gives the same bytes, so the serial number follows from the contents.
    return body | {"serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(body, sort_keys=True)).urn}


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--version", required=True, help="the program's version")
    arguments.add_argument("--out", required=True, type=pathlib.Path, help="the file to write")
    options = arguments.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(bill(options.version), indent=1, sort_keys=True) + "\n")
