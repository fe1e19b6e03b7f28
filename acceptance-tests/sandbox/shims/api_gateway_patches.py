"""API Gateway patches: ministack stores a patch's text as it came, so numbers and booleans come back as strings (which the
SDK cannot read), `/apiStages` becomes a string, escaped paths keep their `~1`, and tags written later are not shown.

API keys: ministack takes the first key with the value that a request carries, of whatever account and region, and refuses
when that one has no plan for the API. On AWS keys are regional, and two regions may have keys with one value.
"""

from .patch import replace

BOOLEANS = ("enabled", "apiKeyRequired", "disableExecuteApiEndpoint")
WHOLE = ("minimumCompressionSize", "burstLimit", "limit", "offset", "timeoutInMillis")
DECIMALS = ("rateLimit",)
BOOLEAN_MAPS = ("requestParameters", "responseParameters")  # of methods and method responses


def install():
    typed_patches()
    late_tags()
    regional_keys()


def regional_keys():
    from ministack.services import apigateway_v1 as gateway

    def resolve(original):
        def run(value):
            here = [key for key in list(gateway._api_keys.values()) if key.get("value") == value]
            enabled = [key for key in here if key.get("enabled", True)]
            return enabled[0] if enabled else None if here else original(value)
        return run

    replace(gateway, "_resolve_api_key", resolve)


def tokens_of(path):
    return [token.replace("~1", "/").replace("~0", "~") for token in path.lstrip("/").split("/")]


def typed(tokens, value):
    name = tokens[-1]
    if value is None:
        return None
    if name in BOOLEANS or (len(tokens) == 2 and tokens[0] in BOOLEAN_MAPS and value in ("true", "false")):
        return str(value).lower() == "true"
    if name in WHOLE:
        return int(value)
    if name in DECIMALS:
        return float(value)
    return value


def typed_patches():
    from ministack.services import apigateway_v1 as gateway

    def apply(_original):
        def run(target, operations):
            for operation in operations:
                tokens = tokens_of(operation.get("path", ""))
                value = typed(tokens, operation.get("value"))
                if tokens == ["apiStages"]:
                    patch_stages(target, operation["op"], value)
                else:
                    patch_member(target, operation.get("op", "replace"), tokens, value)
            return target
        return run

    replace(gateway, "_apply_patch", apply)


def patch_stages(plan, op, value):
    api, stage = value.split(":", 1)
    kept = [s for s in plan.get("apiStages") or [] if (s.get("apiId"), s.get("stage")) != (api, stage)]
    plan["apiStages"] = kept + ([{"apiId": api, "stage": stage}] if op == "add" else [])


def patch_member(target, op, tokens, value):
    *parents, name = tokens
    for parent in parents:
        if isinstance(target, list):
            target = target[int(parent)]
            continue
        if not isinstance(target.get(parent), (dict, list)):
            target[parent] = {}
        target = target[parent]
    if isinstance(target, list):
        target[int(name)] = value
    elif op == "remove":
        target.pop(name, None)
    else:
        target[name] = value


def late_tags():
    from ministack.services import apigateway_v1 as gateway

    def tagged(arn):
        """The object behind an ARN; stages hang below their API."""
        path = arn.split("::", 1)[-1].strip("/").split("/")
        if path[0] == "restapis":
            return gateway._stages_v1.get(path[1], {}).get(path[3]) if len(path) == 4 else gateway._rest_apis.get(path[1])
        stores = {"apikeys": gateway._api_keys, "usageplans": gateway._usage_plans, "domainnames": gateway._domain_names}
        return stores.get(path[0], {}).get(path[1])

    def put(original):
        def run(arn, data):
            answer = original(arn, data)
            if answer[0] < 300 and tagged(arn) is not None:
                tagged(arn).setdefault("tags", {}).update(data.get("tags", {}))
            return answer
        return run

    def drop(original):
        def run(arn, names):
            answer = original(arn, names)
            if answer[0] < 300 and tagged(arn) is not None:
                for name in names:
                    tagged(arn).get("tags", {}).pop(name, None)
            return answer
        return run

    replace(gateway, "_tag_v1_resource", put)
    replace(gateway, "_untag_v1_resource", drop)
