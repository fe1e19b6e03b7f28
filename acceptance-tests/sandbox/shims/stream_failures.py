"""Lambda: a DynamoDB stream mapping takes all records as done there, whatever the function answered.

On AWS, with `ReportBatchItemFailures`, the batch is retried from the lowest failed sequence number.
"""

import threading

from .patch import replace


def install():
    from ministack.services import dynamodb, lambda_svc

    polling = threading.local()

    def poll(original):
        def run():
            polling.active = True
            try:
                return original()
            finally:
                polling.active = False
        return run

    def execute(original):
        def run(func, event):
            result = original(func, event)
            if getattr(polling, "active", False) and not result.get("error"):
                return keep_failed_records(func, event, result)
            return result
        return run

    def keep_failed_records(func, event, result):
        records = event.get("Records") or []
        mapping = records and mapping_of(func, records[0].get("eventSourceARN"))
        if not mapping or "ReportBatchItemFailures" not in (mapping.get("FunctionResponseTypes") or []):
            return result
        body = result.get("body")
        failures = body.get("batchItemFailures") if isinstance(body, dict) else None
        if not failures:
            return result
        failed = {failure.get("itemIdentifier") for failure in failures}
        sequences = [record["dynamodb"]["SequenceNumber"] for record in records]
        # AWS: an identifier that is not in the batch fails the whole batch.
        first = next((number for number in sequences if number in failed), sequences[0])
        if not failed <= set(sequences):
            first = sequences[0]
        advance_to(mapping, records[0]["eventSourceARN"], first)
        return {**result, "error": True,
                "body": {"errorType": "BatchItemFailures", "errorMessage": f"retrying from record {first}"}}

    def mapping_of(func, source):
        config = func.get("config") or func
        for _account, _region, mapping in lambda_svc._iter_all_esms():
            if mapping.get("EventSourceArn") == source and mapping.get("FunctionArn") == config.get("FunctionArn"):
                return mapping
        return None

    def advance_to(mapping, source, sequence):
        """Moves the checkpoint to the failed record; the error makes the poller leave it there."""
        table = source.split(":table/", 1)[1].split("/", 1)[0]
        with lambda_svc._dynamodb_stream_positions_lock:
            position = lambda_svc._dynamodb_stream_positions[mapping["UUID"]]
            pending = dynamodb.stream_records_since(table, position, mapping.get("BatchSize", 100))
            offsets = [i for i, record in enumerate(pending) if record["dynamodb"]["SequenceNumber"] == sequence]
            lambda_svc._dynamodb_stream_positions[mapping["UUID"]] = position + (offsets[0] if offsets else 0)

    replace(lambda_svc, "_poll_dynamodb_streams", poll)
    replace(lambda_svc, "_execute_function", execute)
