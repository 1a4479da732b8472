/*
 * sdk_v1.mjs - the scenario with the official TypeScript SDK, version 1.
 *
 *     node sdk_v1.mjs '{"url": …}' or '{"sse": …}' or '{"command": …, "args": […], "env": {…}}'
 *
 * SPDX-License-Identifier: Apache-2.0
 */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { scenario } from './scenario.mjs';

const server = JSON.parse(process.argv[2]);
const transport = server.url ? new StreamableHTTPClientTransport(new URL(server.url))
                : server.sse ? new SSEClientTransport(new URL(server.sse))
                             : new StdioClientTransport(server);
const client = new Client({ name: 'e2e', version: '1' });

await client.connect(transport);
await client.ping();
await scenario(client);
await client.close();
console.log(`done with ${client.getServerVersion().name}`);
