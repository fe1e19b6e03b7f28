function judge(status) {
  log.info(`Status Code: ${status}`);
  if (!(status >= check.statusMin && status <= check.statusMax)) {
    throw new Error(`Health check failed with status ${status}`);
  }
  log.info('Health check passed');
}
