"""CloudWatch Synthetics, which ministack does not have: canaries with their states, tags and runtimes, each with its Lambda
function, layer and log group in this sandbox.

Requests are routed and checked by AWS's own service model (botocore): names, types, lengths, patterns and required members
are AWS's. What canaries do in which state is written after the documentation and hashicorp/terraform-provider-aws. Scripts
do not run.
"""

import asyncio
import base64
import io
import json
import re
import time
import uuid
import zipfile
from urllib.parse import unquote

from .synthetics_model import Refused, ServiceModel

TRANSITION_SECONDS = 0.4
# doc: Runtime versions support policy, and the pages of each family. Seconds since 1970 for what is deprecated.
DEPRECATED = 1769040000  # 2026-01-22
RUNTIMES = {
    "syn-nodejs-puppeteer-15.0": None, "syn-nodejs-puppeteer-14.0": None, "syn-nodejs-puppeteer-13.1": None,
    "syn-nodejs-puppeteer-11.0": None, "syn-nodejs-puppeteer-10.0": None, "syn-nodejs-puppeteer-7.0": DEPRECATED,
    "syn-nodejs-puppeteer-6.2": DEPRECATED, "syn-nodejs-playwright-6.0": None, "syn-nodejs-playwright-2.0": None,
    "syn-nodejs-3.1": None, "syn-nodejs-3.0": None, "syn-python-selenium-6.0": None, "syn-python-selenium-5.1": 1770076800,
}
DEFAULTS = {"SuccessRetentionPeriodInDays": 31, "FailureRetentionPeriodInDays": 31, "ProvisionedResourceCleanup": "AUTOMATIC"}
RUN_DEFAULTS = {"TimeoutInSeconds": 840, "MemoryInMB": 1024, "ActiveTracing": False, "EphemeralStorage": 1024}
# What a canary turns into when its present state is over.
NEXT = {"CREATING": "READY", "STARTING": "RUNNING", "STOPPING": "STOPPED", "UPDATING": None, "DELETING": "GONE"}


def install():
    from ministack import app
    from ministack.core import router
    from ministack.core.responses import AccountRegionScopedDict

    if "synthetics" in app.SERVICE_HANDLERS:
        raise RuntimeError("ministack has Synthetics of its own: this shim has to go")
    # Else the router reads all of botocore's models, for ten seconds, to find out whether there is such a service.
    router.SERVICE_PATTERNS["synthetics"] = {"credential_scope": "synthetics"}
    app.SERVICE_HANDLERS["synthetics"] = Synthetics(AccountRegionScopedDict()).handle


class Synthetics:
    def __init__(self, canaries):
        self.canaries = canaries
        self.model = ServiceModel("synthetics")

    async def handle(self, method, path, headers, body, query_params):
        try:
            operation, names = self.model.route(method, path)
            data = self.model.checked(operation, body, names, query_params)
            answer = await getattr(self, snake(operation))(data)
            return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()
        except Refused as refused:
            headers = {"Content-Type": "application/json", "x-amzn-errortype": refused.code}
            return refused.status, headers, json.dumps({"Message": str(refused)}).encode()

    # Canaries

    async def create_canary(self, data):
        name = data["Name"]
        if name in self.canaries:
            raise Refused("ConflictException", f"A canary with the name {name} already exists.", 409)
        self.check_runtime(data["RuntimeVersion"])
        if data.get("ResourcesToReplicateTags") and not data.get("Tags"):
            raise Refused("ValidationException", "Tags must be specified with ResourcesToReplicateTags.")
        canary = {**DEFAULTS, "Id": str(uuid.uuid4()), "Name": name, "Tags": data.get("Tags", {}), "Versions": 0,
                  "Timeline": {"Created": time.time()}}
        check_zip(data["Code"], data["RuntimeVersion"])
        self.take(canary, data)
        self.canaries[name] = canary
        if not role_exists(data["ExecutionRoleArn"]):
            enter(canary, "CREATING", then="ERROR", code="CREATE_FAILED",
                  reason="The role defined for the function cannot be assumed by Lambda.")
            return {"Canary": shown(canary)}
        await self.deploy(canary, data["Code"])
        enter(canary, "CREATING")
        return {"Canary": shown(canary)}

    async def update_canary(self, data):
        canary = self.present(data["Name"])
        if canary["Status"]["State"] not in ("READY", "STOPPED", "RUNNING"):
            raise Refused("ConflictException", "Canary in a state that can't be modified", 409)
        self.check_runtime(data.get("RuntimeVersion", canary["RuntimeVersion"]))
        if "Code" in data:
            check_zip(data["Code"], data.get("RuntimeVersion", canary["RuntimeVersion"]))
            await self.deploy(canary, data["Code"])
        self.take(canary, data)
        canary["Timeline"]["LastModified"] = time.time()
        enter(canary, "UPDATING", then=canary["Status"]["State"], code="UPDATE_COMPLETE")
        return {}

    async def start_canary(self, data):
        canary = self.present(data["Name"])
        if canary["Status"]["State"] not in ("READY", "STOPPED"):
            raise Refused("ConflictException", "Canary is not in a startable state", 409)
        # The first run writes its log, and Lambda makes the group for it.
        await call("logs", "CreateLogGroup", {"logGroupName": f"/aws/lambda/{function_name(canary)}"})
        canary["Timeline"]["LastStarted"] = time.time()
        once = canary["Schedule"]["Expression"].startswith("rate(0 ")
        enter(canary, "STARTING", then="STOPPED" if once else "RUNNING")
        return {}

    async def stop_canary(self, data):
        canary = self.present(data["Name"])
        if canary["Status"]["State"] != "RUNNING":
            raise Refused("ConflictException", "Canary is not in a stoppable state", 409)
        canary["Timeline"]["LastStopped"] = time.time()
        enter(canary, "STOPPING")
        return {}

    async def delete_canary(self, data):
        canary = self.present(data["Name"])
        if canary["Status"]["State"] not in ("READY", "STOPPED", "ERROR"):
            raise Refused("ConflictException", "Canary in a state that can't be modified", 409)
        if canary["ProvisionedResourceCleanup"] == "AUTOMATIC" or data.get("DeleteLambda"):
            await undeploy(canary)
        enter(canary, "DELETING")
        return {}

    async def get_canary(self, data):
        return {"Canary": shown(self.present(data["Name"]))}

    async def describe_canaries(self, data):
        wanted = data.get("Names")
        present = [c for name in sorted(self.canaries) if (c := self.settled(name)) and (not wanted or name in wanted)]
        return page("Canaries", [shown(canary) for canary in present], data, 20)

    async def describe_runtime_versions(self, data):
        versions = [{"VersionName": name, "Description": name, "ReleaseDate": 1700000000,
                     **({"DeprecationDate": ends} if ends else {})} for name, ends in RUNTIMES.items()]
        return page("RuntimeVersions", versions, data, 5)

    # Tags

    async def list_tags_for_resource(self, data):
        return {"Tags": self.of_arn(data["ResourceArn"])["Tags"]}

    async def tag_resource(self, data):
        self.of_arn(data["ResourceArn"])["Tags"].update(data["Tags"])
        return {}

    async def untag_resource(self, data):
        tags = self.of_arn(data["ResourceArn"])["Tags"]
        for name in data["TagKeys"]:
            tags.pop(name, None)
        return {}

    # Behind them

    def settled(self, name):
        """The canary in the state that it has reached by now."""
        canary = self.canaries.get(name)
        if canary and canary["Until"] and time.monotonic() > canary["Until"]:
            if canary["Then"] == "GONE":
                del self.canaries[name]
                return None
            reached = {"State": canary["Then"], "StateReasonCode": canary["Code"], "StateReason": canary["Reason"]}
            canary["Status"] = {name: value for name, value in reached.items() if value}
            canary["Until"] = None
        return canary

    def present(self, name):
        canary = self.settled(name)
        if canary is None:
            raise Refused("ResourceNotFoundException", f"Canary {name} does not exist.", 404)
        return canary

    def of_arn(self, arn):
        canary = self.settled(unquote(arn).split(":canary:")[-1])
        if canary is None:
            raise Refused("NotFoundException", f"{arn} does not exist.", 404)
        return canary

    def check_runtime(self, runtime):
        if runtime not in RUNTIMES:
            raise Refused("ValidationException", f"Invalid runtime version {runtime}.")
        if RUNTIMES[runtime] and RUNTIMES[runtime] < time.time():
            raise Refused("ValidationException", f"Runtime version {runtime} is deprecated.")

    def take(self, canary, data):
        """Keeps what can be read back: everything but the script and the environment variables."""
        for member in ("ArtifactS3Location", "ExecutionRoleArn", "RuntimeVersion", "SuccessRetentionPeriodInDays",
                       "FailureRetentionPeriodInDays", "ProvisionedResourceCleanup", "ArtifactConfig"):
            if member in data:
                canary[member] = data[member]
        canary["ArtifactS3Location"] = canary["ArtifactS3Location"].removeprefix("s3://")
        if "Schedule" in data:
            schedule = {"DurationInSeconds": 0, **data["Schedule"]}
            if schedule["Expression"].startswith("rate(0 "):
                schedule["Expression"] = "rate(0 hour)"
            canary["Schedule"] = schedule
        if "RunConfig" in data or "RunConfig" not in canary:
            config = {**RUN_DEFAULTS, **canary.get("RunConfig", {}), **data.get("RunConfig", {})}
            config.pop("EnvironmentVariables", None)
            canary["RunConfig"] = config
        if "VpcConfig" in data:
            canary["VpcConfig"] = {**data["VpcConfig"], "VpcId": "vpc-sandbox"} if data["VpcConfig"].get("SubnetIds") else {}
        if "Code" in data:
            canary["Handler"] = data["Code"]["Handler"]

    async def deploy(self, canary, code):
        """The script as a layer, and the function that would run it."""
        name = function_name(canary)
        layer = await call("lambda", f"/2018-10-31/layers/{name}/versions", {"Content": {"ZipFile": code["ZipFile"]}})
        canary["Layer"] = layer["LayerVersionArn"]
        canary["Versions"] += 1
        if canary["Versions"] == 1:
            runner = io.BytesIO()
            with zipfile.ZipFile(runner, "w") as archive:
                archive.writestr("index.js", "")
            await call("lambda", "/2015-03-31/functions", {
                "FunctionName": name, "Runtime": "nodejs20.x", "Handler": "index.handler", "Role": canary["ExecutionRoleArn"],
                "Tags": canary["Tags"], "Layers": [canary["Layer"]],
                "Code": {"ZipFile": base64.b64encode(runner.getvalue()).decode()}})


def snake(operation):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()


def enter(canary, state, then=None, code=None, reason=None):
    canary["Status"] = {"State": state}
    canary.update(Until=time.monotonic() + TRANSITION_SECONDS, Then=then or NEXT[state], Code=code, Reason=reason)


def function_name(canary):
    return f"cwsyn-{canary['Name'][:21]}-{canary['Id']}"


def shown(canary):
    """As GetCanary answers. Runtimes from puppeteer 11.0 on name their function by browser only."""
    from ministack.core.responses import get_account_id, get_region

    hidden = ("Versions", "Until", "Then", "Code", "Reason", "Layer", "Handler")
    answer = {name: value for name, value in canary.items() if name not in hidden}
    answer["Code"] = {"Handler": canary["Handler"]}
    if canary["Versions"]:
        answer["Code"]["SourceLocationArn"] = canary["Layer"]
        engine = f"arn:aws:lambda:{get_region()}:{get_account_id()}:function:{function_name(canary)}:{canary['Versions']}"
        family, version = canary["RuntimeVersion"].rsplit("-", 1)
        if family == "syn-nodejs-puppeteer" and float(version) < 11:
            answer["EngineArn"] = engine
        else:
            answer["EngineConfigs"] = [{"EngineArn": engine, "BrowserType": "CHROME"}]
    return answer


def check_zip(code, runtime):
    """Stricter than AWS, where the run fails: the handler's file must be where the runtime looks for it."""
    file = code["Handler"].rsplit(".", 1)[0]
    try:
        names = zipfile.ZipFile(io.BytesIO(base64.b64decode(code["ZipFile"]))).namelist()
    except zipfile.BadZipFile:
        raise Refused("ValidationException", "The zip file cannot be read.") from None
    family, version = runtime.rsplit("-", 1)
    folders = [""]
    if family == "syn-nodejs-puppeteer":
        folders = ["nodejs/node_modules/"] if float(version) < 11 else ["", "nodejs/node_modules/"]
    elif family == "syn-python-selenium":
        folders = ["python/"]
    places = [f"{folder}{file}.{ending}" for folder in folders for ending in ("js", "mjs", "cjs", "py")]
    if not any(place in names for place in places):
        raise Refused("ValidationException", f"No {file} in {names} where {runtime} looks for it.")


def role_exists(arn):
    from ministack.services import iam

    return arn.rsplit("/", 1)[-1] in iam._roles


async def undeploy(canary):
    name = function_name(canary)
    await call("lambda", f"/2015-03-31/functions/{name}", method="DELETE")
    versions = await call("lambda", f"/2018-10-31/layers/{name}/versions", method="GET")
    for version in versions.get("LayerVersions", []):
        await call("lambda", f"/2018-10-31/layers/{name}/versions/{version['Version']}", method="DELETE")


async def call(service, operation, data=None, method="POST"):
    """Another service of this sandbox, in the account and region of the request."""
    from ministack.services import cloudwatch_logs, lambda_svc

    if service == "logs":
        handler, path, headers = cloudwatch_logs.handle_request, "/", {"x-amz-target": f"Logs_20140328.{operation}"}
    else:
        handler, path, headers = lambda_svc.handle_request, operation, {}
    _status, _headers, body = await handler(method, path, headers, json.dumps(data or {}).encode(), {})
    await asyncio.sleep(0)
    return json.loads(body) if body else {}


def page(member, items, data, most):
    start = int((data.get("NextToken") or "from0").removeprefix("from"))
    end = start + min(data.get("MaxResults") or most, most)
    answer = {member: items[start:end]}
    if end < len(items):
        answer["NextToken"] = f"from{end}"
    return answer
