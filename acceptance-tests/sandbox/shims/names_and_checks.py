"""Route 53 health checks, custom domain names, address sets: what ministack lacks of them."""

import json
import re
from xml.etree.ElementTree import SubElement, fromstring

from .patch import replace


def install():
    health_checks()
    tags_of_many()
    one_routing_policy()
    domain_patches()
    address_set_descriptions()


# ResettableElementName -> where ministack keeps it
RESETTABLE = ("FullyQualifiedDomainName", "Regions", "ResourcePath", "ChildHealthChecks")


def health_checks():
    """Booleans are written as Python writes them, which the SDK cannot read; lists lose their texts; ResetElements are
    not known.
    """
    from ministack.services import route53

    def parse(original):
        def run(element):
            config = original(element)
            for name, member in (("ChildHealthChecks", "ChildHealthCheck"), ("Regions", "Region")):
                found = route53._find(element, name)
                if found is not None:
                    config[name] = [one.text for one in route53._findall(found, member)]
            return config
        return run

    def build(original):
        def run(parent, check):
            original(parent, check)
            for element in parent.iter():
                if element.text in ("True", "False"):
                    element.text = element.text.lower()
        return run

    def update(original):
        def run(check_id, body):
            answer = original(check_id, body)
            if answer[0] < 300:
                config = route53._health_checks[check_id]["config"]
                for element in fromstring(body).iter():
                    if element.tag.endswith("ResettableElementName") and element.text in RESETTABLE:
                        config.pop(element.text, None)
            return answer
        return run

    replace(route53, "_parse_health_check_config", parse)
    replace(route53, "_build_health_check_el", build)
    replace(route53, "_update_health_check", update)


def tags_of_many():
    """POST /tags/{type}: ListTagsForResources."""
    from ministack.services import route53

    def handle(original):
        async def run(method, path, headers, body, query_params):
            found = re.match(r"^/2013-04-01/tags/([^/]+)$", path)
            if method == "POST" and found:
                ids = [e.text for e in fromstring(body).iter() if e.tag.endswith("ResourceId")]
                return listed(found.group(1), ids)
            return await original(method, path, headers, body, query_params)
        return run

    def listed(resource_type, ids):
        def build(root):
            sets = SubElement(root, "ResourceTagSets")
            for resource_id in ids:
                one = SubElement(sets, "ResourceTagSet")
                SubElement(one, "ResourceType").text = resource_type
                SubElement(one, "ResourceId").text = resource_id
                tags = SubElement(one, "Tags")
                for name, value in route53._tags.get((resource_type, resource_id), {}).items():
                    tag = SubElement(tags, "Tag")
                    SubElement(tag, "Key").text = name
                    SubElement(tag, "Value").text = value
        return route53._xml_response("ListTagsForResourcesResponse", build)

    replace(route53, "handle_request", handle)


def one_routing_policy():
    """Route 53 takes one routing policy for a name and type, and nothing beside a CNAME; ministack takes any mixture."""
    from ministack.services import route53

    policies = ("Failover", "Region", "Weight", "GeoLocation", "MultiValueAnswer")

    def mixed(records):
        seen = {}
        aliased = {record["Name"].lower() for record in records if record["Type"] == "CNAME"}
        for record in records:
            policy = next((name for name in policies if record.get(name) is not None), None)
            first = seen.setdefault((record["Name"].lower(), record["Type"]), policy)
            beside_a_cname = record["Type"] != "CNAME" and record["Name"].lower() in aliased
            if first != policy or beside_a_cname:
                return record
        return None

    def change(original):
        def run(zone_id, body):
            before = list(route53._records.get(zone_id, []))
            answer = original(zone_id, body)
            wrong = mixed(route53._records.get(zone_id, [])) if answer[0] < 300 else None
            if wrong is None:
                return answer
            route53._records[zone_id] = before
            return route53._error_response("InvalidChangeBatch",
                f"RRSet with DNS name {wrong['Name']}, type {wrong['Type']} conflicts with other records of the name")
        return run

    replace(route53, "_change_resource_record_sets", change)


def domain_patches():
    """PATCH of a custom domain name and of a base path mapping."""
    from ministack.services import apigateway_v1 as gateway

    def handle(original):
        async def run(method, path, headers, body, query_params):
            parts = [part for part in path.strip("/").split("/") if part]
            if method == "PATCH" and parts[:1] == ["domainnames"]:
                return patch(parts, json.loads(body).get("patchOperations", []))
            return await original(method, path, headers, body, query_params)
        return run

    def patch(parts, operations):
        target = gateway._domain_names.get(parts[1]) if len(parts) == 2 else None
        if len(parts) == 4:
            target = gateway._base_path_mappings.get(parts[1], {}).get(parts[3])
        if target is None:
            return gateway._v1_error("NotFoundException", "Invalid domain name identifier specified", 404)
        for operation in operations:
            if operation.get("path") == "/restapiId":
                operation["path"] = "/restApiId"
        gateway._apply_patch(target, operations)
        return gateway._v1_response(target)

    replace(gateway, "handle_request", handle)


def address_set_descriptions():
    """UpdateIPSet with a description."""
    from ministack.services import waf

    def update(original):
        def run(data):
            answer = original(data)
            if answer[0] < 300:
                address_set = waf._resource_from_scope(waf._ip_sets, data.get("Id", ""), data.get("Scope", "REGIONAL"))
                address_set["Description"] = data.get("Description", "")
            return answer
        return run

    replace(waf, "_update_ip_set", update)
