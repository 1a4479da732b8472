/*
 * scenario.mjs - what every client does: list tools, store, find, list, update, delete, restore, and
 * two mistakes. The client is one of the official ones; sdk_v1.mjs and sdk_v2.mjs bring it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
import assert from 'node:assert/strict';

const DECISION = 'we chose PostgreSQL because of row-level security';
const QUESTION = 'which database did we pick and why';
const OTHERS = [
    'the office plants are watered on Mondays',
    'the release train leaves every second Thursday',
];
const TOOLS = [
    'memory_cleanup', 'memory_delete', 'memory_health', 'memory_list', 'memory_search',
    'memory_stats', 'memory_store', 'memory_update',
];

async function ok(client, name, args) {
    const result = await client.callTool({ name, arguments: args });

    assert.ok(!result.isError, JSON.stringify(result.content));
    assert.equal(result.content[0].type, 'text');
    return result.structuredContent;
}

async function found(client, args) {
    return (await ok(client, 'memory_search', args)).memories.map((m) => m.content);
}

async function checkTools(client) {
    const { tools } = await client.listTools();

    assert.deepEqual(tools.map((t) => t.name).sort(), TOOLS);
    for (const tool of tools) {
        assert.ok(tool.title && tool.description && tool.inputSchema && tool.outputSchema);
        for (const hint of ['readOnlyHint', 'destructiveHint', 'idempotentHint', 'openWorldHint'])
            assert.equal(typeof tool.annotations[hint], 'boolean', `${tool.name}.${hint}`);
    }
}

async function checkMemories(client) {
    const stored = await ok(client, 'memory_store', { content: DECISION, tags: ['db'] });
    const key = { content_hash: stored.content_hash };

    for (const content of OTHERS)
        await ok(client, 'memory_store', { content });
    assert.equal((await found(client, { query: QUESTION }))[0], DECISION);
    assert.equal((await ok(client, 'memory_list', {})).total, 3);

    await ok(client, 'memory_update', { ...key, updates: { add_tags: ['chosen'] } });
    assert.deepEqual(await found(client, { tags: ['chosen'] }), [DECISION]);

    assert.equal((await ok(client, 'memory_delete', key)).deleted_count, 1);
    assert.ok(!(await found(client, { query: QUESTION })).includes(DECISION));
    await ok(client, 'memory_update', { ...key, restore: true });
    assert.equal((await found(client, { query: QUESTION }))[0], DECISION);
}

async function checkMistakes(client) {
    const wrong = await client.callTool({ name: 'memory_store', arguments: { content: 5 } });

    assert.equal(wrong.isError, true);
    assert.match(wrong.content[0].text, /content/);
    await assert.rejects(client.callTool({ name: 'no_such_tool', arguments: {} }),
                         (error) => error.code === -32602);
}

async function checkTheRest(client) {
    const { resources } = await client.listResources();
    const { contents } = await client.readResource({ uri: resources[0].uri });

    assert.ok(JSON.parse(contents[0].text));
    assert.ok((await client.listPrompts()).prompts.length > 0);
}

export async function scenario(client) {
    await checkTools(client);
    await checkMemories(client);
    await checkMistakes(client);
    await checkTheRest(client);
}
