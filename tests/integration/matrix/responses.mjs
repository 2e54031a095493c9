// OpenAI's official Node SDK, Responses API.
import OpenAI from "openai";
import { all, assert, check, checkCalls, checkErrors, checkEvent, checkLorem, checkResults, lab, waitGone } from "./lab.mjs";

const client = new OpenAI({ baseURL: `${lab.base}/openai/v1`, apiKey: lab.key, maxRetries: 0 }).responses;
const tools = lab.tools.map(([name, description, parameters]) => ({ type: "function", name, description, parameters, strict: true }));
const ask = { role: "user", content: lab.words };

async function answerOf(stream, request) {
  return stream ? client.stream(request).finalResponse() : client.create(request);
}

const callsOf = (answer) => answer.output.filter((item) => item.type === "function_call");
// What is sent back: the SDK's own additions (parsed_arguments) are not part of the API.
const itemsOf = (answer) => answer.output.map(({ parsed_arguments, ...item }) => item);
const resultsOf = (answer) =>
  callsOf(answer).map((call, i) => ({ type: "function_call_output", call_id: call.call_id, output: lab.results[i] }));

check("text", async (model) => {
  const answer = await client.create({
    model: model("echo"), instructions: lab.system, temperature: 0.5,
    input: [{ role: "user", content: "hi" }, { role: "assistant", content: "hello" }, ask],
  });
  assert.equal(answer.output_text, lab.words);
  assert.equal(answer.status, "completed");
  assert.ok(answer.usage.input_tokens > 0);
});

check("stream", async (model) => {
  const events = await all(await client.create({ model: model("lorem-12"), input: lab.words, stream: true }));
  checkLorem(events.filter((event) => event.type === "response.output_text.delta").map((event) => event.delta));
  assert.equal(events.at(-1).type, "response.completed");
  assert.equal(events.at(-1).response.usage.output_tokens, 12);
});

for (const stream of [false, true]) {
  check(stream ? "tools stream" : "tools", async (model) => {
    const request = { model: model("tool-2"), tools };
    const first = await answerOf(stream, { ...request, input: [ask] });
    checkCalls(callsOf(first).map((call) => [call.name, call.arguments]));
    const second = await answerOf(stream, { ...request, input: [ask, ...itemsOf(first), ...resultsOf(first)] });
    checkResults(second.output.at(-1).content[0].text);
  });

  check(stream ? "thinking stream" : "thinking", async (model) => {
    const request = {
      model: model("think"), tools, reasoning: { effort: "low", summary: "auto" }, include: ["reasoning.encrypted_content"], store: false,
    };
    const first = await answerOf(stream, { ...request, input: [ask] });
    const thoughts = first.output.filter((item) => item.type === "reasoning").flatMap((item) => item.summary);
    assert.ok(thoughts.map((part) => part.text).join("").includes(lab.thought));
    const second = await answerOf(stream, { ...request, input: [ask, ...itemsOf(first), ...resultsOf(first)] });
    assert.equal(second.output.at(-1).content[0].text, lab.results[0]);
  });
}

check("image", async (model) => {
  const content = [{ type: "input_text", text: "Look." }, { type: "input_image", image_url: lab.png_url, detail: "auto" }];
  const answer = await client.create({ model: model("image"), input: [{ role: "user", content }] });
  assert.equal(answer.output_text, lab.seen);
});

check("structured", async (model) => {
  const format = { type: "json_schema", name: "event", schema: lab.event, strict: true };
  const answer = await client.parse({ model: model("json"), input: lab.words, text: { format } });
  checkEvent(answer.output_parsed ?? answer.output_text);
});

checkErrors(async (model, status) => {
  const kinds = { 400: OpenAI.BadRequestError, 401: OpenAI.AuthenticationError, 429: OpenAI.RateLimitError, 500: OpenAI.InternalServerError };
  await assert.rejects(client.create({ model, input: "x" }), (error) => error instanceof kinds[status] && error.status === status);
});

check("cancel", async (model) => {
  const stream = await client.create({ model: model(lab.slow), input: lab.words, stream: true });
  for await (const event of stream) if (event.type === "response.output_text.delta") break;
  await waitGone();
});
