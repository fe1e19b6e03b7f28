"""What reaches from one region into another: event buses as targets, and the place of a KMS replica that is pending
deletion.
"""

from .patch import replace

# Two regions that send to each other would go on for ever: here a loop shows as an event that comes back, and ends.
MOST_HOPS = 3


def install():
    event_buses()
    replica_keys()


def event_buses():
    """On AWS a bus of another region is the one cross-region target there is; the event keeps its region."""
    from ministack.core.responses import get_account_id, get_region, request_scope
    from ministack.services import eventbridge

    def dispatch(original):
        def run(spec, event, rule, event_path, target_input_payload=None):
            is_far = spec.service == "events" and spec.account_id == get_account_id() and spec.region != get_region()
            if not is_far or not spec.resource.startswith("event-bus/"):
                return original(spec, event, rule, event_path, target_input_payload)
            forwarded = {**event, "EventBusName": spec.resource.split("/", 1)[1], "Region": event.get("Region") or get_region()}
            if target_input_payload is not None:
                forwarded["Detail"] = target_input_payload
            hops = forwarded["_Hops"] = event.get("_Hops", 0) + 1
            if hops > MOST_HOPS:
                return None
            with request_scope(spec.account_id, spec.region):
                if forwarded["EventBusName"] not in eventbridge._event_buses:
                    return None
                # No path: rules of two regions may have one name without being one rule.
                forwarded["_DispatchPath"] = []
                eventbridge._dispatch_event(forwarded)
                kept = {name: value for name, value in forwarded.items() if not name.startswith("_")}
                eventbridge._archive_event(kept)
            return None
        return run

    replace(eventbridge, "_dispatch_to_event_bus", dispatch)


def replica_keys():
    """A replica that is pending deletion still stands in the way of a new one; its deletion can be taken back."""
    from ministack.core.responses import error_response_json, get_account_id, request_scope
    from ministack.services import kms

    def replicate(original):
        def run(data):
            key = kms._resolve_key(data.get("KeyId", ""))
            region = data.get("ReplicaRegion")
            if key and region:
                with request_scope(get_account_id(), region):
                    there = kms._keys.get(key["KeyId"])
                if there is not None:
                    return error_response_json("AlreadyExistsException",
                        f"Key {key['KeyId']} already exists in region {region}", 400)
            return original(data)
        return run

    def cancel(original):
        def run(data):
            answer = original(data)
            key = kms._resolve_key(data.get("KeyId", ""))
            if answer[0] < 300 and key.get("_mrk_type") == "REPLICA":
                with request_scope(get_account_id(), key["_mrk_primary_region"]):
                    primary = kms._keys.get(key["KeyId"])
                regions = sorted({*(primary or {}).get("_mrk_regions", []), *key["_mrk_regions"]})
                key["_mrk_regions"] = regions
                for _region, member in kms._mrk_members(key):
                    member["_mrk_regions"] = regions
            return answer
        return run

    replace(kms, "_replicate_key", replicate)
    replace(kms, "_cancel_key_deletion", cancel)
