/*
 * sdk_v1.mjs - the scenario with the official TypeScript SDK, version 1.
 *
 *     node sdk_v1.mjs '{"url": …}' or '{"sse": …}' or '{"command": …, "args": […], "env": {…}}'
 *
 * SPDX-License-Identifier: Apache-2.0
 */
import assert from 'node:assert/strict';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { LoggingMessageNotificationSchema } from '@modelcontextprotocol/sdk/types.js';

import { scenario } from './scenario.mjs';

const server = JSON.parse(process.argv[2]);
const transport = server.url ? new StreamableHTTPClientTransport(new URL(server.url))
                : server.sse ? new SSEClientTransport(new URL(server.sse))
                             : new StdioClientTransport(server);
const client = new Client({ name: 'e2e', version: '1' });

/* The server's log tells of calls by old tool names. */
async function hearLog() {
    const heard = new Promise((resolve) =>
        client.setNotificationHandler(LoggingMessageNotificationSchema, resolve));

    await client.setLoggingLevel('warning');
    await client.callTool({ name: 'retrieve_memory', arguments: { query: 'anything' } });
    assert.equal((await heard).params.level, 'warning');
}

await client.connect(transport);
await client.ping();
await scenario(client);
await hearLog();
await client.close();
console.log(`done with ${client.getServerVersion().name}`);
