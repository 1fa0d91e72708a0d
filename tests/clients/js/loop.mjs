// Asks the STS who it is, again and again in one process, and prints a line of JSON a call: the
// arn and the key that the call was signed with, or the error. A rotation shows as another key.
import { createRequire } from "node:module";

const require = createRequire(process.env.DAYFLY_TEST_JS + "/package.json");
const { STSClient, GetCallerIdentityCommand } = require("@aws-sdk/client-sts");

const until = Date.now() + 1000 * Number(process.argv[2]);
const client = new STSClient({ endpoint: process.env.AWS_ENDPOINT_URL });
let signed = "";
client.middlewareStack.add(
  (next) => (args) => {
    signed = args.request.headers.authorization ?? "";
    return next(args);
  },
  { step: "finalizeRequest", priority: "low" },
);
for (;;) {
  try {
    const { Arn: arn } = await client.send(new GetCallerIdentityCommand({}));
    console.log(JSON.stringify({ arn, key: /Credential=([^/]*)/.exec(signed)?.[1] }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
  }
  if (Date.now() > until) break;
  await new Promise((resolve) => setTimeout(resolve, 300));
}
