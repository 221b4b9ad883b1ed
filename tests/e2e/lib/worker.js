// worker.js - the checks of worker.t on a running daemon whose worker does what documents tell it to.
'use strict';
const fs = require('fs');
const { execFileSync } = require('child_process');
const { Client, fields, requestId, authnRequest } = require('./client.js');
const { test, done, assert } = require('./tap.js');

const env = process.env;
const LOGIN = 'https://login.usher.test';
const client = () => new Client(env.USHER_PORT);

// A genuine Response for this person, as XML. `order`: what its worker shall do, in a comment that no signature covers.
function mint(who, requestId_, order) {
	const xml = execFileSync(env.USHER_LAB, ['mint', '--key', `${env.E2E_DIR}/certs/idp.key`, '--cert', `${env.E2E_DIR}/certs/idp.pem`, '--issuer', 'https://idp.other.test/',
		'--audience', `${LOGIN}/saml/metadata`, '--acs', `${LOGIN}/saml/acs`, '--name-id', `${who}@usher.test`, '--email', `${who}@usher.test`, '--object-id', `oid-${who}`,
		'--request-id', requestId_], { encoding: 'utf8' });
	if (!order) return xml;
	assert.ok(xml.includes('</samlp:Status>'), xml);
	return xml.replace('</samlp:Status>', `</samlp:Status><!--bad:${order};-->`);
}

const post = (c, xml) => c.post(`${LOGIN}/saml/acs`, { SAMLResponse: Buffer.from(xml).toString('base64'), RelayState: 'x' }, { headers: { Origin: 'https://idp.other.test' } });

// Begins a login; resolves to a function that ends it with a Response of this order, so that it can be timed.
async function begin(who, order) {
	const c = client();
	const page = await c.get(`${LOGIN}/login`);
	const r = await c.post(`${LOGIN}/login`, { ...fields(page.body), email: `${who}@usher.test` }, { headers: { Origin: LOGIN } });
	assert.strictEqual(r.status, 303, r.body);
	const xml = mint(who, authnRequest(r.location).id, order);
	return { c, end: () => post(c, xml) };
}

async function signedInAs(c) {
	const home = await c.get(`${LOGIN}/`);
	return home.status === 200 ? (home.body.match(/[a-z0-9-]+@usher\.test/) || [''])[0] : null;
}

async function letIn(login, r, who) {
	assert.strictEqual(r.status, 303, r.body);
	assert.strictEqual(await signedInAs(login.c), `${who}@usher.test`);
}

// Refused with this code, under the number on the page, and nobody is signed in.
async function refused(login, r, code) {
	assert.ok(r.status === 403 || r.status === 503, `${r.status} ${r.body}`);
	const id = requestId(r.body);
	const rows = JSON.parse(execFileSync(env.USHER, ['log', 'show', id, '-c', `${env.E2E_DIR}/usher.yaml`, '--format', 'json'], { encoding: 'utf8' })).rows;
	assert.strictEqual(rows.length, 1);
	assert.match(rows[0].error, code);
	assert.strictEqual(await signedInAs(login.c), null);
}

async function health() {
	const r = await client().get(`${LOGIN}/healthz`);
	const m = r.body.match(/^workers (\d+) of (\d+) running, (\d+) restarts, (\d+) documents judged, (\d+) waiting$/m);
	assert.ok(m, r.body);
	return { running: +m[1], of: +m[2], restarts: +m[3], judged: +m[4], waiting: +m[5] };
}

// Asks until it is so, for at most twenty seconds.
async function until(what, is) {
	const end = Date.now() + 20000;
	while (!(await is())) assert.ok(Date.now() < end, `${what}: not within twenty seconds`);
}

function workers() {
	return fs.readdirSync('/proc').filter((pid) => {
		try {
			const [, comm, ppid] = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').match(/^\d+ \((.*)\) \S (\d+)/);
			return comm === 'usher-worker' && ppid === env.USHER_PID;
		} catch {
			return false;
		}
	}).map(Number);
}

// One bad document between two honest ones, all three at the same time, and an honest one after them.
async function beside(order, check) {
	const [before, evil, after, later] = [await begin('ada'), await begin('eve', order), await begin('bob'), await begin('cy')];
	const [a, e, b] = await Promise.all([before.end(), evil.end(), after.end()]);
	await letIn(before, a, 'ada');
	await letIn(after, b, 'bob');
	await check(evil, e);
	await letIn(later, await later.end(), 'cy');
}

async function main() {
	await test('one worker runs, and /healthz says so', async () => {
		const h = await health();
		assert.deepStrictEqual([h.running, h.of, h.restarts, h.waiting], [1, 1, 0, 0]);
		assert.strictEqual(workers().length, 1);
	});

	for (const order of env.MODES.split(' ').filter(Boolean)) {
		await test(`${order}: that document is refused, all others are judged`, async () => {
			const { restarts } = await health();
			await beside(order, (evil, r) => refused(evil, r, /^worker-failed$/));
			assert.ok((await health()).restarts > restarts);
		});
	}

	// what it says of the document is not what stands there; another worker is asked, and says the same
	for (const order of ['forge', 'garbage', 'plain', 'unwrap']) {
		await test(`it lies (${order}): no login`, () => beside(order, (evil, r) => refused(evil, r, /^recheck-failed$/)));
	}

	await test('it lies (swap): another person\'s signed element under this signature is no login', async () => {
		const first = await begin('ada');
		await letIn(first, await first.end(), 'ada');
		await beside('swap', async (evil, r) => {
			if (r.status === 303) await letIn(evil, r, 'eve'); // the new worker had nobody's bytes to swap: it told the truth
			else await refused(evil, r, /^recheck-failed$/);
		});
	});

	await test('it lies (other): a stranger without any login is not who signed in before', async () => {
		const ada = await begin('ada');
		await letIn(ada, await ada.end(), 'ada');
		const stranger = { c: client() };
		const nothing = '<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"><!--bad:other;--></samlp:Response>';
		await refused(stranger, await post(stranger.c, nothing), /^(recheck-failed|response-shape|xml-id)$/);
	});

	await test('taken over for good: the next login is judged by a new worker', async () => {
		const ada = await begin('ada');
		await letIn(ada, await ada.end(), 'ada');
		const { restarts } = await health();
		await post(client(), '<Response><!--bad:takeover;--></Response>');
		for (const who of ['bob', 'cy', 'dan']) {
			const login = await begin(who);
			await letIn(login, await login.end(), who);
		}
		assert.ok((await health()).restarts > restarts);
	});

	await test('the worker is killed under a login: the person does not notice', async () => {
		const [ada, bob] = [await begin('ada'), await begin('bob')];
		// stopped, so that both are with it when it is killed
		let warm = await begin('cy');
		await letIn(warm, await warm.end(), 'cy');
		const [pid] = workers();
		process.kill(pid, 'SIGSTOP');
		const answers = Promise.all([ada.end(), bob.end()]);
		await until('both logins are with the worker', async () => (await health()).waiting === 2);
		process.kill(pid, 'SIGKILL');
		const [a, b] = await answers;
		await letIn(ada, a, 'ada');
		await letIn(bob, b, 'bob');
		assert.ok(!workers().includes(pid));
		await until('a new worker stands by', async () => (await health()).running === 1);
	});

	await test('the daemon takes its workers with it', async () => {
		const all = workers();
		assert.ok(all.length > 0);
		process.kill(Number(env.USHER_PID), 'SIGKILL');
		const gone = (pid) => !fs.existsSync(`/proc/${pid}/stat`) || / Z /.test(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'));
		await until('they end', async () => {
			await new Promise((resolve) => setImmediate(resolve));
			return all.every(gone);
		});
	});

	done();
}

main();
