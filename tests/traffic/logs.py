"""Log lines as servers and exports write them, by hand from their public formats."""

from __future__ import annotations

from typing import Any

NOON = 1_793_534_400
"""2026-11-01T12:00:00Z in seconds."""
NOON_US = NOON * 1_000_000


def vllm(number: int = 0, **changes: Any) -> dict[str, Any]:
    """A line with request and response, of a LoRA adapter behind vLLM."""
    return {
        "request": {
            "model": "support",
            "messages": [
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": "first question"},
                {"role": "assistant", "content": "first answer"},
                {"role": "user", "content": f"where is my card number {number}?"},
            ],
            "user": f"session-{number}",
        },
        "response": {
            "id": f"chatcmpl-{number}",
            "created": NOON + number,
            "model": "support",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "It is on its way."},
                    "finish_reason": "stop",
                    "logprobs": {
                        "content": [
                            {"token": "It", "logprob": -0.5, "top_logprobs": [{"logprob": -0.5}, {"logprob": -1.5}]},
                            {"token": " is", "logprob": -0.25, "top_logprobs": [{"logprob": -0.25}, {"logprob": -2.0}]},
                        ]
                    },
                }
            ],
            "prompt_logprobs": [None, {"7": {"logprob": -2.0, "rank": 3}, "9": {"logprob": -0.1, "rank": 1}}],
            "usage": {"prompt_tokens": 20, "completion_tokens": 5},
        },
        "latency_ms": 120.5,
        **changes,
    }


COMPLETION = {
    "model": "support",
    "prompt": "2 + 2 =",
    "id": "cmpl-1",
    "created": NOON,
    "choices": [
        {
            "text": " 4",
            "finish_reason": "length",
            "logprobs": {"token_logprobs": [None, -1.0], "top_logprobs": [None, {"a": -1.0, "b": -1.0}]},
        }
    ],
}
BATCH = {
    "custom_id": "row-3",
    "body": {"model": "support", "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]},
    "response": {
        "status_code": 200,
        "body": {"id": "b1", "created": NOON, "choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}]},
    },
}
SGLANG = {
    "request": {"model": "llama:billing", "prompt": "pay"},
    "response": {"id": "s", "created": NOON, "choices": []},
}
LORA_PATH = {"request": {"model": "llama", "text": "pay", "lora_path": "/adapters/billing/"}, "response": {}}
LITELLM = {
    "id": "chatcmpl-9",
    "call_type": "acompletion",
    "model": "openai/llama-support",
    "model_group": "support",
    "model_id": "abc",
    "messages": [{"role": "user", "content": "refund?"}],
    "response": {"choices": [{"message": {"content": "Yes."}, "finish_reason": "stop"}]},
    "startTime": NOON + 0.25,
    "endTime": NOON + 1.5,
    "completionStartTime": NOON + 0.5,
    "prompt_tokens": 9,
    "completion_tokens": 2,
    "status": "success",
    "metadata": {"session_id": "s-1"},
}
OTLP = {
    "resourceSpans": [
        {
            "resource": {},
            "scopeSpans": [
                {
                    "spans": [
                        {
                            "spanId": "aa",
                            "startTimeUnixNano": str(NOON * 10**9),
                            "endTimeUnixNano": str(NOON * 10**9 + 3 * 10**8),
                            "attributes": [
                                {"key": "gen_ai.request.model", "value": {"stringValue": "support"}},
                                {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "7"}},
                                {
                                    "key": "gen_ai.response.finish_reasons",
                                    "value": {"arrayValue": {"values": [{"stringValue": "stop"}]}},
                                },
                                {
                                    "key": "gen_ai.input.messages",
                                    "value": {
                                        "stringValue": '[{"role": "user", "parts": [{"type": "text", "content": "cash?"}]}]'
                                    },
                                },
                                {
                                    "key": "gen_ai.output.messages",
                                    "value": {
                                        "stringValue": '[{"role": "assistant", "parts": [{"type": "text", "content": "No."}]}]'
                                    },
                                },
                                {"key": "gen_ai.conversation.id", "value": {"stringValue": "c-1"}},
                            ],
                        },
                        {"spanId": "bb", "attributes": [{"key": "http.method", "value": {"stringValue": "GET"}}]},
                    ]
                }
            ],
        }
    ]
}
SPAN = {
    "name": "chat",
    "span_id": "cc",
    "start_time": "2026-11-01T12:00:00Z",
    "end_time": "2026-11-01T12:00:02Z",
    "attributes": {"gen_ai.request.model": "support", "gen_ai.prompt": "cash?", "gen_ai.completion": "No."},
}
LANGFUSE = {
    "id": "gen-1",
    "traceId": "t-1",
    "type": "GENERATION",
    "providedModelName": "support",
    "startTime": "2026-11-01T12:00:00.000Z",
    "endTime": "2026-11-01T12:00:01.000Z",
    "completionStartTime": "2026-11-01T12:00:00.400Z",
    "input": {"messages": [{"role": "user", "content": "limit?"}]},
    "output": {"role": "assistant", "content": "500."},
    "usage": {"input": 4, "output": 3},
    "sessionId": "s-7",
}
