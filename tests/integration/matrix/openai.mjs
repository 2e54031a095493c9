// OpenAI's official Node SDK, chat completions.
import OpenAI from "openai";
import { all, assert, check, checkCalls, checkErrors, checkEvent, checkLorem, checkResults, lab, waitGone } from "./lab.mjs";

const client = new OpenAI({ baseURL: `${lab.base}/v1`, apiKey: lab.key, maxRetries: 0 }).chat.completions;
const ask = [{ role: "user", content: lab.words }];
const tools = lab.tools.map(([name, description, parameters]) => ({ type: "function", function: { name, description, parameters } }));

async function messageOf(stream, request) {
  if (!stream) return (await client.create(request)).choices[0].message;
  const thought = { reasoning_content: "", bf_thinking: [] };
  const events = client.stream(request).on("chunk", (chunk) => {
    // The SDK keeps only the last delta of what it does not know, so who thinks in a loop gathers these two.
    thought.reasoning_content += chunk.choices[0]?.delta.reasoning_content ?? "";
    thought.bf_thinking.push(...(chunk.choices[0]?.delta.bf_thinking ?? []));
  });
  const { message } = (await events.finalChatCompletion()).choices[0];
  return thought.reasoning_content ? { ...message, ...thought } : message;
}

check("text", async (model) => {
  const answer = await client.create({
    model: model("echo"), temperature: 0.5,
    messages: [{ role: "system", content: lab.system }, { role: "user", content: "hi" }, { role: "assistant", content: "hello" }, ...ask],
  });
  assert.equal(answer.choices[0].message.content, lab.words);
  assert.equal(answer.choices[0].finish_reason, "stop");
  assert.ok(answer.usage.prompt_tokens > 0);
});

check("stream", async (model) => {
  const request = { model: model("lorem-12"), messages: ask, stream: true, stream_options: { include_usage: true } };
  const chunks = await all(await client.create(request));
  checkLorem(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? ""));
  assert.equal(chunks.at(-1).usage.completion_tokens, 12);
});

for (const stream of [false, true]) {
  check(stream ? "tools stream" : "tools", async (model) => {
    const request = { model: model("tool-2"), tools };
    const first = await messageOf(stream, { ...request, messages: ask });
    checkCalls(first.tool_calls.map((call) => [call.function.name, call.function.arguments]));
    const results = first.tool_calls.map((call, i) => ({ role: "tool", tool_call_id: call.id, content: lab.results[i] }));
    const second = await messageOf(stream, { ...request, messages: [...ask, first, ...results] });
    checkResults(second.content);
  });

  check(stream ? "thinking stream" : "thinking", async (model) => {
    const request = { model: model("think"), tools, reasoning_effort: "low" };
    const first = await messageOf(stream, { ...request, messages: ask });
    assert.equal(first.reasoning_content, lab.thought);
    const result = { role: "tool", tool_call_id: first.tool_calls[0].id, content: lab.results[0] };
    const second = await messageOf(stream, { ...request, messages: [...ask, first, result] });
    assert.equal(second.content, lab.results[0]);
  });
}

check("image", async (model) => {
  const content = [{ type: "text", text: "Look." }, { type: "image_url", image_url: { url: lab.png_url } }];
  const answer = await client.create({ model: model("image"), messages: [{ role: "user", content }] });
  assert.equal(answer.choices[0].message.content, lab.seen);
});

check("structured", async (model) => {
  const format = { type: "json_schema", json_schema: { name: "event", schema: lab.event, strict: true } };
  const answer = await client.parse({ model: model("json"), messages: ask, response_format: format });
  checkEvent(answer.choices[0].message.parsed ?? answer.choices[0].message.content);
});

checkErrors(async (model, status) => {
  const kinds = { 400: OpenAI.BadRequestError, 401: OpenAI.AuthenticationError, 429: OpenAI.RateLimitError, 500: OpenAI.InternalServerError };
  await assert.rejects(client.create({ model, messages: ask }), (error) => error instanceof kinds[status] && error.status === status);
});

check("cancel", async (model) => {
  const stream = await client.create({ model: model(lab.slow), messages: ask, stream: true });
  for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break;
  await waitGone();
});
