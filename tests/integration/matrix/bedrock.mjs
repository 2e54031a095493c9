// AWS's official Node SDK with its default transport, HTTP/2 over TLS, and an Amazon Bedrock API key.
import {
  BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand, AccessDeniedException, InternalServerException, ThrottlingException,
  ValidationException,
} from "@aws-sdk/client-bedrock-runtime";
import { all, assert, check, checkCalls, checkErrors, checkEvent, checkLorem, checkResults, lab, waitGone } from "./lab.mjs";

process.env.AWS_BEARER_TOKEN_BEDROCK = lab.key;
const client = new BedrockRuntimeClient({ region: "us-east-1", endpoint: `${lab.base_tls}/bedrock`, maxAttempts: 1 });
const ask = { role: "user", content: [{ text: lab.words }] };
const toolConfig = { tools: lab.tools.map(([name, description, json]) => ({ toolSpec: { name, description, inputSchema: { json } } })) };

function addDelta(blocks, { contentBlockIndex: index, delta }) {
  if (delta.text !== undefined) (blocks[index] ??= { text: "" }).text += delta.text;
  else if (delta.toolUse) blocks[index].toolUse.input += delta.toolUse.input;
  else if (delta.reasoningContent.redactedContent) blocks[index] = { reasoningContent: delta.reasoningContent };
  else {
    const { reasoningText } = (blocks[index] ??= { reasoningContent: { reasoningText: { text: "" } } }).reasoningContent;
    reasoningText.text += delta.reasoningContent.text ?? "";
    if (delta.reasoningContent.signature) reasoningText.signature = (reasoningText.signature ?? "") + delta.reasoningContent.signature;
  }
}

// A stream's message, put together as AWS's own examples do.
function gather(events) {
  const blocks = [];
  for (const event of events) {
    const start = event.contentBlockStart;
    if (start?.start.toolUse) blocks[start.contentBlockIndex] = { toolUse: { ...start.start.toolUse, input: "" } };
    if (event.contentBlockDelta) addDelta(blocks, event.contentBlockDelta);
  }
  const content = blocks.filter((block) => block);
  for (const block of content) if (block.toolUse) block.toolUse.input = JSON.parse(block.toolUse.input || "{}");
  return { role: "assistant", content };
}

async function answerOf(stream, request) {
  if (!stream) return (await client.send(new ConverseCommand(request))).output.message;
  return gather(await all((await client.send(new ConverseStreamCommand(request))).stream));
}

const callsOf = (message) => message.content.filter((block) => block.toolUse).map((block) => block.toolUse);
const textOf = (message) => message.content.map((block) => block.text ?? "").join("");
const turnsOf = (message) => [
  ask, message,
  { role: "user", content: callsOf(message).map(({ toolUseId }, i) => ({ toolResult: { toolUseId, content: [{ text: lab.results[i] }] } })) },
];

// In the clear the same transport speaks HTTP/2 with prior knowledge, and the key goes beside a signature.
check("text in the clear", async (model) => {
  const credentials = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret-of-nobody" };
  const authSchemePreference = ["aws.auth#sigv4"];
  const plain = new BedrockRuntimeClient({
    region: "us-east-1", endpoint: `${lab.base}/bedrock`, maxAttempts: 1, credentials, authSchemePreference,
  });
  plain.middlewareStack.add((next) => (args) => {
    args.request.headers["x-bf-vk"] = lab.key;
    return next(args);
  }, { step: "finalizeRequest", priority: "low" });
  const { stream } = await plain.send(new ConverseStreamCommand({ modelId: model("lorem-12"), messages: [ask] }));
  checkLorem((await all(stream)).map((event) => event.contentBlockDelta?.delta.text ?? ""));
});

check("text", async (model) => {
  const answer = await client.send(new ConverseCommand({
    modelId: model("echo"), system: [{ text: lab.system }], inferenceConfig: { temperature: 0.5 },
    messages: [{ role: "user", content: [{ text: "hi" }] }, { role: "assistant", content: [{ text: "hello" }] }, ask],
  }));
  assert.equal(textOf(answer.output.message), lab.words);
  assert.equal(answer.stopReason, "end_turn");
  assert.ok(answer.usage.inputTokens > 0);
});

check("stream", async (model) => {
  const { stream } = await client.send(new ConverseStreamCommand({ modelId: model("lorem-12"), messages: [ask] }));
  const events = await all(stream);
  checkLorem(events.map((event) => event.contentBlockDelta?.delta.text ?? ""));
  assert.equal(events.find((event) => event.metadata).metadata.usage.outputTokens, 12);
});

for (const stream of [false, true]) {
  check(stream ? "tools stream" : "tools", async (model) => {
    const request = { modelId: model("tool-2"), toolConfig };
    const first = await answerOf(stream, { ...request, messages: [ask] });
    checkCalls(callsOf(first).map((call) => [call.name, call.input]));
    checkResults(textOf(await answerOf(stream, { ...request, messages: turnsOf(first) })));
  });

  check(stream ? "thinking stream" : "thinking", async (model) => {
    const request = {
      modelId: model("think"), toolConfig, inferenceConfig: { maxTokens: 4096 },
      additionalModelRequestFields: { thinking: { type: "enabled", budget_tokens: 1024 } },
    };
    const first = await answerOf(stream, { ...request, messages: [ask] });
    assert.ok(first.content.some((block) => block.reasoningContent?.reasoningText?.text === lab.thought));
    assert.equal(textOf(await answerOf(stream, { ...request, messages: turnsOf(first) })), lab.results[0]);
  });
}

check("image", async (model) => {
  const picture = { image: { format: "png", source: { bytes: Buffer.from(lab.png64, "base64") } } };
  const messages = [{ role: "user", content: [picture, { text: "Look." }] }];
  assert.equal(textOf(await answerOf(false, { modelId: model("image"), messages })), lab.seen);
});

check("structured", async (model) => {
  const structure = { jsonSchema: { name: "event", schema: JSON.stringify(lab.event) } };
  const outputConfig = { textFormat: { type: "json_schema", structure } };
  checkEvent(textOf(await answerOf(false, { modelId: model("json"), messages: [ask], outputConfig })));
});

checkErrors(async (modelId, status) => {
  const kinds = { 400: ValidationException, 401: AccessDeniedException, 429: ThrottlingException, 500: InternalServerException };
  await assert.rejects(client.send(new ConverseCommand({ modelId, messages: [ask] })),
    (error) => error instanceof kinds[status] && error.message.length > 0);
});

check("cancel", async (model) => {
  const leave = new AbortController();
  const { stream } = await client.send(new ConverseStreamCommand({ modelId: model(lab.slow), messages: [ask] }), { abortSignal: leave.signal });
  for await (const event of stream) if (event.contentBlockDelta) break;
  leave.abort();
  await waitGone();
});
