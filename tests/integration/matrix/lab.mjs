// What every Node SDK is asked to do; the same words as the Python SDKs' (LAB: pairs.py, as JSON).
import assert from "node:assert/strict";
import { test } from "node:test";

export const lab = JSON.parse(process.env.LAB);
export { assert };

// One test a check and upstream; its name is what test_node.py looks for.
export function check(name, run) {
  for (const upstream of lab.upstreams)
    test(`${upstream}: ${name}`, { timeout: 20000 }, () => run((model) => `at-${upstream}/${lab.models[`${upstream}/${model}`] ?? model}`));
}

export function checkErrors(run) {
  for (const status of lab.statuses)
    check(`error ${status}`, async (model) => {
      await run(model(`error-${status}`), status);
      // An error of our own would look the same to the SDK.
      assert.equal((await requests()).at(-1).model, `error-${status}`);
    });
}

export function checkCalls(calls) {
  assert.deepEqual(
    calls.map(([name, given]) => [name, typeof given === "string" ? JSON.parse(given) : given]),
    [["get_weather", { city: lab.words, unit: "celsius" }], ["get_time", { zone: "utc" }]],
  );
}

export function checkResults(text) {
  for (const result of lab.results) assert.ok(text.includes(result), text);
}

export function checkEvent(event) {
  assert.deepEqual(typeof event === "string" ? JSON.parse(event) : event, { name: lab.words, people: [lab.words] });
}

export function checkLorem(pieces) {
  assert.equal(pieces.join("").split(" ").length, 12);
  assert.ok(pieces.filter((piece) => piece).length >= 6);
}

// What the provider received, oldest first.
const requests = async () => (await (await fetch(`${lab.mock}/requests`)).json()).data;

// Until the provider has seen that nobody listens any more; the test's time limit ends it.
export async function waitGone() {
  for (;;) {
    if ((await requests()).at(-1).outcome === "gone") return;
    await new Promise((next) => setImmediate(next));
  }
}

export async function all(stream) {
  const items = [];
  for await (const item of stream) items.push(item);
  return items;
}
