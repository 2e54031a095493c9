"""Embeddings, reranking and token counts between clients and providers of different dialects."""

import json

import pytest

# provider and a model that it embeds with; what has no embeddings says so
EMBEDDERS = {"mock-openai": "e", "mock-gemini": "e", "mock-cohere": "e",
             "mock-bedrock": "amazon.titan-embed-text-v2:0"}


def ask_embedding(gateway, client, model):
    if client == "openai":
        answer = gateway.call("POST", "/v1/embeddings", {"model": model, "input": "hello there"})
        return answer, lambda b: (b["data"][0]["embedding"], b["usage"]["prompt_tokens"])
    if client == "gemini":
        answer = gateway.call("POST", f"/genai/v1beta/models/{model}:embedContent",
                              {"content": {"parts": [{"text": "hello there"}]}})
        return answer, lambda b: (b["embedding"]["values"], None)
    answer = gateway.call("POST", "/cohere/v2/embed",
                          {"model": model, "texts": ["hello there"], "input_type": "search_document",
                           "embedding_types": ["float"]})
    return answer, lambda b: (b["embeddings"]["float"][0], b["meta"]["billed_units"]["input_tokens"])


@pytest.mark.parametrize("provider", EMBEDDERS)
@pytest.mark.parametrize("client", ["openai", "gemini", "cohere"])
def test_embeddings_of_every_pair(gateway, client, provider):
    answer, read = ask_embedding(gateway, client, f"{provider}/{EMBEDDERS[provider]}")
    assert answer.status == 200, answer
    vector, tokens = read(answer.json())
    assert len(vector) > 8 and all(isinstance(number, (int, float)) for number in vector)
    if provider != "mock-gemini":  # which does not say
        assert tokens in (2, None)


@pytest.mark.parametrize("provider", ["mock-anthropic", "mock-responses"])
def test_no_embeddings_there(gateway, provider):
    answer, _ = ask_embedding(gateway, "cohere", f"{provider}/e")
    assert answer.status == 501, answer
    assert answer.headers["x-bf-error"] == "no_dialect"


def test_rerank_both_ways(gateway):
    ask = {"query": "q", "documents": ["one", "two", "three"], "top_n": 2}
    answer = gateway.call("POST", "/cohere/v2/rerank", {"model": "mock-openai/r", **ask})
    assert answer.status == 200, answer
    assert len(answer.json()["results"]) == 2
    assert answer.json()["meta"]["billed_units"] == {"search_units": 1}
    answer = gateway.call("POST", "/v1/rerank", {"model": "mock-cohere/r", **ask})
    assert answer.status == 200, answer
    results = answer.json()["results"]
    assert len(results) == 2
    assert all(r["document"]["text"] == ask["documents"][r["index"]] for r in results)


COUNTS = {
    "anthropic": ("/anthropic/v1/messages/count_tokens",
                  lambda m: {"model": m, "messages": [{"role": "user", "content": "hello there"}]},
                  lambda b: b["input_tokens"]),
    "gemini": (None, lambda m: {"contents": [{"role": "user", "parts": [{"text": "hello there"}]}]},
               lambda b: b["totalTokens"]),
    "cohere": ("/cohere/v1/tokenize", lambda m: {"model": m, "text": "hello there"},
               lambda b: len(b["tokens"])),
    "responses": ("/v1/responses/input_tokens", lambda m: {"model": m, "input": "hello there"},
                  lambda b: b["input_tokens"]),
}


@pytest.mark.parametrize("provider", ["anthropic", "gemini", "bedrock", "cohere", "openai"])
@pytest.mark.parametrize("client", COUNTS)
def test_counts_of_every_pair(gateway, client, provider):
    path, body, read = COUNTS[client]
    model = f"mock-{provider}/echo"
    answer = gateway.call("POST", path or f"/genai/v1beta/models/{model}:countTokens", body(model))
    assert answer.status == 200, answer
    assert read(json.loads(answer.body)) > 0
    assert ("x-bf-estimated" in answer.headers) == (provider == "openai"), answer.headers
