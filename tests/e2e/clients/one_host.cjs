/*
 * one_host.cjs - memory.example is this machine, for the Node program that this is required into.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
const dns = require('node:dns');
const real = dns.lookup;

dns.lookup = (host, ...rest) => real(host === 'memory.example' ? '127.0.0.1' : host, ...rest);
