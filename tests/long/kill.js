// kill.js - the clients, the killing and the checks of tests/e2e/kill.t.
//
// Starters type addresses and have Responses minted ahead (a pending login lives in its cookie, so it survives a restart);
// posters post them to the ACS without a pause; one person after another uses the password door. A client believes only what
// it was told: its journal holds the logins that were answered with a session cookie, and those whose answer a kill cut off. The
// latter are posted again until an answer comes. At the end the store must agree with the journal.
'use strict';
const { execFileSync, execFile, spawn } = require('child_process');
const crypto = require('crypto');
const fs = require('fs');
const { promisify } = require('util');
const { Client, fields, requestId, authnRequest } = require('../e2e/lib/client.js');
const { test, done, assert } = require('../e2e/lib/tap.js');

const env = process.env;
const LOGIN = 'https://login.usher.test';
const HOST = 'login.usher.test';
const PASSWORD = 'correct horse battery staple';
const PEOPLE = 12;
const STARTERS = 2, POSTERS = 3, STOCK = 30;
const START_MS = 30000; // a start that takes longer has failed
const kills = Number(env.USHER_KILLS || 10);
const seed = Number(env.USHER_SEED || crypto.randomInt(2 ** 31));
const config = `${env.E2E_DIR}/usher.yaml`;
const database = `${env.E2E_DIR}/usher.db`;

// mulberry32: small, and the same for the same seed everywhere
let state = seed;
function random() {
	state = (state + 0x6d2b79f5) | 0;
	let t = Math.imul(state ^ (state >>> 15), 1 | state);
	t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
	return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// --- the daemon ----------------------------------------------------------------------------------------------------------

const daemon = { child: null, up: false, starts: 0, slowest: 0, waiting: [] };
const log = fs.openSync(`${env.E2E_DIR}/usher.log`, 'a');

// Spawns it. Resolves to a promise for the moment it is ready, inside an object, as that moment may never come.
function start() {
	const child = spawn(env.USHER, ['serve', '-c', config], { stdio: ['ignore', 'pipe', log] });
	const began = Date.now();
	daemon.child = child;
	daemon.starts++;
	child.gone = new Promise((resolve) => child.on('exit', (code, signal) => {
		daemon.up = false;
		resolve(signal || `exit ${code}`);
	}));
	const ready = new Promise((resolve, reject) => {
		const timer = setTimeout(() => reject(new Error(`start ${daemon.starts} took more than ${START_MS} ms`)), START_MS);
		child.stdout.once('data', (text) => {
			clearTimeout(timer);
			if (!/^usher: ready/.test(text)) return reject(new Error(`start ${daemon.starts} printed ${text}`));
			daemon.slowest = Math.max(daemon.slowest, Date.now() - began);
			daemon.up = true;
			for (const wake of daemon.waiting.splice(0)) wake();
			resolve();
		});
		child.on('exit', (code, signal) => {
			clearTimeout(timer);
			if (signal !== 'SIGKILL') reject(new Error(`start ${daemon.starts} ended by itself: ${signal || code}`));
			resolve();
		});
	});
	ready.catch(() => {}); // whoever awaits it sees the error
	return { ready };
}

async function kill() {
	daemon.child.kill('SIGKILL');
	assert.strictEqual(await daemon.child.gone, 'SIGKILL');
}

const ready = () => (daemon.up ? Promise.resolve() : new Promise((resolve) => daemon.waiting.push(resolve)));

// --- the journal ---------------------------------------------------------------------------------------------------------

const answered = []; // { door, email, token, assertion, response, cookies }: told so, with a session cookie
const refusals = []; // numbers that were shown for a second use of an assertion
const surprises = []; // answers that nobody should ever get
const count = { cut: 0, cutAndAccepted: 0, cutAndNot: 0, inStart: 0, inLogin: 0, replays: 0, sessions: 0 };
const journal = fs.openSync(`${env.E2E_DIR}/journal`, 'a');
let stopping = false;
let onAccepted = () => {};
let posting = 0; // logins whose answer is awaited now

// A request whose answer a kill may cut off: null then.
async function attempt(request) {
	await ready();
	try {
		return await request();
	} catch (error) {
		if (!error.code || !/ECONN|EPIPE/.test(error.code)) throw error;
		return null;
	}
}

const sessionOf = (c) => c.jar(HOST).get('__Host-usher');

function accepted(login, c) {
	answered.push({ ...login, token: sessionOf(c) });
	fs.writeSync(journal, `${JSON.stringify({ door: login.door, email: login.email, assertion: login.assertion })}\n`);
	onAccepted();
}

function surprise(what, r) {
	surprises.push(`${what}: ${r.status} ${(r.body.match(/<p[^>]*>[^<]*/g) || [r.body]).join(' ').slice(0, 300)}`);
}

// --- what people do --------------------------------------------------------------------------------------------------------

async function type(c, email) {
	const page = await attempt(() => c.get(`${LOGIN}/login`));
	return page && attempt(() => c.post(`${LOGIN}/login`, { ...fields(page.body), email }));
}

const stock = [];
const run = promisify(execFile);

async function starter() {
	while (!stopping) {
		if (stock.length >= STOCK) {
			await delay(5);
			continue;
		}
		const n = Math.floor(random() * PEOPLE);
		const email = `person${n}@usher.test`;
		const c = new Client(env.USHER_PORT);
		const r = await type(c, email);
		if (!r) continue;
		if (r.status !== 303) {
			surprise('typing an address', r);
			continue;
		}
		const assertion = `_${crypto.randomBytes(16).toString('hex')}`;
		const { stdout } = await run(env.USHER_LAB, ['mint', '--base64', '--key', `${env.E2E_DIR}/certs/idp.key`, '--cert', `${env.E2E_DIR}/certs/idp.pem`,
			'--issuer', 'https://idp.other.test/', '--audience', `${LOGIN}/saml/metadata`, '--acs', `${LOGIN}/saml/acs`, '--id', assertion, '--session-index', assertion,
			'--request-id', authnRequest(r.location).id, '--name-id', email, '--email', email, '--object-id', `oid-${n}`, '--display-name', `Person ${n}`]);
		stock.push({ door: 'sso', email, assertion, response: stdout.trim(), cookies: new Map(c.jar(HOST)) });
	}
}

// Posts a Response from a browser that has what it had when it was sent to the identity provider.
async function postResponse(login) {
	const c = new Client(env.USHER_PORT);
	c.jars.set(HOST, new Map(login.cookies));
	const r = await attempt(() => c.post(`${LOGIN}/saml/acs`, { SAMLResponse: login.response, RelayState: 'x' }));
	return { c, r };
}

function wasReplay(r) {
	if (r.status !== 403) return false;
	refusals.push(requestId(r.body));
	return true;
}

async function poster() {
	while (!stopping || stock.length) {
		const login = stock.shift();
		if (!login) {
			await delay(2);
			continue;
		}
		let cut = 0;
		for (;;) {
			await ready();
			posting++;
			const { c, r } = await postResponse(login);
			posting--;
			if (!r) {
				cut++;
				continue;
			}
			if (r.status === 303 && sessionOf(c)) {
				accepted(login, c);
				count.cutAndNot += cut > 0;
			} else if (cut && wasReplay(r)) {
				count.cutAndAccepted++;
			} else {
				surprise(`the first use of ${login.assertion}, ${cut} answers cut off`, r);
			}
			break;
		}
		count.cut += cut;
	}
}

async function passwordUser() {
	for (let n = 0; !stopping; n++) {
		const email = `p${n % 4}@local.test`;
		const c = new Client(env.USHER_PORT);
		const page = await type(c, email);
		if (!page) continue;
		if (page.status !== 200) {
			surprise('typing an address at the password door', page);
			continue;
		}
		posting++;
		const r = await attempt(() => c.post(`${LOGIN}/login/password`, { ...fields(page.body), email, password: PASSWORD }));
		posting--;
		if (!r) count.cut++;
		else if (r.status === 303 && sessionOf(c)) accepted({ door: 'password', email }, c);
		else surprise('the right password', r);
	}
}

// The session is there, whoever opened it.
async function checkSession(login) {
	const c = new Client(env.USHER_PORT);
	c.jar(HOST).set('__Host-usher', login.token);
	const r = await attempt(() => c.get(`${LOGIN}/`));
	if (r && (r.status !== 200 || !r.body.includes(login.email))) surprise(`the session of ${login.email} (${login.door}, ${login.assertion})`, r);
	else if (r) count.sessions++;
}

// A used assertion stays used.
async function checkReplay(login) {
	const { r } = await postResponse(login);
	if (r && !wasReplay(r)) surprise(`the second use of ${login.assertion}`, r);
	else if (r) count.replays++;
}

// What was answered before a kill, looked at between the kills.
async function auditor() {
	while (!stopping) {
		await ready();
		const login = answered[Math.floor(random() * answered.length)];
		if (login) await checkSession(login);
		if (login && login.door === 'sso') await checkReplay(login);
		await delay(20);
	}
}

// --- the run -----------------------------------------------------------------------------------------------------------------

// On a slow machine more kills than logins would show nothing: the kill number i waits until i people were let in.
async function enough(i) {
	const end = Date.now() + 60000;
	while (answered.length < i) {
		assert.ok(Date.now() < end, 'nobody gets in any more');
		await Promise.race([new Promise((resolve) => { onAccepted = resolve; }), delay(1000)]);
	}
}

// Every fifth kill is aimed at the start, the others at the logins after it.
async function killing() {
	for (let i = 0; i < kills; i++) {
		const atStart = i % 5 === 4;
		const ms = 5 * (400 / 5) ** random();
		const began = start();
		if (!atStart) {
			await began.ready;
			await enough(i);
		}
		await Promise.race([delay(atStart ? ms / 4 : ms), began.ready.then(() => new Promise(() => {}))]);
		count.inStart += !daemon.up;
		count.inLogin += posting > 0 && daemon.up;
		await kill();
	}
	await start().ready;
}

async function everyone() {
	const all = [...Array(STARTERS)].map(starter).concat([...Array(POSTERS)].map(poster), passwordUser(), auditor());
	const failed = Promise.all(all);
	await Promise.race([killing(), failed]);
	stopping = true;
	await failed;
}

const sql = (query) => JSON.parse(execFileSync('sqlite3', ['-json', database, query], { encoding: 'utf8', maxBuffer: 2 ** 28 }) || '[]');
const limit = async (n, list, fn) => {
	const rest = [...list];
	await Promise.all([...Array(n)].map(async () => {
		while (rest.length) await fn(rest.pop());
	}));
};

async function main() {
	console.log(`# USHER_KILLS=${kills} USHER_SEED=${seed}`);
	const cameUp = await test(`${kills} kills, and every start after one came up by itself`, async () => {
		await everyone();
		assert.strictEqual(daemon.starts, kills + 1);
	});
	if (!cameUp) throw new Error('the rest needs a running usher');
	await test('the kills met logins under way', () => {
		assert.ok(count.inLogin >= kills / 4, `${count.inLogin} of ${kills}`);
		assert.ok(answered.length >= kills, `${answered.length} logins`);
		assert.ok(answered.some((l) => l.door === 'password'));
		assert.ok(count.cut > 0);
	});
	const sso = answered.filter((l) => l.door === 'sso');
	await test('everybody who was told so is signed in, after one more kill', async () => {
		await kill();
		await start().ready;
		count.sessions = 0;
		await limit(4, answered, checkSession);
		assert.strictEqual(count.sessions, answered.length);
	});
	await test('every assertion that was accepted is refused when it comes again', async () => {
		count.replays = 0;
		await limit(4, sso, checkReplay);
		assert.strictEqual(count.replays, sso.length);
	});
	await test('no answer but those expected', () => assert.deepStrictEqual(surprises, []));
	await kill(); // the store is looked at as a kill leaves it
	await test('the database is whole', () => {
		assert.deepStrictEqual(sql('PRAGMA integrity_check'), [{ integrity_check: 'ok' }]);
		assert.deepStrictEqual(sql('PRAGMA foreign_key_check'), []);
	});
	await test('one session per assertion, and the journal\'s are all among them', () => {
		const rows = sql("SELECT session_index AS assertion, count(*) AS n, max(email) AS email FROM sessions WHERE door = 'sso' GROUP BY session_index");
		const stored = new Map(rows.map((row) => [row.assertion, row]));
		assert.deepStrictEqual(rows.filter((row) => row.n !== 1), []);
		assert.deepStrictEqual(sso.filter((l) => (stored.get(l.assertion) || {}).email !== l.email).map((l) => l.assertion), []);
		assert.strictEqual(new Set(sso.map((l) => l.assertion)).size, sso.length);
		assert.strictEqual(stored.size, sso.length + count.cutAndAccepted);
		assert.deepStrictEqual(sql("SELECT assertion_id FROM replay EXCEPT SELECT session_index FROM sessions WHERE door = 'sso'"), []);
		assert.deepStrictEqual(sql("SELECT session_index FROM sessions WHERE door = 'sso' EXCEPT SELECT assertion_id FROM replay"), []);
	});
	await test('one login.accepted per session, one token per session, one account per person', () => {
		const sessions = 'SELECT account_id, created AS at, count(*) AS n FROM sessions GROUP BY 1, 2 ORDER BY 1, 2';
		const events = "SELECT account_id, at, count(*) AS n FROM events WHERE kind = 'login.accepted' GROUP BY 1, 2 ORDER BY 1, 2";
		assert.deepStrictEqual(sql(events), sql(sessions));
		assert.deepStrictEqual(sql('SELECT s.id FROM sessions s LEFT JOIN session_tokens t ON t.session_id = s.id GROUP BY s.id HAVING count(t.hash) <> 1'), []);
		assert.ok(sql('SELECT count(*) AS n FROM accounts')[0].n <= PEOPLE + 4);
	});
	await test('every refusal that was shown has its event', () => {
		const codes = new Map(sql('SELECT request_id, code FROM events WHERE request_id IS NOT NULL').map((row) => [row.request_id, row.code]));
		assert.ok(refusals.length > 0);
		assert.deepStrictEqual(refusals.filter((id) => codes.get(id) !== 'assertion-replayed'), []);
	});
	await test('the command line reads the same', () => {
		const rows = JSON.parse(execFileSync(env.USHER, ['session', 'list', '-c', config, '--format', 'json'], { encoding: 'utf8', maxBuffer: 2 ** 28 })).rows;
		assert.strictEqual(rows.length, sql('SELECT count(*) AS n FROM sessions WHERE revoked_at IS NULL')[0].n);
	});
	await test('nothing went wrong inside', () => {
		const bad = fs.readFileSync(`${env.E2E_DIR}/usher.log`, 'utf8').split('\n').filter((line) => / (error|warning) /.test(line) || /Sanitizer/.test(line));
		assert.deepStrictEqual(bad.slice(0, 5), []);
	});
	console.log(`# ${answered.length} logins answered (${sso.length} by SSO), ${count.cut} answers cut off: of those posted again ${count.cutAndAccepted} had been accepted, ` +
		`${count.cutAndNot} had not; ${count.inLogin} kills while an answer was awaited, ${count.inStart} before usher was ready; slowest start ${daemon.slowest} ms`);
	done();
}

function bail(error) {
	console.log(`Bail out! ${error.stack || error}`);
	process.exit(1); // clients that wait for a usher that does not come would wait for ever
}

process.on('exit', () => daemon.child && daemon.child.kill('SIGKILL'));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));

setTimeout(bail, 120000 + 3000 * kills, 'not done in time').unref();
main().catch(bail);
