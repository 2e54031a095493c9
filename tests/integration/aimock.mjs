// A provider nobody here wrote, on a free port, with the answers that test_aimock.py expects.
import { LLMock } from "@copilotkit/aimock";

const mock = new LLMock({ port: 0, host: "127.0.0.1" });
mock.onMessage("hello", { content: "Hi there! How are you today?" });
mock.onMessage("weather", { toolCalls: [{ name: "get_weather", arguments: '{"city":"Oslo"}' }] });
mock.onMessage("refuse", { error: { message: "Too fast", type: "rate_limit_error", code: "rate_limit_exceeded" }, status: 429 });
mock.onEmbedding("embed", { embedding: [0.25, -0.5, 0.75] });
await mock.start();
console.log(`aimock ready ${mock.url}`);
process.on("SIGTERM", () => mock.stop().then(() => process.exit(0)));
