//! Which AWS operation a request is.

use super::wire::Message;

/// One call that came by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// `<service>:<operation>`, the service as requests are signed for it: `dynamodb:CreateTable`; for services with
    /// REST paths the method and the path: `lambda:POST /2015-03-31/functions`.
    pub operation: String,
    /// The region that the request is signed for; empty without a signature. For IAM and Route 53 the one that AWS has
    /// them signed for: with an endpoint of one's own, such as this proxy, the SDK signs for the client's.
    pub region: String,
    /// Whether it can change something.
    pub writes: bool,
}

/// Services with one endpoint for all regions, and where it is.
const GLOBAL: ([&str; 2], &str) = (["iam", "route53"], "us-east-1");

/// How names of operations that change nothing begin.
const READS: [&str; 10] = [
    "Get", "Describe", "List", "Head", "BatchGet", "Query", "Scan", "Filter", "Lookup", "Receive",
];

impl Call {
    pub(super) fn of(request: &Message) -> Self {
        let service = scope(request, SERVICE).unwrap_or("unsigned");
        let region = if GLOBAL.0.contains(&service) {
            GLOBAL.1
        } else {
            scope(request, REGION).unwrap_or_default()
        };
        let region = region.to_owned();
        if let Some(operation) = named_operation(request) {
            let writes = !READS.iter().any(|read| operation.starts_with(read));
            return Self {
                operation: format!("{service}:{operation}"),
                region,
                writes,
            };
        }
        Self {
            operation: format!("{service}:{} {}", request.method(), request.path()),
            region,
            writes: !matches!(request.method(), "GET" | "HEAD"),
        }
    }
}

const REGION: usize = 2;
const SERVICE: usize = 3;

/// From the signature: `Credential=<key>/<date>/<region>/<service>/aws4_request`.
fn scope(request: &Message, part: usize) -> Option<&str> {
    let credential = request
        .header("authorization")
        .and_then(|text| text.split("Credential=").nth(1));
    credential.and_then(|scope| scope.split(['/', ',']).nth(part))
}

/// JSON protocols name it in a header, CBOR in the path, the query protocol in the body.
fn named_operation(request: &Message) -> Option<String> {
    if let Some(target) = request.header("x-amz-target") {
        return target.rsplit('.').next().map(str::to_owned);
    }
    if let Some((_, operation)) = request.path().split_once("/operation/") {
        return Some(operation.to_owned());
    }
    let form = request
        .header("content-type")
        .is_some_and(|kind| kind.contains("x-www-form-urlencoded"));
    if !form {
        return None;
    }
    let body = String::from_utf8_lossy(&request.body);
    let action = body.split('&').find_map(|pair| pair.strip_prefix("Action="));
    action.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(start: &str, service: &str, header: Option<(&str, &str)>, body: &str) -> Call {
        let scope = format!("Credential=200000000001/20261121/us-east-1/{service}/aws4_request, SignedHeaders=host");
        let signature = ("Authorization".to_owned(), format!("AWS4-HMAC-SHA256 {scope}"));
        let header = header.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Call::of(&Message {
            start: format!("{start} HTTP/1.1"),
            headers: [signature].into_iter().chain(header).collect(),
            body: body.as_bytes().to_vec(),
        })
    }

    fn is(operation: &str, writes: bool) -> Call {
        Call {
            operation: operation.to_owned(),
            region: "us-east-1".to_owned(),
            writes,
        }
    }

    #[test]
    fn every_protocol_of_aws_is_understood() {
        let target = Some(("X-Amz-Target", "DynamoDB_20120810.CreateTable"));
        let json = call("POST /", "dynamodb", target, "{}");
        assert_eq!(json, is("dynamodb:CreateTable", true));

        let form = Some(("Content-Type", "application/x-www-form-urlencoded"));
        let query = call("POST /", "sns", form, "Version=2010-03-31&Action=GetTopicAttributes");
        assert_eq!(query, is("sns:GetTopicAttributes", false));

        let path = "POST /service/GraniteServiceVersion20100801/operation/PutMetricAlarm";
        assert_eq!(
            call(path, "monitoring", None, ""),
            is("monitoring:PutMetricAlarm", true)
        );

        let xml = call("PUT /bucket?versioning", "s3", None, "");
        assert_eq!(xml, is("s3:PUT /bucket", true));

        let rest = call("GET /2015-03-31/functions/f", "lambda", None, "");
        assert_eq!(rest, is("lambda:GET /2015-03-31/functions/f", false));
    }

    #[test]
    fn a_global_service_is_in_no_region_but_its_own() {
        let signed = |service: &str| {
            let scope =
                format!("Credential=200000000001/20261121/eu-west-1/{service}/aws4_request, SignedHeaders=host");
            let region = Call::of(&Message {
                start: "POST / HTTP/1.1".to_owned(),
                headers: vec![("Authorization".to_owned(), format!("AWS4-HMAC-SHA256 {scope}"))],
                body: Vec::new(),
            });
            region.region
        };
        assert_eq!(
            ["iam", "route53", "kms"].map(signed),
            ["us-east-1", "us-east-1", "eu-west-1"]
        );
    }
}
