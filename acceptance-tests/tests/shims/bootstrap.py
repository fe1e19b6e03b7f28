#!/usr/bin/env python3
"""A Lambda bootstrap for the harness's own tests: echoes, and fails stream records that hold the word `poison`."""

import json
import os
import sys
import urllib.request

API = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"


def answer(event):
    records = event.get("Records", [])
    if records:
        failed = [r["dynamodb"]["SequenceNumber"] for r in records if "poison" in json.dumps(r)]
        keys = [r["dynamodb"]["Keys"]["id"]["S"] for r in records]
        print("RECORDS " + " ".join(keys), flush=True)
        return {"batchItemFailures": [{"itemIdentifier": number} for number in failed]}
    return {"handler": os.environ.get("_HANDLER"), "arguments": sys.argv[1:]}


while True:
    with urllib.request.urlopen(f"{API}/next") as request:
        identifier, event = request.headers["Lambda-Runtime-Aws-Request-Id"], json.load(request)
    body = json.dumps(answer(event)).encode()
    urllib.request.urlopen(urllib.request.Request(f"{API}/{identifier}/response", data=body)).close()
