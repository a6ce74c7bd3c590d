#!/usr/bin/env python3
"""Writes the container image as an OCI image layout in one tar file, without Docker.

    packaging/image.py --binary target/release/sallyport --sbom sallyport.cdx.json --version 0.1.0 \
        --architecture amd64 --out target/image/sallyport-amd64.tar

Nothing is in the image but the program, which is linked statically, and the few files that it reads; of a development build
also the shared libraries that it loads. Two runs over the same input give the same bytes: entries are sorted, belong to
root, and bear the time SOURCE_DATE_EPOCH (0 if unset).
The format: https://github.com/opencontainers/image-spec/blob/main/image-layout.md
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

NAME = "ghcr.io/sallyport/sallyport"
USER = 65532
REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
EPOCH = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))

PASSWD = f"root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:{USER}:{USER}:nonroot:/home/nonroot:/sbin/nologin\n"
GROUP = f"root:x:0:\nnonroot:x:{USER}:\n"
# For glibc: names come from /etc/hosts, which the kubelet writes, and from DNS. musl does no other.
NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\n"
# The public CAs: AWS's endpoints are trusted by them.
PUBLIC_CAS = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")


def libraries(binary):
    """The shared libraries that a development build loads, the loader among them: where each is looked for → the file."""
    told = subprocess.run(["ldd", binary], check=True, capture_output=True, text=True).stdout
    found = {}
    for line in told.splitlines():
        words = line.split()
        if "=>" in words:
            words = words[words.index("=>") + 1 :]
        if words and words[0] == "not":
            sys.exit(f"image: {binary} needs a library that is not here: {line.strip()}")
        if words and words[0].startswith("/"):
            found[words[0].lstrip("/")] = pathlib.Path(words[0]).resolve()
    return found


def stripped(binary):
    """A development build's bytes without its symbols, which are most of it."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "program"
        subprocess.run(["strip", "--strip-all", "-o", copy, binary], check=True)
        return copy.read_bytes()


def unpack(files, folder):
    """Writes the files of a layer below a folder."""
    for path, (contents, mode) in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(contents)
        file.chmod(mode)


def layer(files):
    """A layer as (bytes, digest of what is in it): each file's path → (contents, mode)."""
    folders = {str(parent) for path in files for parent in pathlib.PurePosixPath(path).parents} - {"."}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(folders | set(files)):
            entry = tarfile.TarInfo(path)
            entry.mtime = EPOCH
            if path in folders:
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(entry)
            else:
                contents, entry.mode = files[path]
                entry.size = len(contents)
                archive.addfile(entry, io.BytesIO(contents))
    plain = packed.getvalue()
    return gzip.compress(plain, compresslevel=9, mtime=0), digest(plain)


def digest(contents):
    return "sha256:" + hashlib.sha256(contents).hexdigest()


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


class Layout:
    """An OCI image layout on its way into a tar file."""

    def __init__(self):
        self.blobs = {}

    def add(self, media_type, contents):
        """Stores a blob and returns its descriptor."""
        self.blobs[digest(contents)] = contents
        return {"mediaType": media_type, "digest": digest(contents), "size": len(contents)}

    def write(self, out, index, docker):
        files = {"oci-layout": canonical({"imageLayoutVersion": "1.0.0"}), "index.json": canonical(index), "manifest.json": canonical(docker)}
        files |= {"blobs/" + name.replace(":", "/"): contents for name, contents in self.blobs.items()}
        out.parent.mkdir(parents=True, exist_ok=True)
        partial = out.with_suffix(".partial")
        with tarfile.open(partial, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for path in sorted(files):
                entry = tarfile.TarInfo(path)
                entry.mtime, entry.mode, entry.size = EPOCH, 0o644, len(files[path])
                archive.addfile(entry, io.BytesIO(files[path]))
        partial.rename(out)


def layers(options):
    """What is in the image: what rarely changes below, the program above."""
    if not PUBLIC_CAS.exists():
        sys.exit(f"image: {PUBLIC_CAS} is not here (package ca-certificates); AWS could not be trusted without it")
    base = {
        "etc/passwd": (PASSWD.encode(), 0o644),
        "etc/group": (GROUP.encode(), 0o644),
        str(PUBLIC_CAS).lstrip("/"): (PUBLIC_CAS.read_bytes(), 0o644),
    }
    if options.development:
        base |= {path: (file.read_bytes(), 0o755) for path, file in libraries(options.binary).items()}
        base["etc/nsswitch.conf"] = (NSSWITCH.encode(), 0o644)
    release = f'ID=sallyport\nNAME=Sallyport\nVERSION_ID="{options.version}"\nPRETTY_NAME="Sallyport {options.version}"\n'
    program = stripped(options.binary) if options.development else options.binary.read_bytes()
    return [base, {
        "etc/os-release": (release.encode(), 0o644),
        "usr/local/bin/sallyport": (program, 0o755),
        "usr/share/licenses/sallyport/LICENSE": ((REPOSITORY / "LICENSE").read_bytes(), 0o644),
        "usr/share/sbom/sallyport.cdx.json": (options.sbom.read_bytes(), 0o644),
    }]


def image(options):
    """Writes the image and says how large it is."""
    labels = {
        "org.opencontainers.image.title": "Sallyport",
        "org.opencontainers.image.description": "Certificates and firewall rules for the same name, proven before a pod is Ready",
        "org.opencontainers.image.version": options.version,
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.source": "https://github.com/sallyport/sallyport",
    }
    if options.commit:
        labels["org.opencontainers.image.revision"] = options.commit
    files = layers(options)
    if options.unpacked:
        for below in files:
            unpack(below, options.unpacked)
    layout, descriptors, contents = Layout(), [], [layer(below) for below in files]
    for packed, _ in contents:
        descriptors.append(layout.add("application/vnd.oci.image.layer.v1.tar+gzip", packed))
    config = layout.add("application/vnd.oci.image.config.v1+json", canonical({
        "architecture": options.architecture,
        "os": "linux",
        "config": {
            "User": f"{USER}:{USER}",
            "Entrypoint": ["/usr/local/bin/sallyport"],
            # Without the last one the allocator keeps for a second what was given back, in case it is wanted again: in bursts
            # that is a third of all.
            "Env": ["PATH=/usr/local/bin", "SSL_CERT_FILE=" + str(PUBLIC_CAS), "MIMALLOC_PURGE_DELAY=0"],
            "WorkingDir": "/",
            "Labels": labels,
        },
        "rootfs": {"type": "layers", "diff_ids": [unpacked for _, unpacked in contents]},
    }))
    manifest_type = "application/vnd.oci.image.manifest.v1+json"
    manifest = layout.add(manifest_type, canonical({
        "schemaVersion": 2, "mediaType": manifest_type, "config": config, "layers": descriptors, "annotations": labels,
    }))
    reference = f"{NAME}:{options.version}"
    manifest |= {
        "platform": {"architecture": options.architecture, "os": "linux"},
        "annotations": {"io.containerd.image.name": reference, "org.opencontainers.image.ref.name": options.version},
    }
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [manifest]}
    # Docker before 25 reads this one.
    path = lambda blob: "blobs/" + blob["digest"].replace(":", "/")
    docker = [{"Config": path(config), "RepoTags": [reference], "Layers": [path(blob) for blob in descriptors]}]
    layout.write(options.out, index, docker)
    pull = sum(blob["size"] for blob in [config, *descriptors]) / 2**20
    print(f"{options.out}: {reference}, linux/{options.architecture}, {manifest['digest']}, {pull:.1f} MiB to pull")
    if not options.development:
        note("image.mib" if options.architecture == "amd64" else f"image.{options.architecture}_mib", pull)


def note(name, mib):
    """Notes the size beside the other figures, in target/bench/report.json."""
    file = REPOSITORY / "target/bench/report.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    figures = json.loads(file.read_text()) if file.exists() else {}
    figures[name] = round(mib, 2)
    file.write_text(json.dumps(figures, indent=2, sort_keys=True))


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--binary", required=True, type=pathlib.Path, help="the program")
    arguments.add_argument("--development", action="store_true", help="it is a development build: has symbols, and loads libraries")
    arguments.add_argument("--sbom", required=True, type=pathlib.Path, help="the bill of materials, as packaging/sbom.py writes it")
    arguments.add_argument("--version", required=True, help="the version, which is also the image's tag")
    arguments.add_argument("--commit", default="", help="the commit it was built from")
    arguments.add_argument("--architecture", required=True, choices=["amd64", "arm64"], help="whose program it is")
    arguments.add_argument("--out", required=True, type=pathlib.Path, help="the tar file to write")
    arguments.add_argument("--unpacked", type=pathlib.Path, help="a folder to write the image's files into as well, for the Dockerfile")
    image(arguments.parse_args())
