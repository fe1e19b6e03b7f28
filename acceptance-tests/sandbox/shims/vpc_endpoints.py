"""VPC endpoints: ministack forgets security groups, private DNS and policies, knows no filters and no states, and refuses nothing."""

import json
import time
from html import escape

from .patch import replace

CHANGING = 0.4  # seconds that an interface endpoint is pending or deleting
FULL_ACCESS = json.dumps(
    {"Version": "2008-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}
)


def install():
    from ministack.services import ec2

    replace(ec2, "_vpce_fields_xml", lambda original: lambda ep, tag="item": fields(ec2, original, ep, tag))
    actions = {
        "CreateVpcEndpoint": create,
        "ModifyVpcEndpoint": modify,
        "DeleteVpcEndpoints": delete,
        "DescribeVpcEndpoints": describe,
    }
    for name, make in actions.items():
        original = ec2._ACTION_MAP[name]
        ec2._ACTION_MAP[name] = lambda p, make=make, original=original: make(ec2, original, p)


def fields(ec2, original, ep, tag):
    groups = "".join(f"<item><groupId>{group}</groupId></item>" for group in ep.get("GroupIds", []))
    more = (
        f"<groupSet>{groups}</groupSet>"
        f"<privateDnsEnabled>{'true' if ep.get('PrivateDns') else 'false'}</privateDnsEnabled>"
        f"<policyDocument>{escape(ep.get('PolicyDocument', FULL_ACCESS))}</policyDocument>"
    )
    head, end = original({**ep, "State": state(ep)}, tag).rsplit(f"</{tag}>", 1)
    return f"{head}{more}</{tag}>{end}"


def state(ep):
    passed = time.monotonic() - ep.get("Since", 0) >= CHANGING or ep["VpcEndpointType"] == "Gateway"
    if ep.get("Deleting"):
        return "deleted" if passed else "deleting"
    return "available" if passed else "pending"


def living(ec2):
    """Without those whose end has come."""
    for vpce_id in [key for key, ep in ec2._vpc_endpoints.items() if state(ep) == "deleted"]:
        ec2._vpc_endpoints.pop(vpce_id)
        ec2._tags.pop(vpce_id, None)
    return list(ec2._vpc_endpoints.values())


def refusal(ec2, ep):
    """What AWS says where the endpoint, as it would be, does not fit."""
    zones = set()
    for subnet_id in ep["SubnetIds"]:
        subnet = ec2._subnets.get(subnet_id)
        if subnet is None:
            return ec2._error("InvalidSubnetId.NotFound", f"The subnet ID '{subnet_id}' does not exist", 400)
        if subnet["VpcId"] != ep["VpcId"]:
            return ec2._error("InvalidParameter", f"Subnet {subnet_id} does not belong to VPC {ep['VpcId']}", 400)
        if subnet["AvailabilityZone"] in zones:
            message = f"Found another VPC endpoint subnet in the availability zone of {subnet_id}."
            return ec2._error("DuplicateSubnetsInSameZone", message, 400)
        zones.add(subnet["AvailabilityZone"])
    for other in living(ec2):
        if other["ServiceName"] != ep["ServiceName"] or other["VpcId"] != ep["VpcId"] or other["VpcEndpointId"] == ep["VpcEndpointId"]:
            continue
        if ep.get("PrivateDns") and other.get("PrivateDns"):
            message = f"private-dns-enabled cannot be set because there is already a conflicting DNS domain in the VPC {ep['VpcId']}"
            return ec2._error("InvalidParameter", message, 400)
        for table in ep["RouteTableIds"]:
            if table in other["RouteTableIds"]:
                message = f"route table {table} already has a route with destination-prefix-list-id of {ep['ServiceName']}"
                return ec2._error("RouteAlreadyExists", message, 400)
    return None


def create(ec2, original, p):
    token = ec2._p(p, "ClientToken")
    for ep in living(ec2):
        if token and ep.get("ClientToken") == token:
            return ec2._xml(200, "CreateVpcEndpointResponse", ec2._vpce_fields_xml(ep, tag="vpcEndpoint"))
    wanted = {
        "VpcEndpointId": None,
        "VpcId": ec2._p(p, "VpcId"),
        "ServiceName": ec2._p(p, "ServiceName"),
        "SubnetIds": ec2._parse_member_list(p, "SubnetId"),
        "RouteTableIds": ec2._parse_member_list(p, "RouteTableId"),
        # Left open, AWS turns private DNS on.
        "PrivateDns": ec2._p(p, "VpcEndpointType") == "Interface" and ec2._p(p, "PrivateDnsEnabled") != "false",
    }
    refused = refusal(ec2, wanted)
    if refused:
        return refused
    before = set(ec2._vpc_endpoints.keys())
    answer = original(p)
    for vpce_id in set(ec2._vpc_endpoints.keys()) - before:
        ep = ec2._vpc_endpoints[vpce_id]
        ep.update(
            ClientToken=token,
            GroupIds=ec2._parse_member_list(p, "SecurityGroupId"),
            PrivateDns=wanted["PrivateDns"],
            PolicyDocument=ec2._p(p, "PolicyDocument") or FULL_ACCESS,
            Since=time.monotonic(),
        )
        answer = ec2._xml(200, "CreateVpcEndpointResponse", ec2._vpce_fields_xml(ep, tag="vpcEndpoint"))
    return answer


def modify(ec2, original, p):
    ep = next((ep for ep in living(ec2) if ep["VpcEndpointId"] == ec2._p(p, "VpcEndpointId")), None)
    if ep is None:
        return original(p)
    if state(ep) != "available":
        return ec2._error("OperationInProgress", "VpcEndpoint modify operation in progress", 400)
    changed = {**ep}
    for name, member in (("RouteTableIds", "RouteTableId"), ("SubnetIds", "SubnetId"), ("GroupIds", "SecurityGroupId")):
        gone = ec2._parse_member_list(p, f"Remove{member}")
        kept = [one for one in ep.get(name, []) if one not in gone]
        changed[name] = kept + [one for one in ec2._parse_member_list(p, f"Add{member}") if one not in kept]
    if ec2._p(p, "PrivateDnsEnabled"):
        changed["PrivateDns"] = ec2._p(p, "PrivateDnsEnabled") == "true"
    if ec2._p(p, "ResetPolicy") == "true":
        changed["PolicyDocument"] = FULL_ACCESS
    if ec2._p(p, "PolicyDocument"):
        changed["PolicyDocument"] = ec2._p(p, "PolicyDocument")
    refused = refusal(ec2, changed)
    if refused:
        return refused
    ep.update(changed, Since=time.monotonic())
    return ec2._xml(200, "ModifyVpcEndpointResponse", "<return>true</return>")


def delete(ec2, _original, p):
    missing = ""
    known = {ep["VpcEndpointId"]: ep for ep in living(ec2)}
    for vpce_id in ec2._parse_member_list(p, "VpcEndpointId"):
        if vpce_id in known:
            known[vpce_id].update(Deleting=True, Since=time.monotonic())
        else:
            error = f"<code>InvalidVpcEndpoint.NotFound</code><message>The Vpc Endpoint Id '{vpce_id}' does not exist</message>"
            missing += f"<item><resourceId>{vpce_id}</resourceId><error>{error}</error></item>"
    return ec2._xml(200, "DeleteVpcEndpointsResponse", f"<unsuccessful>{missing}</unsuccessful>")


def describe(ec2, _original, p):
    wanted = ec2._parse_member_list(p, "VpcEndpointId")
    filters = ec2._parse_filters(p)
    found = living(ec2)
    for vpce_id in wanted:
        if vpce_id not in [ep["VpcEndpointId"] for ep in found]:
            return ec2._error("InvalidVpcEndpointId.NotFound", f"The Vpc Endpoint Id '{vpce_id}' does not exist", 400)
    members = {"vpc-id": "VpcId", "service-name": "ServiceName", "vpc-endpoint-type": "VpcEndpointType"}
    items = ""
    for ep in found:
        fits = all(ep[member] in filters.get(name, [ep[member]]) for name, member in members.items())
        tagged = ec2._resource_matches_tag_filters(ep["VpcEndpointId"], filters)
        if fits and tagged and (not wanted or ep["VpcEndpointId"] in wanted):
            items += ec2._vpce_fields_xml(ep)
    return ec2._xml(200, "DescribeVpcEndpointsResponse", f"<vpcEndpointSet>{items}</vpcEndpointSet>")
