// The official Node SDK with nothing changed but the base URL and the key (BASE and KEY in the environment).
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI, { toFile } from "openai";

const { BASE, KEY } = process.env;
const client = new OpenAI({ baseURL: `${BASE}/v1`, apiKey: KEY, maxRetries: 0 });
const messages = [{ role: "user", content: "hello from node" }];
const tool = {
  type: "function",
  function: {
    name: "get_weather",
    parameters: { type: "object", required: ["city"], properties: { city: { type: "string" }, days: { type: "integer", minimum: 2 } } },
  },
};

for (const base of ["", "/v1", "/openai", "/openai/v1"]) {
  test(`base URL "${base}"`, async () => {
    const one = new OpenAI({ baseURL: BASE + base, apiKey: KEY, maxRetries: 0 });
    const answer = await one.chat.completions.create({ model: "up/echo", messages });
    assert.equal(answer.choices[0].message.content, "hello from node");
  });
}

test("chat", async () => {
  const { data, response } = await client.chat.completions
    .create({ model: "up/lorem-50", messages, max_completion_tokens: 6 })
    .withResponse();
  assert.equal(data.usage.completion_tokens, 6);
  assert.equal(data.choices[0].finish_reason, "length");
  assert.equal(response.headers.get("x-bf-provider"), "up");
});

test("stream", async () => {
  let text = "";
  for await (const chunk of await client.chat.completions.create({ model: "up/lorem-30", messages, stream: true }))
    text += chunk.choices[0].delta.content ?? "";
  assert.equal(text.split(" ").length, 30);
});

test("stream with usage", async () => {
  let last;
  const stream = await client.chat.completions.create({
    model: "up/lorem-3", messages, stream: true, stream_options: { include_usage: true },
  });
  for await (const chunk of stream) last = chunk;
  assert.deepEqual(last.choices, []);
  assert.equal(last.usage.completion_tokens, 3);
});

test("stream that the client leaves", async () => {
  const stream = await client.chat.completions.create({ model: "up/lorem-1000-20", messages, stream: true });
  for await (const chunk of stream) {
    if (chunk.choices[0].delta.content) break;
  }
  assert.ok(stream.controller.signal.aborted);
});

test("tools, whole and streamed", async () => {
  const answer = await client.chat.completions.create({ model: "up/tool", messages, tools: [tool] });
  const call = answer.choices[0].message.tool_calls[0];
  assert.deepEqual(JSON.parse(call.function.arguments), { city: "hello from node", days: 2 });
  const final = await client.chat.completions.stream({ model: "up/tool", messages, tools: [tool] }).finalChatCompletion();
  assert.deepEqual(final.choices[0].message.tool_calls[0].function.arguments, call.function.arguments);
});

test("structured output", async () => {
  const schema = { type: "object", properties: { n: { type: "integer", minimum: 4 }, ok: { type: "boolean" } }, required: ["n", "ok"] };
  const answer = await client.chat.completions.create({
    model: "up/json", messages, response_format: { type: "json_schema", json_schema: { name: "x", schema } },
  });
  assert.deepEqual(JSON.parse(answer.choices[0].message.content), { n: 4, ok: true });
});

test("embeddings", async () => {
  const one = await client.embeddings.create({ model: "up/any", input: "a", dimensions: 4 });
  const two = await client.embeddings.create({ model: "up/any", input: "a", dimensions: 4, encoding_format: "float" });
  assert.equal(one.data[0].embedding.length, 4);
  one.data[0].embedding.forEach((n, i) => assert.ok(Math.abs(n - two.data[0].embedding[i]) < 1e-6));
});

test("responses", async () => {
  const answer = await client.responses.create({ model: "up/echo", input: "hello responses" });
  assert.equal(answer.output_text, "hello responses");
  const types = [];
  for await (const event of await client.responses.create({ model: "up/lorem-4", input: "x", stream: true })) types.push(event.type);
  assert.equal(types[0], "response.created");
  assert.equal(types.at(-1), "response.completed");
  assert.equal(types.filter((type) => type === "response.output_text.delta").length, 4);
});

test("images, audio, moderations", async () => {
  const image = await client.images.generate({ model: "up/gpt-image-1", prompt: "a fin" });
  assert.ok(image.data[0].b64_json.startsWith("iVBOR"));
  const sound = Buffer.from(await (await client.audio.speech.create({ model: "up/tts-1", voice: "alloy", input: "x" })).arrayBuffer());
  assert.equal(sound.subarray(0, 4).toString(), "RIFF");
  const text = await client.audio.transcriptions.create({ model: "up/whisper-1", file: await toFile(sound, "a.wav") });
  assert.equal(text.text, `${sound.length} bytes of sound`);
  const verdict = await client.moderations.create({ model: "up/omni-moderation-latest", input: "violence" });
  assert.equal(verdict.results[0].flagged, true);
});

test("files", async () => {
  const made = await client.files.create({ file: await toFile(Buffer.from("{}\n"), "in.jsonl"), purpose: "batch" });
  const ids = [];
  for await (const file of client.files.list()) ids.push(file.id);
  assert.ok(ids.includes(made.id));
  assert.equal(await (await client.files.content(made.id)).text(), "{}\n");
  assert.equal((await client.files.delete(made.id)).deleted, true);
});

test("models", async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.ok(ids.includes("up/echo"));
  assert.equal((await client.models.retrieve("up/echo")).id, "up/echo");
});

const errors = [
  [400, OpenAI.BadRequestError], [401, OpenAI.AuthenticationError], [403, OpenAI.PermissionDeniedError], [404, OpenAI.NotFoundError],
  [422, OpenAI.UnprocessableEntityError], [429, OpenAI.RateLimitError], [500, OpenAI.InternalServerError],
];
for (const [status, kind] of errors) {
  test(`upstream error ${status}`, () =>
    assert.rejects(client.chat.completions.create({ model: `up/error-${status}`, messages }), (error) => error instanceof kind && error.status === status));
}

test("our own errors", async () => {
  await assert.rejects(client.chat.completions.create({ model: "nobody/x", messages }),
    (error) => error instanceof OpenAI.NotFoundError && error.code === "unknown_provider");
  const other = new OpenAI({ baseURL: BASE, apiKey: "sk-bf-wrong", maxRetries: 0 });
  await assert.rejects(other.models.list(), (error) => error instanceof OpenAI.AuthenticationError && error.code === "bad_key");
});

test("a broken stream rejects", async () => {
  const stream = await client.chat.completions.create({ model: "up/cut-2", messages, stream: true });
  await assert.rejects(async () => { for await (const _ of stream); }, (error) => error instanceof OpenAI.APIError && error.code === "upstream_cut");
});
