// A provider nobody here wrote, on a free port, with the answers that test_aimock.py expects.
import { LLMock } from "@copilotkit/aimock";

const mock = new LLMock({ port: 0, host: "127.0.0.1" });
mock.onMessage("hello", { content: "Hi there! How are you today?" });
mock.onMessage("weather", { toolCalls: [{ name: "get_weather", arguments: '{"city":"Oslo"}' }] });
mock.onMessage("refuse", { error: { message: "Too fast", type: "rate_limit_error", code: "rate_limit_exceeded" }, status: 429 });
mock.onEmbedding("embed", { embedding: [0.25, -0.5, 0.75] });
// Two calls at once, and what is said to their results; for the agents, one call of the tool that they have for commands.
const loop = (userMessage, toolCalls, content) => {
  mock.addFixture({ match: { userMessage, hasToolResult: false }, response: { toolCalls } });
  mock.addFixture({ match: { userMessage, hasToolResult: true }, response: { content } });
};
loop("both", [{ name: "get_weather", arguments: '{"city":"Oslo"}' }, { name: "get_time", arguments: '{"zone":"utc"}' }], "Cold, at nine.");
const command = "cat note.txt > seen.txt; echo done";
loop("run it with Claude", [{ name: "Bash", arguments: JSON.stringify({ command, description: "Read" }) }], "Claude Code has read it.");
// The tool for commands of each kind of model that Codex knows.
const SHELLS = { exec_command: { cmd: command }, shell_command: { command }, shell: { command: ["bash", "-c", command] } };
const shellOf = (request) => request.tools?.map((tool) => tool.function?.name).find((name) => name in SHELLS);
mock.addFixture({
  match: { userMessage: "run it with Codex", hasToolResult: false, predicate: (request) => shellOf(request) !== undefined },
  response: (request) => ({ toolCalls: [{ name: shellOf(request), arguments: JSON.stringify(SHELLS[shellOf(request)]) }] }),
});
mock.addFixture({ match: { userMessage: "run it with Codex", hasToolResult: true }, response: { content: "Codex has read it." } });
await mock.start();
console.log(`aimock ready ${mock.url}`);
process.on("SIGTERM", () => mock.stop().then(() => process.exit(0)));
