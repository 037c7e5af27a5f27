import { testHosts } from "../hosts.js";

testHosts({ env: {}, echoCode: "def run(args): return args" });
