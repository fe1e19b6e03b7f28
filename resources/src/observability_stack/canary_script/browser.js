exports.handler = async () => {
  const page = await synthetics.getPage();
  if (Object.keys(check.headers).length > 0) await page.setExtraHTTPHeaders(check.headers);
  await synthetics.executeStep('health', async () => {
    const response = await page.goto(check.url, { waitUntil: 'domcontentloaded', timeout: check.timeout });
    if (!response) throw new Error('Failed to load page');
    judge(response.status());
  });
};
