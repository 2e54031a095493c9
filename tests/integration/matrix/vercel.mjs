// Vercel's AI SDK with each of its providers: text, stream, a tool loop, structured output.
import { createAmazonBedrock } from "@ai-sdk/amazon-bedrock";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createCohere } from "@ai-sdk/cohere";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, jsonSchema, Output, stepCountIs, streamText, tool } from "ai";
import { all, assert, check, checkCalls, checkEvent, checkLorem, checkResults, lab } from "./lab.mjs";

const apiKey = lab.key;
const openai = createOpenAI({ baseURL: `${lab.base}/openai/v1`, apiKey });
const anthropic = createAnthropic({ baseURL: `${lab.base}/anthropic/v1`, apiKey });
const google = createGoogleGenerativeAI({ baseURL: `${lab.base}/genai/v1beta`, apiKey });
const cohere = createCohere({ baseURL: `${lab.base}/cohere/v2`, apiKey });
const bedrock = createAmazonBedrock({ baseURL: `${lab.base}/bedrock`, region: "us-east-1", apiKey });
const clients = {
  "openai chat": (model) => openai.chat(model), "openai responses": (model) => openai.responses(model), anthropic, google, cohere, bedrock,
};

for (const [name, client] of Object.entries(clients)) {
  const ask = (id, more) => ({ model: client(id), prompt: lab.words, maxRetries: 0, ...more });

  check(`${name}, text`, async (model) => assert.equal((await generateText(ask(model("echo")))).text, lab.words));

  check(`${name}, stream`, async (model) => checkLorem(await all(streamText(ask(model("lorem-12"))).textStream)));

  for (const run of [generateText, streamText]) {
    check(`${name}, ${run.name} with tools`, async (model) => {
      const calls = [];
      const tools = Object.fromEntries(lab.tools.map(([called, description, schema], i) => [called, tool({
        description, inputSchema: jsonSchema(schema), execute: async (input) => { calls[i] = [called, input]; return lab.results[i]; },
      })]));
      const answer = run(ask(model("tool-2"), { tools, stopWhen: stepCountIs(3) }));
      checkResults(await (await answer).text);
      checkCalls(calls);
    });
  }

  check(`${name}, structured`, async (model) => {
    const output = Output.object({ schema: jsonSchema(lab.event) });
    // Of models that these two do not know they ask for a tool call.
    const by = ["anthropic", "bedrock"].includes(name) ? "tool" : "json";
    checkEvent((await generateText(ask(model(by), { output }))).output);
  });
}
