import { FAKE_SIDECAR } from "./fake-sidecar.js";
import { testHosts } from "./hosts.js";

testHosts({ env: { PYRUNNER_SIDECAR: FAKE_SIDECAR }, echoCode: "echo" });
