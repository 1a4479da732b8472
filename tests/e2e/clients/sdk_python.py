"""sdk_python.py - the scenario of scenario.mjs with the official Python SDK.

    python sdk_python.py '{"url": ...}' or '{"sse": ...}' or '{"command": ..., "args": [...], "env": {...}}' \
        legacy|auto|VERSION

SPDX-License-Identifier: Apache-2.0
"""
import json
import sys

import anyio
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.sse import sse_client

DECISION = "we chose PostgreSQL because of row-level security"
QUESTION = "which database did we pick and why"
OTHERS = ["the office plants are watered on Mondays", "the release train leaves every second Thursday"]
TOOLS = {"memory_cleanup", "memory_delete", "memory_health", "memory_list", "memory_search",
         "memory_stats", "memory_store", "memory_update"}


async def ok(client, name, **arguments):
    result = await client.call_tool(name, arguments)
    assert not result.is_error, result.content
    assert result.content[0].type == "text"
    return result.structured_content


async def found(client, **arguments):
    return [m["content"] for m in (await ok(client, "memory_search", **arguments))["memories"]]


async def check_tools(client):
    tools = (await client.list_tools()).tools
    assert {t.name for t in tools} == TOOLS, tools
    for tool in tools:
        assert tool.title and tool.description and tool.input_schema and tool.output_schema
        hints = tool.annotations.model_dump(exclude_none=True)
        assert len([k for k in hints if k.endswith("_hint")]) == 4, hints


async def check_memories(client):
    key = (await ok(client, "memory_store", content=DECISION, tags=["db"]))["content_hash"]
    for content in OTHERS:
        await ok(client, "memory_store", content=content)
    assert (await found(client, query=QUESTION))[0] == DECISION
    assert (await ok(client, "memory_list"))["total"] == 3

    await ok(client, "memory_update", content_hash=key, updates={"add_tags": ["chosen"]})
    assert await found(client, tags=["chosen"]) == [DECISION]

    assert (await ok(client, "memory_delete", content_hash=key))["deleted_count"] == 1
    assert DECISION not in await found(client, query=QUESTION)
    await ok(client, "memory_update", content_hash=key, restore=True)
    assert (await found(client, query=QUESTION))[0] == DECISION


async def check_mistakes(client):
    wrong = await client.call_tool("memory_store", {"content": 5})
    assert wrong.is_error and "content" in wrong.content[0].text, wrong
    try:
        await client.call_tool("no_such_tool", {})
    except MCPError as problem:
        assert problem.error.code == -32602, problem
    else:
        raise AssertionError("an unknown tool answered")


async def check_the_rest(client):
    resources = (await client.list_resources()).resources
    contents = (await client.read_resource(str(resources[0].uri))).contents
    assert json.loads(contents[0].text)
    assert (await client.list_prompts()).prompts


async def main():
    server = json.loads(sys.argv[1])
    if "sse" in server:
        target = sse_client(server["sse"])
    else:
        target = server.get("url") or StdioServerParameters(**server)
    async with Client(target, mode=sys.argv[2], read_timeout_seconds=60) as client:
        await check_tools(client)
        await check_memories(client)
        await check_mistakes(client)
        await check_the_rest(client)
    print("done")


anyio.run(main)
