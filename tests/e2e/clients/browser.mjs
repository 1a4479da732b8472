/*
 * browser.mjs - a person with Chromium and a client with mcp-remote, from the owner's link to a revocation.
 *
 *     node browser.mjs '{"url": …, "link": …, "key": …, "folder": …, "shots": …}'
 *
 * url is that of /mcp at memory.example, link the one-time link there, key the digest of the server's public
 * key, folder an empty one. The person's browser runs no scripts of pages. With shots, a folder, every page is
 * photographed as a phone and as a desk shows it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { chromium } from 'playwright-core';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const MCP_REMOTE = path.join(HERE, '../../../node_modules/mcp-remote/dist/proxy.js');
const DEADLINE_MS = 60000;
const PASSWORD = 'correct horse battery';
const CONTENT = 'the launch code is kept in the blue binder';
const SIZES = { phone: { width: 360, height: 740 }, desk: { width: 1280, height: 800 } };

const { url, link, key, folder, shots } = JSON.parse(process.argv[2]);
const asked = path.join(folder, 'asked'); /* addresses that a browser was started with, one a line */
const config = path.join(folder, 'mcp-remote');

async function until(what, condition) {
    const end = Date.now() + DEADLINE_MS;

    while (Date.now() < end) {
        const value = await condition();

        if (value)
            return value;
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`not within ${DEADLINE_MS} ms: ${what}`);
}

/* -- the person -------------------------------------------------------------------------------- */

const complaints = []; /* of the browser, about what a page may not do */

async function openBrowser() {
    const browser = await chromium.launch({
        executablePath: '/usr/bin/chromium',
        args: [
            '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
            '--disable-background-networking', '--disable-component-update', '--disable-sync',
            '--host-resolver-rules=MAP memory.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
            `--ignore-certificate-errors-spki-list=${key}`,
        ],
    });
    const context = await browser.newContext({ javaScriptEnabled: false, viewport: SIZES.phone });
    const page = await context.newPage();

    page.setDefaultTimeout(DEADLINE_MS);
    page.on('console', (message) => {
        if (/Security Policy/.test(message.text()))
            complaints.push(message.text());
    });
    return { browser, context, page };
}

/* Nothing is wider than a phone; and the photographs, if asked for. */
async function look(page, name) {
    const width = await page.evaluate(() => document.documentElement.scrollWidth);

    assert.ok(width <= SIZES.phone.width, `${name} is ${width} wide`);
    for (const [size, viewport] of shots ? Object.entries(SIZES) : []) {
        await page.setViewportSize(viewport);
        await page.screenshot({ path: path.join(shots, `${name}-${size}.png`), fullPage: true });
    }
    await page.setViewportSize(SIZES.phone);
    if (shots) {
        await page.emulateMedia({ colorScheme: 'dark' });
        await page.screenshot({ path: path.join(shots, `${name}-dark.png`), fullPage: true });
        await page.emulateMedia({ colorScheme: 'light' });
    }
}

async function sees(page, ...words) {
    const text = await page.locator('main').innerText();

    for (const word of words)
        assert.ok(text.includes(word), `no "${word}" in: ${text}`);
}

async function becomesOwner({ page, context }) {
    await page.goto(link);
    await look(page, 'welcome');
    await page.getByLabel('Name').fill('ada');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByLabel('The same again').fill(PASSWORD);
    await page.getByRole('button').click();
    await sees(page, 'Hello, ada');
    await look(page, 'hello');
    await context.clearCookies();
}

async function approves({ page }, address) {
    await page.goto(address);
    await sees(page, 'Log in', 'MCP CLI Proxy');
    await page.getByLabel('Name').fill('ada');
    await page.getByLabel('Password').fill('not the password');
    await page.getByRole('button', { name: 'Log in' }).click();
    await sees(page, 'Name or password is wrong');
    await look(page, 'login');
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Log in' }).click();

    await sees(page, 'MCP CLI Proxy', 'unverified', 'localhost', 'ada', 'Read memories');
    await look(page, 'consent');
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.waitForURL(/^http:\/\/(localhost|127\.0\.0\.1):\d+\/oauth\/callback\?/);
    const answer = new URL(page.url()).searchParams;
    assert.equal(answer.get('iss'), new URL(url).origin);
}

/* -- the client -------------------------------------------------------------------------------- */

function startClient() {
    const browser = path.join(folder, 'browser');

    fs.writeFileSync(browser, `#!/bin/sh\nprintf '%s\\n' "$1" >>'${asked}'\n`, { mode: 0o755 });
    fs.writeFileSync(asked, '');
    const transport = new StdioClientTransport({
        command: process.execPath,
        args: [MCP_REMOTE, url, '--transport', 'http-only'],
        env: { ...process.env, BROWSER: browser, MCP_REMOTE_CONFIG_DIR: config },
        stderr: 'pipe',
    });
    const log = [];

    transport.stderr.on('data', (data) => log.push(data));
    return { client: new Client({ name: 'e2e', version: '1' }), transport, log };
}

const addresses = () => fs.readFileSync(asked, 'utf8').split('\n').filter(Boolean);

/* mcp-remote's own file of this name and what is in it. */
function kept(suffix) {
    const found = fs.readdirSync(config, { recursive: true }).find((name) => name.endsWith(suffix));
    const file = path.join(config, found);

    return { file, content: JSON.parse(fs.readFileSync(file)) };
}

async function call(client, name, args) {
    const result = await client.callTool({ name, arguments: args });

    assert.ok(!result.isError, JSON.stringify(result.content));
    return result.structuredContent;
}

async function usesMemories(client) {
    const { tools } = await client.listTools();

    assert.ok(tools.some((tool) => tool.name === 'memory_search'));
    await call(client, 'memory_store', { content: CONTENT });
    const { memories } = await call(client, 'memory_search', { query: 'where is the code' });
    assert.equal(memories[0].content, CONTENT);
}

/* A token that is no longer taken is replaced without the person. */
async function refreshes(client) {
    const { file, content } = kept('tokens.json');
    const spoilt = content.access_token.slice(0, -8) + 'AAAAAAAA';

    fs.writeFileSync(file, JSON.stringify({ ...content, access_token: spoilt }));
    assert.equal((await call(client, 'memory_list', {})).total, 1);
    assert.notEqual(kept('tokens.json').content.refresh_token, content.refresh_token);
    assert.equal(addresses().length, 1);
}

/* After a revocation nothing works, and the person is asked again. */
async function losesAccess(client) {
    const { client_id } = kept('client_info.json').content;
    const { refresh_token } = kept('tokens.json').content;
    const { origin } = new URL(url);
    const where = await (await fetch(`${origin}/.well-known/oauth-authorization-server`)).json();
    const reply = await fetch(where.revocation_endpoint, {
        method: 'POST',
        body: new URLSearchParams({ client_id, token: refresh_token }),
    });

    assert.equal(reply.status, 200);
    client.callTool({ name: 'memory_list', arguments: {} }).catch(() => {});
    await until('another log-in', () => addresses().length === 2);
}

const person = await openBrowser();
const { client, transport, log } = startClient();

try {
    await becomesOwner(person);
    const connected = client.connect(transport, { timeout: DEADLINE_MS });
    await approves(person, await until('a log-in', () => addresses()[0]));
    await connected;
    await usesMemories(client);
    await refreshes(client);
    await losesAccess(client);
    await person.page.goto(new URL('/oauth/authorize?client_id=nobody', url).href);
    await look(person.page, 'error');
    assert.deepEqual(complaints, []);
    console.log('done');
} catch (error) {
    console.error(`${log.join('')}\n${await person.page.locator('body').innerText()}`);
    throw error;
} finally {
    await transport.close();
    await person.browser.close();
}
