"""Settings that ministack accepts and does not give back, so that a second plan can see that they are there."""

import json

from .patch import replace


def install():
    state_machine_tracing()
    alarm_metric_math()
    dashboard_times()
    recovery_period()
    log_group_key()
    actions_suppressor()
    metric_filter_options()


def succeeded(answer):
    return answer[0] < 300


def state_machine_tracing():
    from ministack.services import stepfunctions

    def keep(original):
        def run(data):
            answer = original(data)
            if succeeded(answer) and "tracingConfiguration" in data:
                arn = data.get("stateMachineArn") or json.loads(answer[2])["stateMachineArn"]
                stepfunctions._state_machines[arn]["tracingConfiguration"] = data["tracingConfiguration"]
            return answer
        return run

    replace(stepfunctions, "_create_state_machine", keep)
    replace(stepfunctions, "_update_state_machine", keep)


# What AWS leaves out of an alarm on metric math: ministack fills in defaults.
SINGLE_METRIC = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit")


def alarm_metric_math():
    from ministack.services import cloudwatch

    def keep(original):
        def run(params, cbor_data, is_cbor, is_json=False):
            answer = original(params, cbor_data, is_cbor, is_json)
            if succeeded(answer) and cbor_data.get("Metrics"):
                cloudwatch._alarms[cbor_data["AlarmName"]]["Metrics"] = cbor_data["Metrics"]
            return answer
        return run

    def show(original):
        def run(alarm):
            if alarm.get("Metrics"):
                alarm = {name: value for name, value in alarm.items() if name not in SINGLE_METRIC}
            elif alarm.get("ExtendedStatistic"):
                alarm = {name: value for name, value in alarm.items() if name != "Statistic"}
            return original(alarm)
        return run

    replace(cloudwatch, "_put_metric_alarm", keep)
    replace(cloudwatch, "_cbor_alarm", show)


def dashboard_times():
    """ListDashboards writes its times as text, which the SDK for Rust refuses in CBOR."""
    from ministack.services import cloudwatch

    def encode(original):
        def run(answer, *more, **named):
            for entry in answer.get("DashboardEntries", []):
                entry["LastModified"] = cloudwatch._cbor_timestamp(entry["LastModified"])
            return original(answer, *more, **named)
        return run

    replace(cloudwatch, "_cbor_ok", encode)


DEFAULT_RECOVERY_DAYS = 35


def recovery_period():
    from ministack.services import dynamodb

    days = {}  # table id -> days

    def table_id(data):
        return dynamodb._tables[dynamodb._normalize_table_name(data.get("TableName"))]["TableId"]

    def keep(original):
        def run(data):
            answer = original(data)
            if succeeded(answer):
                wanted = data.get("PointInTimeRecoverySpecification", {}).get("RecoveryPeriodInDays")
                days[table_id(data)] = wanted or DEFAULT_RECOVERY_DAYS
            return with_days(data, answer)
        return run

    def show(original):
        return lambda data: with_days(data, original(data))

    def with_days(data, answer):
        if not succeeded(answer):
            return answer
        status, headers, body = answer
        content = json.loads(body)
        recovery = content["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        if recovery["PointInTimeRecoveryStatus"] == "ENABLED":
            recovery["RecoveryPeriodInDays"] = days.get(table_id(data), DEFAULT_RECOVERY_DAYS)
        return status, headers, json.dumps(content).encode()

    replace(dynamodb, "_update_continuous_backups", keep)
    replace(dynamodb, "_describe_continuous_backups", show)


def log_group_key():
    """AssociateKmsKey and DisassociateKmsKey, which ministack does not know at all."""
    from ministack.core.responses import error_response_json, json_response
    from ministack.services import cloudwatch_logs

    def handle(original):
        async def run(method, path, headers, body, query_params):
            action = headers.get("x-amz-target", "").split(".")[-1]
            if action not in ("AssociateKmsKey", "DisassociateKmsKey"):
                return await original(method, path, headers, body, query_params)
            data = json.loads(body)
            name = data.get("logGroupName") or data.get("resourceIdentifier", "").split(":log-group:")[-1]
            group = cloudwatch_logs._log_groups.get(name)
            if group is None:
                return error_response_json(
                    "ResourceNotFoundException", f"The specified log group does not exist: {name}", 400)
            if action == "AssociateKmsKey":
                group["kmsKeyId"] = data["kmsKeyId"]
            else:
                group.pop("kmsKeyId", None)
            return json_response({})
        return run

    replace(cloudwatch_logs, "handle_request", handle)


SUPPRESSOR = ("ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")


def actions_suppressor():
    """The alarm that silences a composite alarm's actions."""
    from ministack.services import cloudwatch

    def keep(original):
        def run(params, cbor_data, is_cbor, is_json=False):
            answer = original(params, cbor_data, is_cbor, is_json)
            if succeeded(answer):
                kept = {name: cbor_data[name] for name in SUPPRESSOR if name in cbor_data}
                cloudwatch._composite_alarms[cbor_data["AlarmName"]].update(kept)
            return answer
        return run

    replace(cloudwatch, "_put_composite_alarm", keep)


def metric_filter_options():
    from ministack.services import cloudwatch_logs

    def keep(original):
        def run(data):
            answer = original(data)
            if succeeded(answer) and "applyOnTransformedLogs" in data:
                kept = cloudwatch_logs._metric_filters[(data["logGroupName"], data["filterName"])]
                kept["applyOnTransformedLogs"] = data["applyOnTransformedLogs"]
            return answer
        return run

    replace(cloudwatch_logs, "_put_metric_filter", keep)
