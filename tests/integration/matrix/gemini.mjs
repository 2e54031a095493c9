// Google's official Node SDK.
import { ApiError, GoogleGenAI } from "@google/genai";
import { all, assert, check, checkCalls, checkErrors, checkEvent, checkLorem, checkResults, lab, waitGone } from "./lab.mjs";

const client = new GoogleGenAI({ apiKey: lab.key, httpOptions: { baseUrl: `${lab.base}/genai` } }).models;
const user = (...parts) => ({ role: "user", parts });
const ask = user({ text: lab.words });
const tools = [{ functionDeclarations: lab.tools.map(([name, description, parametersJsonSchema]) => ({ name, description, parametersJsonSchema })) }];

// The answer as content; a stream's has all of its chunks' parts, as the SDK's own chats keep them.
async function answerOf(stream, request) {
  if (!stream) return (await client.generateContent(request)).candidates[0].content;
  const chunks = await all(await client.generateContentStream(request));
  return { role: "model", parts: chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? []) };
}

const callsOf = (content) => content.parts.filter((part) => part.functionCall).map((part) => part.functionCall);
const resultsOf = (content) => user(...callsOf(content).map(({ id, name }, i) => ({ functionResponse: { id, name, response: { result: lab.results[i] } } })));
const textOf = (content) => content.parts.filter((part) => !part.thought).map((part) => part.text ?? "").join("");

check("text", async (model) => {
  const answer = await client.generateContent({
    model: model("echo"), config: { systemInstruction: lab.system, temperature: 0.5 },
    contents: [user({ text: "hi" }), { role: "model", parts: [{ text: "hello" }] }, ask],
  });
  assert.equal(answer.text, lab.words);
  assert.equal(answer.candidates[0].finishReason, "STOP");
  assert.ok(answer.usageMetadata.promptTokenCount > 0);
});

check("stream", async (model) => {
  const chunks = await all(await client.generateContentStream({ model: model("lorem-12"), contents: lab.words }));
  checkLorem(chunks.map((chunk) => chunk.text ?? ""));
  assert.equal(chunks.at(-1).usageMetadata.candidatesTokenCount, 12);
});

for (const stream of [false, true]) {
  check(stream ? "tools stream" : "tools", async (model) => {
    const request = { model: model("tool-2"), config: { tools } };
    const first = await answerOf(stream, { ...request, contents: [ask] });
    checkCalls(callsOf(first).map((call) => [call.name, call.args]));
    checkResults(textOf(await answerOf(stream, { ...request, contents: [ask, first, resultsOf(first)] })));
  });

  check(stream ? "thinking stream" : "thinking", async (model) => {
    const request = { model: model("think"), config: { tools, thinkingConfig: { includeThoughts: true, thinkingBudget: 1024 } } };
    const first = await answerOf(stream, { ...request, contents: [ask] });
    assert.equal(first.parts.filter((part) => part.thought).map((part) => part.text ?? "").join(""), lab.thought);
    assert.equal(textOf(await answerOf(stream, { ...request, contents: [ask, first, resultsOf(first)] })), lab.results[0]);
  });
}

check("image", async (model) => {
  const picture = { inlineData: { mimeType: "image/png", data: lab.png64 } };
  const answer = await client.generateContent({ model: model("image"), contents: [user(picture, { text: "Look." })] });
  assert.equal(answer.text, lab.seen);
});

check("structured", async (model) => {
  const config = { responseMimeType: "application/json", responseJsonSchema: lab.event };
  checkEvent((await client.generateContent({ model: model("json"), contents: lab.words, config })).text);
});

checkErrors((model, status) =>
  assert.rejects(client.generateContent({ model, contents: "x" }), (error) => error instanceof ApiError && error.status === status));

check("cancel", async (model) => {
  const leave = new AbortController();
  const stream = await client.generateContentStream({ model: model(lab.slow), contents: "x", config: { abortSignal: leave.signal } });
  await stream.next();
  leave.abort();
  await waitGone();
});
