// LangChain.js on its base URL: text, stream, a tool loop, by each of its packages.
import { ChatAnthropic } from "@langchain/anthropic";
import { ChatBedrockConverse } from "@langchain/aws";
import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { ChatGoogleGenerativeAI } from "@langchain/google-genai";
import { ChatOpenAI } from "@langchain/openai";
import { all, assert, check, checkCalls, checkLorem, checkResults, lab } from "./lab.mjs";

const ask = [new HumanMessage(lab.words)];
const tools = lab.tools.map(([name, description, parameters]) => ({ type: "function", function: { name, description, parameters } }));
const base = `${lab.base}/langchain`;
process.env.AWS_BEARER_TOKEN_BEDROCK = lab.key;

const clients = {
  chat: (model) => new ChatOpenAI({ model, apiKey: lab.key, maxRetries: 0, configuration: { baseURL: base } }),
  responses: (model) => new ChatOpenAI({ model, useResponsesApi: true, apiKey: lab.key, maxRetries: 0, configuration: { baseURL: base } }),
  anthropic: (model) => new ChatAnthropic({ model, apiKey: lab.key, maxRetries: 0, maxTokens: 200, anthropicApiUrl: `${base}/anthropic` }),
  google: (model) => new ChatGoogleGenerativeAI({ model, apiKey: lab.key, maxRetries: 0, baseUrl: `${base}/genai` }),
  bedrock: (model) => new ChatBedrockConverse({ model, region: "us-east-1", maxRetries: 0, endpointHost: `${lab.base_tls.replace("https://", "")}/langchain/bedrock` }),
};

for (const [name, make] of Object.entries(clients)) {
  check(`${name}, text`, async (model) => assert.equal((await make(model("echo")).invoke(ask)).text, lab.words));

  check(`${name}, stream`, async (model) =>
    checkLorem((await all(await make(model("lorem-12")).stream(ask))).map((chunk) => chunk.text)));

  check(`${name}, tools`, async (model) => {
    // This one puts each result into a turn of its own, which Gemini's own wire refuses for parallel calls.
    const isParallel = name !== "google";
    const bound = make(model(isParallel ? "tool-2" : "tool")).bindTools(tools);
    const first = await bound.invoke(ask);
    const calls = first.tool_calls.map((call) => [call.name, call.args]);
    if (isParallel) checkCalls(calls);
    else assert.deepEqual(calls, [["get_weather", { city: lab.words, unit: "celsius" }]]);
    const results = first.tool_calls.map((call, i) => new ToolMessage({ content: lab.results[i], tool_call_id: call.id, name: call.name }));
    const { text } = await bound.invoke([...ask, first, ...results]);
    if (isParallel) checkResults(text);
    else assert.ok(text.includes(lab.results[0]), text);
  });
}
