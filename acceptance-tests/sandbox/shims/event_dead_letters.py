"""EventBridge: the dead-letter queue of a target gets nothing there.

On AWS an event whose target does not exist (any more) goes to the target's queue at once, with these attributes.
"""

import json

from .patch import replace


def install():
    from ministack.core.arn import parse_arn
    from ministack.services import eventbridge, lambda_svc, sns, sqs, stepfunctions

    exists = {
        "lambda": lambda arn: lambda_svc._get_func_record_for_ref(arn)[0] is not None,
        "sqs": lambda arn: sqs._queue_by_arn(arn) is not None,
        "sns": lambda arn: arn in sns._topics,
        "states": lambda arn: stepfunctions._resolve_state_machine_arn(arn) is not None,
    }

    def invoke(original):
        def run(target, event, rule, view=None):
            arn = target.get("Arn", "")
            queue_arn = (target.get("DeadLetterConfig") or {}).get("Arn")
            known = exists.get(parse_arn(arn).service)
            if not queue_arn or known is None or known(arn):
                return original(target, event, rule, view)
            queue = sqs._queue_by_arn(queue_arn)
            if queue is None:
                return None
            view = view or eventbridge._pattern_event_view(event)
            eventbridge._dispatch_to_sqs(parse_arn(queue_arn), json.dumps(view.event_with_detail()))
            queue["messages"][-1]["message_attributes"] = attributes(arn, rule)
            return None
        return run

    def attributes(target_arn, rule):
        values = {
            "ERROR_CODE": "RESOURCE_NOT_FOUND",
            "ERROR_MESSAGE": f"The target {target_arn} does not exist.",
            "RULE_ARN": rule.get("Arn", ""),
            "TARGET_ARN": target_arn,
        }
        return {name: {"DataType": "String", "StringValue": value} for name, value in values.items()}

    replace(eventbridge, "_invoke_target", invoke)
