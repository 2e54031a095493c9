// Anthropic's official Node SDK.
import Anthropic from "@anthropic-ai/sdk";
import { assert, check, checkCalls, checkErrors, checkEvent, checkLorem, checkResults, lab, waitGone } from "./lab.mjs";

const client = new Anthropic({ baseURL: `${lab.base}/anthropic`, apiKey: lab.key, maxRetries: 0 }).messages;
const ask = [{ role: "user", content: lab.words }];
const tools = lab.tools.map(([name, description, input_schema]) => ({ name, description, input_schema }));

async function answerOf(stream, request) {
  return stream ? client.stream(request).finalMessage() : client.create(request);
}

const callsOf = (answer) => answer.content.filter((block) => block.type === "tool_use");
const turnsOf = (answer) => [
  ...ask, { role: "assistant", content: answer.content },
  { role: "user", content: callsOf(answer).map((call, i) => ({ type: "tool_result", tool_use_id: call.id, content: lab.results[i] })) },
];

check("text", async (model) => {
  const answer = await client.create({
    model: model("echo"), max_tokens: 100, system: lab.system,
    messages: [{ role: "user", content: "hi" }, { role: "assistant", content: "hello" }, ...ask],
  });
  assert.equal(answer.content[0].text, lab.words);
  assert.equal(answer.stop_reason, "end_turn");
  assert.ok(answer.usage.input_tokens > 0);
});

check("stream", async (model) => {
  const pieces = [];
  const stream = client.stream({ model: model("lorem-12"), max_tokens: 100, messages: ask }).on("text", (text) => pieces.push(text));
  const final = await stream.finalMessage();
  checkLorem(pieces);
  assert.equal(final.usage.output_tokens, 12);
});

for (const stream of [false, true]) {
  check(stream ? "tools stream" : "tools", async (model) => {
    const request = { model: model("tool-2"), max_tokens: 100, tools };
    const first = await answerOf(stream, { ...request, messages: ask });
    checkCalls(callsOf(first).map((call) => [call.name, call.input]));
    checkResults((await answerOf(stream, { ...request, messages: turnsOf(first) })).content.at(-1).text);
  });

  check(stream ? "thinking stream" : "thinking", async (model) => {
    const request = { model: model("think"), max_tokens: 4096, tools, thinking: { type: "enabled", budget_tokens: 1024 } };
    const first = await answerOf(stream, { ...request, messages: ask });
    assert.ok(first.content.some((block) => block.type === "thinking" && block.thinking === lab.thought));
    assert.equal((await answerOf(stream, { ...request, messages: turnsOf(first) })).content.at(-1).text, lab.results[0]);
  });
}

check("image", async (model) => {
  const source = { type: "base64", media_type: "image/png", data: lab.png64 };
  const content = [{ type: "image", source }, { type: "text", text: "Look." }];
  const answer = await client.create({ model: model("image"), max_tokens: 100, messages: [{ role: "user", content }] });
  assert.equal(answer.content[0].text, lab.seen);
});

check("structured", async (model) => {
  const answer = await client.create({
    model: model("json"), max_tokens: 100, messages: ask, output_config: { format: { type: "json_schema", schema: lab.event } },
  });
  checkEvent(answer.content[0].text);
});

checkErrors(async (model, status) => {
  const kinds = {
    400: Anthropic.BadRequestError, 401: Anthropic.AuthenticationError, 429: Anthropic.RateLimitError, 500: Anthropic.InternalServerError,
  };
  await assert.rejects(client.create({ model, max_tokens: 100, messages: ask }),
    (error) => error instanceof kinds[status] && error.status === status && error.error.error.message.length > 0);
});

check("cancel", async (model) => {
  const stream = await client.create({ model: model(lab.slow), max_tokens: 5000, messages: ask, stream: true });
  for await (const event of stream) if (event.type === "content_block_delta") break;
  await waitGone();
});
