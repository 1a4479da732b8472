/*
 * sdk_v2.mjs - the scenario with the official TypeScript client, version 2.
 *
 *     node sdk_v2.mjs '{"url": …}' or '{"sse": …}' or '{"command": …, "args": […], "env": {…}}' \
 *         legacy|auto|VERSION
 *
 * SPDX-License-Identifier: Apache-2.0
 */
import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

import { scenario } from './scenario.mjs';

const server = JSON.parse(process.argv[2]);
const mode = ['legacy', 'auto'].includes(process.argv[3]) ? process.argv[3]
                                                          : { pin: process.argv[3] };
const transport = server.url ? new StreamableHTTPClientTransport(new URL(server.url))
                : server.sse ? new SSEClientTransport(new URL(server.sse))
                             : new StdioClientTransport(server);
const client = new Client({ name: 'e2e', version: '1' }, { versionNegotiation: { mode } });

await client.connect(transport);
await scenario(client);
console.log(`done at ${client.getNegotiatedProtocolVersion()}`);
await client.close();
