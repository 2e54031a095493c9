// LangChain.js on its base URL: text, stream, a tool loop, by both of OpenAI's dialects.
import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { ChatOpenAI } from "@langchain/openai";
import { all, assert, check, checkCalls, checkLorem, checkResults, lab } from "./lab.mjs";

const ask = [new HumanMessage(lab.words)];
const tools = lab.tools.map(([name, description, parameters]) => ({ type: "function", function: { name, description, parameters } }));

for (const useResponsesApi of [false, true]) {
  const name = useResponsesApi ? "responses" : "chat";
  const make = (model) => new ChatOpenAI({
    model, useResponsesApi, apiKey: lab.key, maxRetries: 0, configuration: { baseURL: `${lab.base}/langchain` },
  });

  check(`${name}, text`, async (model) => assert.equal((await make(model("echo")).invoke(ask)).text, lab.words));

  check(`${name}, stream`, async (model) =>
    checkLorem((await all(await make(model("lorem-12")).stream(ask))).map((chunk) => chunk.text)));

  check(`${name}, tools`, async (model) => {
    const bound = make(model("tool-2")).bindTools(tools);
    const first = await bound.invoke(ask);
    checkCalls(first.tool_calls.map((call) => [call.name, call.args]));
    const results = first.tool_calls.map((call, i) => new ToolMessage({ content: lab.results[i], tool_call_id: call.id }));
    checkResults((await bound.invoke([...ask, first, ...results])).text);
  });
}
