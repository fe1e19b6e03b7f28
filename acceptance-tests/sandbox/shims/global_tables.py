"""Global tables: ministack replicates items, but forgets what belongs to each replica (key, class), deletes protected
replicas, and knows neither strong consistency nor witnesses.
"""

from .patch import replace


def install():
    replicas_of_their_own()
    strong_consistency()


def replicas_of_their_own():
    from ministack.core.responses import error_response_json, get_account_id, request_scope
    from ministack.services import dynamodb

    def replica(name, region):
        return dynamodb._tables.get_scoped(get_account_id(), region, name)

    def arn(name, region):
        return f"arn:aws:dynamodb:{region}:{get_account_id()}:table/{name}"

    def apply(original):
        def run(name, table, updates):
            for update in updates:
                gone = (update.get("Delete") or {}).get("RegionName")
                if gone and (replica(name, gone) or {}).get("DeletionProtectionEnabled"):
                    return error_response_json("ValidationException",
                        "Resource cannot be deleted as it is currently protected against deletion. "
                        "Disable deletion protection first.", 400)
            error = original(name, table, updates)
            if error:
                return error
            for update in updates:
                action = update.get("Create") or update.get("Delete") or {}
                region = action.get("RegionName")
                if region:
                    with request_scope(get_account_id(), region):
                        dynamodb._tags.pop(arn(name, region), None)
                if "Create" in update:
                    settle(replica(name, action["RegionName"]), action)
            return None
        return run

    def settle(table, wanted):
        table.pop("SSEDescription", None)
        if wanted.get("KMSMasterKeyId"):
            table["SSEDescription"] = {
                "Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": wanted["KMSMasterKeyId"],
            }
        if wanted.get("TableClassOverride"):
            table["TableClassSummary"] = {"TableClass": wanted["TableClassOverride"]}

    def describe(original):
        def run(name):
            description = original(name)
            for member in description.get("Replicas", []):
                table = replica(name, member["RegionName"]) or {}
                member["ReplicaArn"] = arn(name, member["RegionName"])
                if table.get("SSEDescription"):
                    member["KMSMasterKeyId"] = table["SSEDescription"].get("KMSMasterKeyArn")
            return description
        return run

    replace(dynamodb, "_apply_replica_updates", apply)
    replace(dynamodb, "_table_description", describe)


def strong_consistency():
    from ministack.core.responses import error_response_json, get_account_id
    from ministack.services import dynamodb

    strong = {}  # (account, table name) -> witness regions

    def key(name):
        return get_account_id(), name

    def update(original):
        def run(data):
            if data.get("MultiRegionConsistency") == "STRONG":
                return make_strong(original, data)
            answer = original(data)
            name = dynamodb._normalize_table_name(data.get("TableName"))
            if answer[0] < 300 and key(name) in strong and not dynamodb._replica_group(dynamodb._tables[name]):
                del strong[key(name)]
            return answer
        return run

    def make_strong(original, data):
        name = dynamodb._normalize_table_name(data.get("TableName"))
        table = dynamodb._tables.get(name) or {}
        witnesses = [u["Create"]["RegionName"] for u in data.get("GlobalTableWitnessUpdates", []) if "Create" in u]
        if len(data.get("ReplicaUpdates", [])) + len(witnesses) != 2 or any(table.get("items", {}).values()):
            return error_response_json("ValidationException",
                "A strongly consistent global table is made of an empty table with two more replicas, or one and a "
                "witness.", 400)
        stream = table.get("StreamSpecification")
        answer = original(data)
        if answer[0] < 300:
            strong[key(name)] = witnesses
            # Only eventual consistency replicates through streams.
            for region in dynamodb._replica_group(table):
                member = dynamodb._tables.get_scoped(get_account_id(), region, name)
                if stream is None:
                    member.pop("StreamSpecification", None)
        return answer

    def describe(original):
        def run(name):
            description = original(name)
            if "Replicas" in description:
                witnesses = strong.get(key(name))
                description["MultiRegionConsistency"] = "EVENTUAL" if witnesses is None else "STRONG"
                description["GlobalTableWitnesses"] = [
                    {"RegionName": region, "WitnessStatus": "ACTIVE"} for region in witnesses or []
                ]
            return description
        return run

    replace(dynamodb, "_update_table", update)
    replace(dynamodb, "_table_description", describe)
