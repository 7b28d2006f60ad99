// Synthesises the stacks of a folder of templates with level-1 constructs: `node cdk.mjs TEMPLATES OUT`.
// Prints the seconds of start-up and of `synth`, and the peak memory, as JSON.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

const began = process.hrtime.bigint();
const { App, CfnResource, Stack } = await import("aws-cdk-lib");
const started = process.hrtime.bigint();

const [templates, outdir] = process.argv.slice(2);
const app = new App({ outdir, analyticsReporting: false, treeMetadata: false });
for (const file of readdirSync(templates)) {
  const stack = new Stack(app, file.replace(".json", ""));
  const { Resources } = JSON.parse(readFileSync(join(templates, file), "utf8"));
  for (const [id, { Type, Properties }] of Object.entries(Resources)) {
    new CfnResource(stack, id, { type: Type, properties: Properties });
  }
}
app.synth();
const done = process.hrtime.bigint();
console.log(JSON.stringify({
  start_seconds: Number(started - began) / 1e9,
  synth_seconds: Number(done - started) / 1e9,
  peak_mib: process.resourceUsage().maxRSS / 1024,
}));
