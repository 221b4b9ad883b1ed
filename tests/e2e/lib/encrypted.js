// encrypted.js - the checks of encrypted.t on one running daemon. PART names its configuration: `usher` has two keys, `without` has
// none, `old` allows RSA 1.5.
'use strict';
const { execFileSync } = require('child_process');
const { Client, fields, requestId, authnRequest } = require('./client.js');
const { test, done, assert } = require('./tap.js');

const env = process.env;
const LOGIN = 'https://login.usher.test';
const CERT = (k) => `${env.E2E_DIR}/${k}.crt`;

function mint(options, id) {
	return execFileSync(env.USHER_LAB, ['mint', '--key', `${env.E2E_DIR}/certs/idp.key`, '--cert', `${env.E2E_DIR}/certs/idp.pem`, '--issuer', 'https://idp.other.test/',
		'--audience', `${LOGIN}/saml/metadata`, '--acs', `${LOGIN}/saml/acs`, '--name-id', 'ada@usher.test', '--email', 'ada@usher.test', '--object-id', 'oid-ada',
		'--request-id', id, ...options], { encoding: 'utf8' });
}

// How many documents the workers were asked for so far.
async function judged() {
	const r = await new Client(env.USHER_PORT).get(`${LOGIN}/healthz`);
	return Number(r.body.match(/(\d+) documents judged/)[1]);
}

// One login whose Response is minted with these options and changed by `change`.
async function login(options, change = (xml) => xml) {
	const c = new Client(env.USHER_PORT);
	const page = await c.get(`${LOGIN}/login`);
	const sent = await c.post(`${LOGIN}/login`, { ...fields(page.body), email: 'ada@usher.test' }, { headers: { Origin: LOGIN } });
	assert.strictEqual(sent.status, 303, sent.body);
	const xml = change(mint(options, authnRequest(sent.location).id));
	const before = await judged();
	const r = await c.post(`${LOGIN}/saml/acs`, { SAMLResponse: Buffer.from(xml).toString('base64') }, { headers: { Origin: 'https://idp.other.test' } });
	const home = await c.get(`${LOGIN}/`);
	return { r, work: await judged() - before, who: home.status === 200 ? (home.body.match(/[a-z]+@usher\.test/) || [''])[0] : null };
}

async function letIn(options, work) {
	const l = await login(options);
	assert.strictEqual(l.r.status, 303, l.r.body);
	assert.strictEqual(l.who, 'ada@usher.test');
	assert.strictEqual(l.work, work);
}

// Refused and nobody signed in; resolves to all that a stranger sees of it, and to what the log has.
async function refused(options, change) {
	const l = await login(options, change);
	const id = requestId(l.r.body);
	const [event] = JSON.parse(execFileSync(env.USHER, ['log', 'show', id, '-c', `${env.E2E_DIR}/${env.PART}.yaml`, '--format', 'json'], { encoding: 'utf8' })).rows;
	assert.strictEqual(l.who, null);
	return { code: event.error, detail: event.detail, seen: `${l.r.status} ${l.r.body.replaceAll(id, 'ID')}`, work: l.work };
}

// The n-th CipherValue (the key comes first) with one octet changed: the first, the middle, the last.
const flip = (n, where) => (xml) => {
	let i = 0;
	return xml.replace(/(CipherValue>)([^<]+)(<\/)/g, (all, open, text, close) => {
		if (i++ !== n) return all;
		const octets = Buffer.from(text, 'base64');
		octets[Math.floor((octets.length - 1) * where)] ^= 1;
		return open + octets.toString('base64') + close;
	});
};
const CIPHERS = ['aes128-cbc', 'aes256-cbc', 'aes128-gcm', 'aes256-gcm'];
const SIGNED = [['assertion', 2], ['response', 1], ['both', 1]]; // and how often the worker is asked

async function withKeys() {
	for (const cipher of CIPHERS) {
		for (const [sign, work] of SIGNED)
			await test(`${cipher}, signed: ${sign}: signed in`, () => letIn(['--encrypt', CERT('sp1'), '--cipher', cipher, '--sign', sign], work));
	}
	await test('a NameID: signed in', () => letIn(['--encrypt-id', CERT('sp1')], 1));
	await test('both of them: signed in', () => letIn(['--encrypt', CERT('sp1'), '--encrypt-id', CERT('sp2')], 2));
	await test('for the key before this one: signed in', () => letIn(['--encrypt', CERT('sp2')], 2));
	for (const options of [['--transport', 'rsa-oaep'], ['--key-place', 'beside'], ['--key-place', 'referenced']])
		await test(`${options.join(' ')}: signed in`, () => letIn(['--encrypt', CERT('sp1'), ...options], 2));

	// Whoever changes what is encrypted learns nothing from the answer: not from its code, page, log or work.
	for (const [sign, ciphers] of [['assertion', ['aes256-cbc', 'aes256-gcm']], ['response', ['aes256-cbc']]]) {
		for (const cipher of ciphers) {
			await test(`${cipher}, signed: ${sign}: whatever is changed, and by which key, the answer is one`, async () => {
				const options = ['--encrypt', CERT('sp1'), '--cipher', cipher, '--sign', sign];
				const all = [await refused(['--encrypt', CERT('sp3'), '--cipher', cipher, '--sign', sign])];
				if (sign === 'assertion') { // in a signed Response a change is the signature's affair
					for (const where of [0, 0.3, 0.99, 1]) all.push(await refused(options, flip(0, where)), await refused(options, flip(1, where)));
				}
				for (const a of all) assert.deepStrictEqual(a, all[0]);
				assert.strictEqual(all[0].code, 'decryption-failed');
			});
		}
	}
	await test('a changed ciphertext in a signed Response is a wrong signature', async () => {
		const a = await refused(['--encrypt', CERT('sp1'), '--sign', 'response'], flip(1, 0.5));
		assert.strictEqual(a.code, 'signature-invalid');
	});
	await test('RSA 1.5 is refused', async () => {
		assert.strictEqual((await refused(['--encrypt', CERT('sp1'), '--transport', 'rsa-1_5'])).code, 'algorithm-not-allowed');
	});
	await test('encrypted by anybody and not signed: refused', async () => {
		assert.strictEqual((await refused(['--encrypt', CERT('sp1'), '--encrypt-trick', 'unsigned'])).code, 'decryption-failed');
	});
}

async function main() {
	if (env.PART === 'usher') await withKeys();
	if (env.PART === 'without') {
		for (const [sign] of SIGNED) {
			await test(`without a key, signed: ${sign}: refused, and the log says what is missing`, async () => {
				assert.strictEqual((await refused(['--encrypt', CERT('sp1'), '--sign', sign])).code, 'decryption-key-missing');
			});
		}
	}
	if (env.PART === 'old') {
		await test('RSA 1.5 by a named exception with an end: signed in', () => letIn(['--encrypt', CERT('sp1'), '--transport', 'rsa-1_5'], 2));
		await test('for the key that is not configured any more: refused', async () => {
			assert.strictEqual((await refused(['--encrypt', CERT('sp2')])).code, 'decryption-failed');
		});
	}
	done();
}

main().catch((error) => {
	console.log(`Bail out! ${error.stack}`);
	process.exit(1);
});
