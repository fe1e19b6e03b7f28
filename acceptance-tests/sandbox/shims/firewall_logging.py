"""AWS WAF: logging configurations of web ACLs are not known to ministack."""

import json

from .patch import replace


def install():
    from ministack.services import waf

    kept = {}  # ARN of a web ACL -> its configuration; ARNs hold account and region

    def missing(arn):
        return waf._waf_err("WAFNonexistentItemException", f"There is no logging configuration of {arn}")

    def put(data):
        configuration = data["LoggingConfiguration"]
        _acl, error = waf._resolve_local_web_acl(configuration["ResourceArn"])
        if error:
            return error
        kept[configuration["ResourceArn"]] = configuration
        return waf.json_response({"LoggingConfiguration": configuration})

    def get(data):
        arn = data["ResourceArn"]
        return waf.json_response({"LoggingConfiguration": kept[arn]}) if arn in kept else missing(arn)

    def delete(data):
        arn = data["ResourceArn"]
        return waf.json_response({}) if kept.pop(arn, None) else missing(arn)

    actions = {
        "PutLoggingConfiguration": put,
        "GetLoggingConfiguration": get,
        "DeleteLoggingConfiguration": delete,
    }

    def handle(original):
        async def run(method, path, headers, body, query_params):
            action = headers.get("x-amz-target", "").split(".")[-1]
            if action in actions:
                return actions[action](json.loads(body))
            return await original(method, path, headers, body, query_params)
        return run

    replace(waf, "handle_request", handle)
