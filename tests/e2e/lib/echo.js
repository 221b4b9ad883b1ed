#!/usr/bin/env node
// echo.js - the application behind the proxy: answers every request with what it got, as a page or as JSON.
//
//   echo.js PORT-FILE [--auth]
//
// Listens on a free port of 127.0.0.1, writes it to PORT-FILE, stops on SIGTERM. GET /json... answers JSON, other paths a
// page with the same JSON in <pre id="echo">. Header names come as nginx sent them, doubled ones included.
//
// With --auth it plays usher's auth listener instead, for testing the proxy alone: the value of the cookie __Host-usher
// names the answer: "ada" 200 with identity headers, "denied" 403, anything else 401 with a Location.
'use strict';
const fs = require('fs');
const http = require('http');

const [portFile, mode] = process.argv.slice(2);
if (!portFile || (mode && mode !== '--auth')) {
	console.error('usage: echo.js PORT-FILE [--auth]');
	process.exit(2);
}

function echo(req, body) {
	const headers = {};
	for (let i = 0; i < req.rawHeaders.length; i += 2) {
		const name = req.rawHeaders[i].toLowerCase();
		(headers[name] = headers[name] || []).push(req.rawHeaders[i + 1]);
	}
	return JSON.stringify({ method: req.method, url: req.url, headers, body }, null, 1);
}

const escape = (s) => s.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

function application(req, res, body) {
	const text = echo(req, body);
	if (req.url.startsWith('/json')) {
		res.writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
		res.end(text);
	} else {
		res.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' });
		res.end(`<!doctype html><html lang="en"><title>echo</title><h1>echo</h1><pre id="echo">${escape(text)}</pre>`);
	}
}

function auth(req, res) {
	const session = /(?:^|; )__Host-usher=([^;]*)/.exec(req.headers.cookie || '');
	const who = session && session[1];
	// what the proxy asked, for the test to look at
	fs.appendFileSync(`${portFile}.log`, echo(req, '') + '\n');
	if (req.url !== '/auth') {
		res.writeHead(404, { 'Content-Length': 0 });
	} else if (who === 'ada') {
		res.writeHead(200, { 'Content-Length': 0, 'Remote-User': 'ada@usher.test', 'Remote-Email': 'ada@usher.test',
			'Remote-Name': 'Ada Lovelace', 'Remote-Groups': 'staff,admins' });
	} else if (who === 'denied') {
		res.writeHead(403, { 'Content-Length': 0 });
	} else {
		const uri = encodeURIComponent(req.headers['x-forwarded-uri'] || '/');
		res.writeHead(401, { 'Content-Length': 0,
			Location: `https://${req.headers['x-forwarded-host']}/.usher/start?rd=${uri}` });
	}
	res.end();
}

const server = http.createServer((req, res) => {
	const chunks = [];
	req.on('data', (c) => chunks.push(c));
	req.on('end', () => (mode ? auth(req, res) : application(req, res, Buffer.concat(chunks).toString('utf8'))));
});
server.listen(0, '127.0.0.1', () => {
	fs.writeFileSync(`${portFile}.new`, `${server.address().port}\n`);
	fs.renameSync(`${portFile}.new`, portFile);
});
process.on('SIGTERM', () => process.exit(0));
