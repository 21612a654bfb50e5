"""A scripted step in the words of each model API: the whole answer, and the same as a stream of events."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from watchkeeper.demo.verbs import CUSTOM, Arguments

Body = dict[str, Any]
Calls = Sequence[tuple[str, Arguments]]
Events = Iterator[tuple[str | None, Body | str]]
Reply = Callable[[str, Calls, Body], tuple[Body, Events]]


def tools_of(body: Body) -> list[str]:
    """The names of the tools that a request offers; none where the answer has to follow a schema: a side job."""
    settings = body.get("generationConfig") or {}
    if settings.get("responseJsonSchema") or settings.get("responseSchema"):
        return []
    return [name for name, _, _ in _walk(body)]


def _walk(body: Body) -> Iterator[tuple[str, str, str | None]]:
    """Name, kind and namespace of each tool."""
    offered = [*(body.get("tools") or [])]
    for item in body.get("input") or []:
        if isinstance(item, dict) and item.get("type") == "additional_tools":
            offered += item.get("tools") or []
    for tool in offered:
        if tool.get("type") == "namespace":
            yield from ((each.get("name"), each.get("type"), tool.get("name")) for each in tool.get("tools") or [])
        elif "functionDeclarations" in tool:
            yield from ((each.get("name"), "function", None) for each in tool["functionDeclarations"])
        else:
            yield tool.get("function", {}).get("name") or tool.get("name") or tool.get("type"), tool.get("type"), None


def _json_arguments(given: Arguments) -> Arguments:
    return {name: value for name, value in given.items() if name != CUSTOM}


def reply_chat(text: str, calls: Calls, body: Body) -> tuple[Body, Events]:
    """OpenAI chat completions."""
    base = {"id": _id("chatcmpl"), "created": 0, "model": body.get("model", "scripted")}
    made = [
        {
            "index": number,
            "id": _id("call"),
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(_json_arguments(given))},
        }
        for number, (name, given) in enumerate(calls)
    ]
    end = "tool_calls" if made else "stop"
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    message: Body = {"role": "assistant", "content": text or None}
    if made:
        message["tool_calls"] = [{name: value for name, value in call.items() if name != "index"} for call in made]
    choice = {"index": 0, "message": message, "finish_reason": end}

    def chunk(delta: Body, reason: str | None = None) -> Body:
        choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
        return {**base, "object": "chat.completion.chunk", "choices": choices}

    def events() -> Events:
        yield None, chunk({"role": "assistant", "content": text})
        yield from ((None, chunk({"tool_calls": [call]})) for call in made)
        yield None, chunk({}, end)
        yield None, {**base, "object": "chat.completion.chunk", "choices": [], "usage": usage}
        yield None, "[DONE]"

    return {**base, "object": "chat.completion", "choices": [choice], "usage": usage}, events()


def reply_responses(text: str, calls: Calls, body: Body) -> tuple[Body, Events]:
    """OpenAI responses, with custom tools and namespaces as Codex uses them."""
    kinds = {name: (kind, namespace) for name, kind, namespace in _walk(body)}
    output: list[Body] = []
    if text:
        part = {"type": "output_text", "text": text, "annotations": []}
        output.append(
            {"type": "message", "id": _id("msg"), "role": "assistant", "status": "completed", "content": [part]}
        )
    output += [_response_call(name, given, *kinds.get(name, ("function", None))) for name, given in calls]
    usage = {
        "input_tokens": 10, "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 15,
    }  # fmt: skip
    whole: Body = {
        "id": _id("resp"), "object": "response", "created_at": 0, "status": "completed", "model": body.get("model"),
        "output": output, "usage": usage,
    }  # fmt: skip

    def events() -> Events:
        plan: list[Body] = [{"type": "response.created", "response": {**whole, "status": "in_progress", "output": []}}]
        for index, item in enumerate(output):
            plan += _output_events(index, item)
        plan.append({"type": "response.completed", "response": whole})
        yield from ((each["type"], {**each, "sequence_number": number}) for number, each in enumerate(plan))

    return whole, events()


def _response_call(name: str, given: Arguments, kind: str, namespace: str | None) -> Body:
    call = _id("call")
    item: Body = {"call_id": call, "name": name, "status": "completed"}
    if kind == "custom":
        text = given.get(CUSTOM) or given.get("input") or json.dumps(given)
        item |= {"type": "custom_tool_call", "id": f"ctc_{call}", "input": text}
    else:
        item |= {"type": "function_call", "id": f"fc_{call}", "arguments": json.dumps(_json_arguments(given))}
    return item if namespace is None else {**item, "namespace": namespace}


def _output_events(index: int, item: Body) -> list[Body]:
    place = {"item_id": item["id"], "output_index": index}
    added, done = "response.output_item.added", "response.output_item.done"
    match item["type"]:
        case "message":
            empty = {**item, "status": "in_progress", "content": []}
            part = item["content"][0]
            at = {**place, "content_index": 0}
            between: list[Body] = [
                {"type": "response.content_part.added", **at, "part": {**part, "text": ""}},
                {"type": "response.output_text.delta", **at, "delta": part["text"]},
                {"type": "response.output_text.done", **at, "text": part["text"]},
                {"type": "response.content_part.done", **at, "part": part},
            ]
        case "function_call":
            empty = {**item, "status": "in_progress", "arguments": ""}
            between = [
                {"type": "response.function_call_arguments.delta", **place, "delta": item["arguments"]},
                {"type": "response.function_call_arguments.done", **place, "arguments": item["arguments"]},
            ]
        case _:
            empty = {**item, "status": "in_progress", "input": ""}
            between = [
                {"type": "response.custom_tool_call_input.delta", **place, "delta": item["input"]},
                {"type": "response.custom_tool_call_input.done", **place, "input": item["input"]},
            ]
    first = {"type": added, "output_index": index, "item": empty}
    return [first, *between, {"type": done, "output_index": index, "item": item}]


def reply_messages(text: str, calls: Calls, body: Body) -> tuple[Body, Events]:
    """Anthropic messages."""
    content: list[Body] = [{"type": "text", "text": text}] if text else []
    content += [
        {"type": "tool_use", "id": _id("toolu"), "name": name, "input": _json_arguments(given)} for name, given in calls
    ]
    reason = "tool_use" if calls else "end_turn"
    usage = {"input_tokens": 10, "output_tokens": 5}
    whole: Body = {
        "id": _id("msg"), "type": "message", "role": "assistant", "model": body.get("model"), "content": content,
        "stop_reason": reason, "stop_sequence": None, "usage": usage,
    }  # fmt: skip

    def events() -> Events:
        plan: list[Body] = [{"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}}]
        for index, block in enumerate(content):
            is_text = block["type"] == "text"
            empty = {"type": "text", "text": ""} if is_text else {**block, "input": {}}
            delta = (
                {"type": "text_delta", "text": text}
                if is_text
                else {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
            )
            plan += [
                {"type": "content_block_start", "index": index, "content_block": empty},
                {"type": "content_block_delta", "index": index, "delta": delta},
                {"type": "content_block_stop", "index": index},
            ]
        plan.append({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage})
        plan.append({"type": "message_stop"})
        yield from ((each["type"], each) for each in plan)

    return whole, events()


def reply_gemini(text: str, calls: Calls, body: Body) -> tuple[Body, Events]:
    """Gemini's ``generateContent``; a request with a schema is answered by the schema."""
    settings = body.get("generationConfig") or {}
    schema = settings.get("responseJsonSchema") or settings.get("responseSchema")
    if schema:
        text = json.dumps({name: _example(each) for name, each in (schema.get("properties") or {}).items()})
    parts: list[Body] = [{"text": text}] if text else []
    parts += [{"functionCall": {"name": name, "args": _json_arguments(given)}} for name, given in calls]
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}
    whole = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "scripted"}
    return whole, iter([(None, whole)])


def _example(schema: Body) -> object:
    match str(schema.get("type", "")).lower():
        case "string":
            return (schema.get("enum") or ["x"])[0]
        case "boolean":
            return False
        case "number" | "integer":
            return 1
        case _:
            return []


def _id(kind: str) -> str:
    return f"{kind}_{uuid.uuid4().hex[:8]}"


REPLIES: dict[str, Reply] = {
    r"/chat/completions$": reply_chat,
    r"/responses$": reply_responses,
    r"/messages$": reply_messages,
    r"[gG]enerateContent$": reply_gemini,
}
"""By the end of a request's path."""
