"""mock_dialects - how a client of each dialect asks the mock, and reads what it says."""

import json

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PNG_BYTES = 70


class OpenAI:
    name = "openai"
    request_id = "x-request-id"

    def path(self, model, stream):
        return "/v1/chat/completions"

    def body(self, model, messages, tools=False, stream=False):
        return {"model": model, "messages": messages, **({"stream": True} if stream else {}),
                **({"tools": [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]}
                   if tools else {})}

    def user(self, text):
        return [{"role": "user", "content": text}]

    def image(self):
        return [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PNG}}]}]

    def text(self, answer):
        return answer["choices"][0]["message"]["content"]

    def calls(self, answer):
        return [(c["id"], json.loads(c["function"]["arguments"]))
                for c in answer["choices"][0]["message"].get("tool_calls", [])]

    def results(self, answer, texts):
        return [answer["choices"][0]["message"]] + [
            {"role": "tool", "tool_call_id": id, "content": text}
            for (id, _), text in zip(self.calls(answer), texts)]

    def error(self, answer):
        return answer.error["message"]

    def usage(self, answer):
        u = answer["usage"]
        return u["prompt_tokens"], u["completion_tokens"], u["prompt_tokens_details"]["cached_tokens"]

    def said(self, events):
        return "".join(c["delta"].get("content") or "" for e in events for c in e["choices"])

    def stop(self, answer):
        return answer["choices"][0]["finish_reason"]

    refused = "stop"


class Responses(OpenAI):
    name = "responses"

    def path(self, model, stream):
        return "/v1/responses"

    def body(self, model, messages, tools=False, stream=False):
        return {"model": model, "input": messages, **({"stream": True} if stream else {}),
                **({"tools": [{"type": "function", "name": "weather", "parameters": SCHEMA}]} if tools else {})}

    def image(self):
        return [{"role": "user", "content": [
            {"type": "input_image", "image_url": "data:image/png;base64," + PNG}]}]

    def text(self, answer):
        return "".join(p["text"] for i in answer["output"] if i["type"] == "message"
                       for p in i["content"] if p["type"] == "output_text")

    def calls(self, answer):
        return [(i["call_id"], json.loads(i["arguments"])) for i in answer["output"]
                if i["type"] == "function_call"]

    def results(self, answer, texts):
        return answer["output"] + [{"type": "function_call_output", "call_id": id, "output": text}
                                   for (id, _), text in zip(self.calls(answer), texts)]

    def unsign(self, messages):
        return [m for m in messages if m.get("type") != "reasoning"]

    def usage(self, answer):
        u = answer["usage"]
        return u["input_tokens"], u["output_tokens"], u["input_tokens_details"]["cached_tokens"]

    def said(self, events):
        return "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")

    def stop(self, answer):
        return answer["output"][0]["content"][0]["type"]

    refused = "refusal"


class Anthropic:
    name = "anthropic"
    request_id = "request-id"

    def path(self, model, stream):
        return "/anthropic/v1/messages"

    def body(self, model, messages, tools=False, stream=False):
        return {"model": model, "max_tokens": 5000, "messages": messages,
                **({"stream": True} if stream else {}),
                **({"tools": [{"name": "weather", "input_schema": SCHEMA}]} if tools else {})}

    def user(self, text):
        return [{"role": "user", "content": text}]

    def image(self):
        return [{"role": "user", "content": [
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}]}]

    def text(self, answer):
        return "".join(b["text"] for b in answer["content"] if b["type"] == "text")

    def calls(self, answer):
        return [(b["id"], b["input"]) for b in answer["content"] if b["type"] == "tool_use"]

    def results(self, answer, texts):
        return [{"role": "assistant", "content": answer["content"]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": text}
                                             for (id, _), text in zip(self.calls(answer), texts)]}]

    def unsign(self, messages):
        kept = [b for b in messages[1]["content"] if b["type"] != "thinking"]
        return [messages[0], {**messages[1], "content": kept}, *messages[2:]]

    def error(self, answer):
        assert answer.json()["type"] == "error"
        return answer.error["message"]

    def usage(self, answer):
        u = answer["usage"]
        cached = u["cache_read_input_tokens"]
        return u["input_tokens"] + cached + u["cache_creation_input_tokens"], u["output_tokens"], cached

    def said(self, events):
        return "".join(e["delta"].get("text", "") for e in events if e["type"] == "content_block_delta")

    def stop(self, answer):
        return answer["stop_reason"]

    refused = "refusal"


class Gemini:
    name = "gemini"
    request_id = "x-request-id"

    def path(self, model, stream):
        return f"/genai/v1beta/models/{model}:" + ("streamGenerateContent?alt=sse" if stream else "generateContent")

    def body(self, model, messages, tools=False, stream=False):
        return {"contents": messages, **({"tools": [{"functionDeclarations": [
            {"name": "weather", "parameters": {**SCHEMA, "type": "OBJECT"}}]}]} if tools else {})}

    def user(self, text):
        return [{"role": "user", "parts": [{"text": text}]}]

    def image(self):
        return [{"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": PNG}}]}]

    def parts(self, answer):
        return answer["candidates"][0]["content"]["parts"]

    def text(self, answer):
        return "".join(p["text"] for p in self.parts(answer) if "text" in p and not p.get("thought"))

    def calls(self, answer):
        return [(p["functionCall"].get("id"), p["functionCall"]["args"]) for p in self.parts(answer)
                if "functionCall" in p]

    def results(self, answer, texts):
        return [answer["candidates"][0]["content"],
                {"role": "user", "parts": [{"functionResponse": {
                    "id": id, "name": "weather", "response": {"result": text}}}
                    for (id, _), text in zip(self.calls(answer), texts)]}]

    def unsign(self, messages):
        kept = [{k: v for k, v in p.items() if k != "thoughtSignature"} for p in messages[1]["parts"]]
        return [messages[0], {**messages[1], "parts": kept}, *messages[2:]]

    def error(self, answer):
        assert answer.error["code"] == answer.status and answer.error["status"].isupper()
        return answer.error["message"]

    def usage(self, answer):
        u = answer["usageMetadata"]
        return (u["promptTokenCount"], u["candidatesTokenCount"] + u.get("thoughtsTokenCount", 0),
                u.get("cachedContentTokenCount", 0))

    def said(self, events):
        return "".join(self.text(e) for e in events)

    def stop(self, answer):
        return answer["candidates"][0]["finishReason"]

    refused = "SAFETY"


class Bedrock:
    name = "bedrock"
    request_id = "x-amzn-requestid"

    def path(self, model, stream):
        return f"/bedrock/model/{model}/converse" + ("-stream" if stream else "")

    def body(self, model, messages, tools=False, stream=False):
        return {"messages": messages, **({"toolConfig": {"tools": [
            {"toolSpec": {"name": "weather", "inputSchema": {"json": SCHEMA}}}]}} if tools else {})}

    def user(self, text):
        return [{"role": "user", "content": [{"text": text}]}]

    def image(self):
        return [{"role": "user", "content": [{"image": {"format": "png", "source": {"bytes": PNG}}}]}]

    def text(self, answer):
        return "".join(b.get("text", "") for b in answer["output"]["message"]["content"])

    def calls(self, answer):
        return [(b["toolUse"]["toolUseId"], b["toolUse"]["input"])
                for b in answer["output"]["message"]["content"] if "toolUse" in b]

    def results(self, answer, texts):
        return [answer["output"]["message"],
                {"role": "user", "content": [{"toolResult": {"toolUseId": id, "content": [{"text": text}]}}
                                             for (id, _), text in zip(self.calls(answer), texts)]}]

    def unsign(self, messages):
        kept = [b for b in messages[1]["content"] if "reasoningContent" not in b]
        return [messages[0], {**messages[1], "content": kept}, *messages[2:]]

    def error(self, answer):
        assert answer.headers["x-amzn-errortype"].endswith("Exception")
        return answer.json()["message"]

    def usage(self, answer):
        u = answer["usage"]
        cached = u.get("cacheReadInputTokens", 0)
        return u["inputTokens"] + cached + u.get("cacheWriteInputTokens", 0), u["outputTokens"], cached

    def said(self, events):
        return "".join(e["delta"].get("text", "") for e in events if "delta" in e)

    def stop(self, answer):
        return answer["stopReason"]

    refused = "content_filtered"


class Cohere(OpenAI):
    name = "cohere"

    def path(self, model, stream):
        return "/cohere/v2/chat"

    def text(self, answer):
        return "".join(b["text"] for b in answer["message"].get("content", []) if b["type"] == "text")

    def calls(self, answer):
        return [(c["id"], json.loads(c["function"]["arguments"]))
                for c in answer["message"].get("tool_calls", [])]

    def results(self, answer, texts):
        return [answer["message"]] + [{"role": "tool", "tool_call_id": id, "content": text}
                                      for (id, _), text in zip(self.calls(answer), texts)]

    def error(self, answer):
        return answer.json()["message"]

    def usage(self, answer):
        u = answer["usage"]["tokens"]
        return u["input_tokens"], u["output_tokens"], answer["usage"].get("cached_tokens", 0)

    def said(self, events):
        return "".join(e["delta"]["message"]["content"].get("text", "") for e in events
                       if e["type"] == "content-delta")

    def stop(self, answer):
        return answer["finish_reason"]

    refused = "ERROR"


DIALECTS = [OpenAI(), Responses(), Anthropic(), Gemini(), Bedrock(), Cohere()]
