// slow.js - the checks of slow.t. usher's deadlines are absolute (router/http/server.h): a byte now and then does not extend them.
'use strict';
const fs = require('fs');
const net = require('net');
const { Client } = require('../e2e/lib/client.js');
const { test, done, assert } = require('../e2e/lib/tap.js');

const { USHER_PORT: port, AUTH_PORT: authPort, USHER_PID: pid, USHER_SOAK_SECONDS: soak = 90 } = process.env;
const SLACK = 5; // seconds: this machine is busy, too
const HEAD = 10, BODY = 30, WRITE = 30, LINGER = 1; // the server's deadlines
const LOGIN = 'https://login.usher.test';

const head = (method, path, more = '') => `${method} ${path} HTTP/1.1\r\nHost: login.usher.test\r\n${more}\r\n`;
// What one connection does, how many there are at a time, and how long it may last.
const kinds = {
	'sends nothing': { n: 150, limit: HEAD, open() {} },
	'a header byte a second': { n: 150, limit: HEAD, open: (s) => trickle(s, head('GET', '/login', `Cookie: ${'a=b; '.repeat(500)}`)) },
	'a body byte a second': {
		n: 150, limit: HEAD + BODY,
		open(s) {
			s.write(head('POST', '/saml/acs', 'Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100000\r\n'));
			trickle(s, `SAMLResponse=${'A'.repeat(1000)}`);
		},
	},
	'asks and never reads': {
		n: 20, limit: HEAD + WRITE + SLACK, deaf: true,
		open(s) {
			s.pause();
			s.write(head('GET', '/login').repeat(2000));
		},
	},
};
const stats = {};
let running = true;

function trickle(socket, text) {
	let at = 0;
	socket.write(text.slice(0, 20));
	const timer = setInterval(() => socket.write(text[20 + at++ % (text.length - 20)]), 1000);
	socket.on('close', () => clearInterval(timer));
}

// One slow client after another.
async function slow(name, kind) {
	const mine = (stats[name] ??= { closed: 0, longest: 0, late: 0 });
	while (running) {
		const began = Date.now();
		const ended = await new Promise((resolve) => {
			const s = net.connect({ host: '127.0.0.1', port }, () => kind.open(s));
			// a paused socket does not see the end: writing into it does
			const probe = kind.deaf && setInterval(() => s.write('\r\n'), 500);
			const stop = setInterval(() => running || s.destroy(), 200);
			if (!kind.deaf) s.resume();
			s.on('error', () => {});
			s.on('close', () => {
				clearInterval(probe);
				clearInterval(stop);
				resolve(running);
			});
		});
		if (!ended) return; // by us, at the end
		const seconds = (Date.now() - began) / 1000;
		mine.closed++;
		mine.longest = Math.max(mine.longest, seconds);
		mine.late += seconds > kind.limit + LINGER + SLACK;
	}
}

const honest = { answered: 0, wrong: [], worst: 0 };
async function honestClient() {
	while (running) {
		const c = new Client(port);
		const began = Date.now();
		const r = await c.get(`${LOGIN}/login`);
		const a = await c.get('http://auth/auth', { port: authPort, headers: { 'X-Forwarded-Host': 'wiki.usher.test', 'X-Forwarded-Uri': '/' } });
		honest.worst = Math.max(honest.worst, Date.now() - began);
		honest.answered++;
		if (r.status !== 200 || a.status !== 401) honest.wrong.push(`${r.status} ${a.status}`);
		await new Promise((resolve) => setTimeout(resolve, 20));
	}
}

const descriptors = () => fs.readdirSync(`/proc/${pid}/fd`).length;
const resident = () => Number(fs.readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]) / 1024;

async function main() {
	for (let i = 0; i < 20; i++) await new Client(port).get(`${LOGIN}/login`); // threads and pools are there now
	const before = { fds: descriptors(), mib: resident() };
	const all = Object.entries(kinds).flatMap(([name, kind]) => [...Array(kind.n)].map(() => slow(name, kind)));
	for (let i = 0; i < 4; i++) all.push(honestClient());
	const failed = Promise.all(all);
	const during = { fds: 0, mib: 0 };
	for (let s = 0; s < soak; s++) {
		await Promise.race([failed, new Promise((resolve) => setTimeout(resolve, 1000))]);
		during.fds = Math.max(during.fds, descriptors());
		during.mib = Math.max(during.mib, resident());
	}
	running = false;
	await failed;

	for (const [name, kind] of Object.entries(kinds)) {
		const s = stats[name];
		await test(`${name}: closed after ${kind.limit} s at the latest`, () => {
			assert.ok(s.closed >= kind.n, `${s.closed} of ${kind.n} connections were closed`);
			assert.strictEqual(s.late, 0, `the longest lasted ${s.longest} s`);
		});
		console.log(`# ${s.closed} connections, the longest ${s.longest.toFixed(1)} s`);
	}
	await test('honest clients beside them were all answered', () => {
		assert.deepStrictEqual(honest.wrong, []);
		assert.ok(honest.answered > 10 * soak, `${honest.answered}`);
		assert.ok(honest.worst < 5000, `${honest.worst} ms`);
	});
	await test('nothing of them is left', async () => {
		for (let i = 0; i < 100 && descriptors() > before.fds; i++) await new Promise((resolve) => setTimeout(resolve, 200));
		assert.ok(descriptors() <= before.fds, `${descriptors()} descriptors, ${before.fds} before`);
		assert.ok(during.fds >= before.fds + 400, `only ${during.fds} descriptors while they were there`);
		assert.ok(resident() < before.mib + 64, `${resident()} MiB, ${before.mib} before`);
	});
	console.log(`# honest: ${honest.answered} answered, the slowest in ${honest.worst} ms; memory ${before.mib.toFixed(0)} MiB before, ` +
		`${during.mib.toFixed(0)} during, ${resident().toFixed(0)} after; up to ${during.fds - before.fds} connections at once`);
	done();
}

main().catch((error) => {
	console.log(`Bail out! ${error.stack}`);
	process.exit(1);
});
