// Cohere's official Node SDK, the v2 API.
import { CohereClientV2, CohereError } from "cohere-ai";
import { all, assert, check, checkCalls, checkErrors, checkEvent, checkLorem, checkResults, lab, waitGone } from "./lab.mjs";

const client = new CohereClientV2({ token: lab.key, environment: `${lab.base}/cohere` });
const once = { maxRetries: 0 };
const ask = [{ role: "user", content: lab.words }];
const tools = lab.tools.map(([name, description, parameters]) => ({ type: "function", function: { name, description, parameters } }));

// A stream's message, put together as Cohere's guide does.
function gather(events) {
  const content = [], toolCalls = [];
  let toolPlan = "";
  for (const { type, index, delta } of events) {
    const told = delta?.message;
    if (type === "content-start") content[index] = { ...told.content };
    else if (type === "content-delta") {
      // Also what the SDK has no name for.
      for (const [name, more] of Object.entries(told.content))
        if (name !== "type" && more !== undefined) content[index][name] = (content[index][name] ?? "") + more;
    }
    else if (type === "tool-plan-delta") toolPlan += told.toolPlan;
    else if (type === "tool-call-start") toolCalls[index] = told.toolCalls;
    else if (type === "tool-call-delta") toolCalls[index].function.arguments += told.toolCalls.function.arguments;
  }
  return {
    role: "assistant", ...(content.length && { content: content.filter((block) => block) }),
    ...(toolCalls.length && { toolCalls: toolCalls.filter((call) => call) }), ...(toolPlan && { toolPlan }),
  };
}

async function answerOf(stream, request) {
  return stream ? gather(await all(await client.chatStream(request, once))) : (await client.chat(request, once)).message;
}

const textOf = (message) => message.content.map((block) => block.text ?? "").join("");
const turnsOf = (message) => [
  ...ask, message, ...message.toolCalls.map((call, i) => ({ role: "tool", toolCallId: call.id, content: lab.results[i] })),
];

check("text", async (model) => {
  const answer = await client.chat({
    model: model("echo"), temperature: 0.5,
    messages: [{ role: "system", content: lab.system }, { role: "user", content: "hi" }, { role: "assistant", content: "hello" }, ...ask],
  }, once);
  assert.equal(textOf(answer.message), lab.words);
  assert.equal(answer.finishReason, "COMPLETE");
  assert.ok(answer.usage.tokens.inputTokens > 0);
});

check("stream", async (model) => {
  const events = await all(await client.chatStream({ model: model("lorem-12"), messages: ask }, once));
  checkLorem(events.filter((event) => event.type === "content-delta").map((event) => event.delta.message.content.text));
  assert.equal(events.at(-1).delta.usage.tokens.outputTokens, 12);
});

for (const stream of [false, true]) {
  check(stream ? "tools stream" : "tools", async (model) => {
    const request = { model: model("tool-2"), tools };
    const first = await answerOf(stream, { ...request, messages: ask });
    checkCalls(first.toolCalls.map((call) => [call.function.name, call.function.arguments]));
    checkResults(textOf(await answerOf(stream, { ...request, messages: turnsOf(first) })));
  });

  check(stream ? "thinking stream" : "thinking", async (model) => {
    const request = { model: model("think"), tools, thinking: { type: "enabled", tokenBudget: 1024 } };
    const first = await answerOf(stream, { ...request, messages: ask });
    const thoughts = (first.content ?? []).map((block) => block.thinking ?? "").join("") + (first.toolPlan ?? "");
    assert.ok(thoughts.includes(lab.thought));
    assert.equal(textOf(await answerOf(stream, { ...request, messages: turnsOf(first) })), lab.results[0]);
  });
}

check("image", async (model) => {
  const content = [{ type: "text", text: "Look." }, { type: "image_url", imageUrl: { url: lab.png_url } }];
  assert.equal(textOf(await answerOf(false, { model: model("image"), messages: [{ role: "user", content }] })), lab.seen);
});

check("structured", async (model) => {
  const responseFormat = { type: "json_object", jsonSchema: lab.event };
  checkEvent(textOf(await answerOf(false, { model: model("json"), messages: ask, responseFormat })));
});

checkErrors((model, status) =>
  assert.rejects(client.chat({ model, messages: ask }, once), (error) => error instanceof CohereError && error.statusCode === status));

check("cancel", async (model) => {
  const leave = new AbortController();
  const stream = await client.chatStream({ model: model(lab.slow), messages: ask }, { ...once, abortSignal: leave.signal });
  for await (const event of stream) if (event.type === "content-delta") break;
  leave.abort();
  await waitGone();
});
