"""ECR: UploadLayerPart throws the bytes away there, so nothing that was pushed could be checked or run."""

import base64
import hashlib
import json
import threading

from .patch import replace

SMALLEST_LAYER_PART = 5 * 1024 * 1024  # all but the last part


def install():
    from ministack.core.responses import error_response_json, get_account_id, get_region, json_response, new_uuid
    from ministack.services import ecr

    lock = threading.Lock()
    uploads = {}  # (account, region, repository, upload id) -> list of parts

    def key(data):
        return get_account_id(), get_region(), data.get("repositoryName", ""), data.get("uploadId", "")

    def error(code, message):
        return error_response_json(code, message, 400)

    def repository_missing(data):
        name = data.get("repositoryName", "")
        if name not in ecr._repositories:
            return error("RepositoryNotFoundException", f"The repository with name '{name}' does not exist")
        return None

    def initiate(_original):
        def run(data):
            upload = {**data, "uploadId": new_uuid()}
            missing = repository_missing(data)
            if missing:
                return missing
            with lock:
                uploads[key(upload)] = []
            return json_response({"uploadId": upload["uploadId"], "partSize": 10 * 1024 * 1024})
        return run

    def upload_part(_original):
        def run(data):
            blob = base64.b64decode(data.get("layerPartBlob", ""))
            with lock:
                parts = uploads.get(key(data))
                if parts is None:
                    return error("UploadNotFoundException", "The upload could not be found")
                received = sum(map(len, parts))
                first, last = data.get("partFirstByte"), data.get("partLastByte")
                if first != received or last != received + len(blob) - 1:
                    return error("InvalidLayerPartException", f"The layer part must start at byte {received}")
                parts.append(blob)
            return json_response({"repositoryName": data.get("repositoryName", ""), "uploadId": data.get("uploadId", ""),
                                  "lastByteReceived": received + len(blob) - 1})
        return run

    def complete(_original):
        def run(data):
            missing = repository_missing(data)
            if missing:
                return missing
            with lock:
                parts = uploads.pop(key(data), None)
            if parts is None:
                return error("UploadNotFoundException", "The upload could not be found")
            if not parts:
                return error("EmptyUploadException", "The upload holds no layer parts")
            if any(len(part) < SMALLEST_LAYER_PART for part in parts[:-1]):
                return error("LayerPartTooSmallException", "Layer parts must be at least 5 MiB in size")
            layer = b"".join(parts)
            digest = sha256(layer)
            if digest not in data.get("layerDigests", []):
                return error("InvalidLayerException", "The layer digest does not match the uploaded bytes")
            name = data.get("repositoryName", "")
            layers = ecr._layer_blobs.setdefault(name, {})
            if digest in layers:
                return error("LayerAlreadyExistsException", f"Layer {digest} already exists in repository '{name}'")
            layers[digest] = layer
            return json_response({"repositoryName": name, "uploadId": data.get("uploadId", ""), "layerDigest": digest})
        return run

    def availability(_original):
        def run(data):
            missing = repository_missing(data)
            if missing:
                return missing
            layers = ecr._layer_blobs.get(data.get("repositoryName", ""), {})
            answer = []
            for digest in data.get("layerDigests", []):
                if digest in layers:
                    answer.append({"layerDigest": digest, "layerAvailability": "AVAILABLE",
                                   "layerSize": len(layers[digest])})
                else:
                    answer.append({"layerDigest": digest, "layerAvailability": "UNAVAILABLE"})
            return json_response({"layers": answer, "failures": []})
        return run

    def put_image(original):
        def run(data):
            try:
                manifest = json.loads(data.get("imageManifest", ""))
            except ValueError:
                return error("InvalidParameterException", "The image manifest is not valid JSON")
            if "layers" in manifest:
                wanted = [blob["digest"] for blob in [manifest["config"], *manifest["layers"]]]
                layers = ecr._layer_blobs.get(data.get("repositoryName", ""), {})
                absent = [digest for digest in wanted if digest not in layers]
                if absent:
                    return error("LayersNotFoundException", f"The specified layers could not be found: {absent}")
            return original(data)
        return run

    replace(ecr, "_initiate_layer_upload", initiate)
    replace(ecr, "_upload_layer_part", upload_part)
    replace(ecr, "_complete_layer_upload", complete)
    replace(ecr, "_batch_check_layer_availability", availability)
    replace(ecr, "_put_image", put_image)


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()
