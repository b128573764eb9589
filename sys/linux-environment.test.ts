import { expect, test } from "vitest";
import { isEngineVariable } from "./linux-environment.ts";

/** cmd/environment.live.test.ts shows with the executables that these variables have no effect any more. */

test.each([
  ...["NODE_V8_COVERAGE", "SSLKEYLOGFILE"],
  ...["NODE_OPTIONS", "NODE_DEBUG", "BUN_OPTIONS", "BUN_CONFIG_VERBOSE_FETCH", "BUN_INSPECT"],
  ...["BUN_JSC_logGC", "OPENSSL_CONF", "OPENSSL_MODULES", "UV_THREADPOOL_SIZE", "BUN_FEATURE_FLAG_X"],
])("%s is the engine's", (name) => {
  expect(isEngineVariable(name)).toBe(true);
});

test.each([
  // Each request overrules them.
  ...[
    "NODE_TLS_REJECT_UNAUTHORIZED",
    "NODE_EXTRA_CA_CERTS",
    "NODE_USE_SYSTEM_CA",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
  ],
  ...["NODE_NAME", "NODE_IP", "NODE", "PATH", "CNI_PATH", "CNI_COMMAND", "HTTPS_PROXY", "NO_PROXY", "BUNDLE"],
  ...[
    "KUBERNETES_SERVICE_HOST",
    "HAWSER_OPERATION",
    "UVICORN_PORT",
    "BUN_JSC_useJIT",
    "BUN_BYTECODE_ORDER_OUT",
  ],
])("%s is not", (name) => {
  expect(isEngineVariable(name)).toBe(false);
});
