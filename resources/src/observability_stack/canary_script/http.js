// The parameter's value is a secret: no error quotes it.
async function secretHeaders() {
  if (!check.headersParameter) return {};
  const { SSMClient, GetParameterCommand } = require('@aws-sdk/client-ssm');
  const command = new GetParameterCommand({ Name: check.headersParameter, WithDecryption: true });
  const { Parameter } = await new SSMClient({}).send(command);
  let headers = null;
  try {
    headers = JSON.parse(Parameter.Value);
  } catch {
    // Told below.
  }
  const isMap = headers !== null && typeof headers === 'object' && !Array.isArray(headers);
  if (!isMap || Object.values(headers).some((value) => typeof value !== 'string')) {
    throw new Error(`Parameter ${check.headersParameter} must hold a JSON object, header name to text`);
  }
  return headers;
}

function inTime(work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`No answer within ${check.timeout} ms`)), check.timeout);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

exports.handler = async () => {
  const url = new URL(check.url);
  const request = {
    protocol: url.protocol,
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port || (url.protocol === 'https:' ? 443 : 80),
    path: url.pathname + url.search,
    method: check.method,
    headers: { ...check.headers, ...(await secretHeaders()) },
  };
  if (check.body !== null) request.body = check.body;
  const step = synthetics.executeHttpStep('health', request, async (response) => {
    response.resume?.();
    judge(response.statusCode);
  });
  await inTime(step);
};
