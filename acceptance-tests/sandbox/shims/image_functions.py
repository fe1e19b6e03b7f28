"""Lambda: `PackageType = Image` needs Docker there; the entry point of our images is a native program, run as such."""

import gzip
import io
import json
import shlex
import tarfile
import zipfile

from .patch import replace


def install():
    from ministack.services import lambda_svc

    packages = {}  # image digest and command -> (zip, handler)

    def run_natively(original):
        def run(func, event, request_id):
            config = func.get("config") or func
            if config.get("PackageType") != "Image":
                return original(func, event, request_id)
            try:
                package, handler = image_package(config, packages)
            except ImageError as reason:
                return {"body": {"errorMessage": str(reason), "errorType": "Runtime.InvalidEntrypoint"}, "error": True}
            native = {**config, "Runtime": "provided.al2023", "Handler": handler, "PackageType": "Zip"}
            record = {"config": native, "code_zip": package}
            return lambda_svc._execute_function_provided_warm(record, event, request_id)
        return run

    def without_runtime(original):
        def build(name, data, *code):
            config = original(name, data, *code)
            if config["PackageType"] == "Image":
                # AWS leaves them out; ministack says "".
                for absent in ("Runtime", "Handler"):
                    config.pop(absent, None)
            return config
        return build

    replace(lambda_svc, "_execute_function_docker", run_natively)
    replace(lambda_svc, "_build_config", without_runtime)


class ImageError(Exception):
    pass


def image_package(config, packages):
    """A zip with the image's files under `rootfs/` and a `bootstrap` that starts its entry point with its command."""
    from ministack.services import ecr

    repository, reference = parse_image_uri(config.get("ImageUri", ""))
    stored = ecr._find_image(repository, {"imageDigest" if reference.startswith("sha256:") else "imageTag": reference})
    if stored is None:
        raise ImageError(f"image {config.get('ImageUri')} is not in its repository")
    digest, manifest = stored["imageDigest"], json.loads(stored["imageManifest"])
    blobs = ecr._layer_blobs.get(repository, {})
    image = json.loads(blobs[manifest["config"]["digest"]]).get("config", {})
    override = (config.get("ImageConfigResponse") or {}).get("ImageConfig") or config.get("ImageConfig") or {}
    entry = list(override.get("EntryPoint") or image.get("Entrypoint") or [])
    command = entry + list(override.get("Command") or image.get("Cmd") or [])
    if not command:
        raise ImageError("the image has neither an entry point nor a command")
    key = (digest, tuple(command))
    if key not in packages:
        layers = [blobs[layer["digest"]] for layer in manifest["layers"]]
        packages[key] = zip_of_layers(layers, command)
    # As in AWS's runtime interface emulator: the last argument is the handler.
    return packages[key], command[-1] if len(command) > 1 else ""


def parse_image_uri(uri):
    name = uri.split("/", 1)[-1]
    if "@" in name:
        return tuple(name.split("@", 1))
    return (*name.rsplit(":", 1),) if ":" in name else (name, "latest")


def zip_of_layers(layers, command):
    files = {}
    for layer in layers:
        if layer[:2] == b"\x1f\x8b":
            layer = gzip.decompress(layer)
        with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
            for member in tar:
                if member.isfile():
                    files[member.name.lstrip("./")] = (member.mode, tar.extractfile(member).read())
    program = command[0].lstrip("/")
    if program not in files:
        raise ImageError(f"the entry point {command[0]} is in no layer")
    script = f'#!/bin/sh\nexec "$LAMBDA_TASK_ROOT/rootfs/{program}" {shlex.join(command[1:])}\n'
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        for name, (mode, content) in {"bootstrap": (0o755, script.encode()),
                                      **{f"rootfs/{name}": file for name, file in files.items()}}.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            archive.writestr(entry, content)
    return package.getvalue()
