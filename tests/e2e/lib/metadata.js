// metadata.js - the checks of metadata.t. The TLS server that usher fetches from runs here, so that each check says what is served.
'use strict';
const fs = require('fs');
const http = require('http');
const https = require('https');
const path = require('path');
const { execFileSync, spawn } = require('child_process');
const { Client, fields, authnRequest } = require('./client.js');
const { test, done, assert } = require('./tap.js');

const env = process.env;
const DIR = env.E2E_DIR;
const LOGIN = 'https://login.usher.test';
const ENTITY = 'https://idp.test/';
const MD = 'urn:oasis:names:tc:SAML:2.0:metadata';
const DSIG = 'http://www.w3.org/2000/09/xmldsig#';
const read = (name) => fs.readFileSync(path.join(DIR, name), 'utf8');

// --- the server ----------------------------------------------------------------------------------------------------------

const served = {}; // path -> function (request, response), or text
const asked = {}; // path -> how often
function handle(req, res) {
	const name = req.url.split('?')[0];
	asked[name] = (asked[name] || 0) + 1;
	const what = served[name];
	if (typeof what === 'function') return what(req, res);
	res.writeHead(what === undefined ? 404 : 200, { 'Content-Type': 'application/samlmetadata+xml' });
	res.end(what || 'not here');
}
const listen = (server) => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));

const certificate = (key) => read(`${key}.pem`).replace(/-----[^-]*-----/g, '').trim();

// Metadata with these keys. As Entra sends it: WS-Federation beside SAML, a key for encryption that must not verify.
function metadata(keys, { entity = ENTITY, attributes = '', signature = '' } = {}) {
	const key = (k, use = ' use="signing"') => `<KeyDescriptor${use}><KeyInfo xmlns="${DSIG}"><X509Data><X509Certificate>${certificate(k)}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>`;
	return `<?xml version="1.0" encoding="utf-8"?><EntityDescriptor xmlns="${MD}" ID="_md" entityID="${entity}"${attributes}>${signature}<RoleDescriptor xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:fed="http://docs.oasis-open.org/wsfed/federation/200706" xsi:type="fed:SecurityTokenServiceType" protocolSupportEnumeration="http://docs.oasis-open.org/wsfed/federation/200706">${key('d')}</RoleDescriptor><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">${key('d', ' use="encryption"')}${keys.split('').map((k) => key(k)).join('')}<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.test/sso"/></IDPSSODescriptor></EntityDescriptor>`;
}

function signedMetadata(keys, signer, options = {}) {
	const signature = `<Signature xmlns="${DSIG}"><SignedInfo><CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/><SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/><Reference URI="#_md"><Transforms><Transform Algorithm="${DSIG}enveloped-signature"/><Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></Transforms><DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><DigestValue/></Reference></SignedInfo><SignatureValue/></Signature>`;
	fs.writeFileSync(`${DIR}/template.xml`, metadata(keys, { ...options, signature }));
	execFileSync('xmlsec1', ['--sign', '--privkey-pem', `${DIR}/${signer}.key`, '--id-attr:ID', `${MD}:EntityDescriptor`, '--output', `${DIR}/signed.xml`, `${DIR}/template.xml`], { stdio: 'pipe' });
	return read('signed.xml');
}

// --- usher ---------------------------------------------------------------------------------------------------------------

// Runs a program while the server here goes on answering. Resolves to { code, out, err }.
function run(file, args, input = '') {
	return new Promise((resolve, reject) => {
		const child = spawn(file, args, { stdio: 'pipe' });
		const out = [];
		const err = [];
		child.stdout.on('data', (d) => out.push(d));
		child.stderr.on('data', (d) => err.push(d));
		child.on('error', reject);
		child.stdin.on('error', () => {}); // it may have ended before it read
		child.stdin.end(input);
		child.on('close', (code) => resolve({ code, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() }));
	});
}
let config = `${DIR}/usher.yaml`;
const usher = (command, ...args) => run(env.USHER, [...command.split(' '), '-c', config, ...args]);
const fetchOf = (url, o = {}) => run(env.USHER_FETCH, [], Object.entries({ url, max: 100000, timeout: 20000, private: 1, ca: `${DIR}/server.pem`, ...o })
	.filter(([, v]) => v !== null).map(([k, v]) => `${k} ${v}\n`).join(''));

// The keys of `idp list` as { CN: row }.
async function listed() {
	const r = await usher('idp list', '--format', 'json');
	assert.strictEqual(r.code, 0, r.err);
	const rows = {};
	for (const row of JSON.parse(r.out).rows) rows[row.subject.replace(/^CN=/, '')] = row;
	return rows;
}

function writeConfig(name, url, more = '') {
	fs.writeFileSync(`${DIR}/${name}`, `listen: 127.0.0.1:0
auth_listen: 127.0.0.1:0
public_url: ${LOGIN}
store: sqlite:${DIR}/${name}.db
key_dir: ${DIR}/keys
idps:
  entra:
    profile: entra
    metadata: ${url}
    metadata_ca: server.pem
    domains: [usher.test]
${more}domains:
  usher.test: { sso: required, idp: entra, new_users: jit }
apps: [{ host: wiki.usher.test }]
`);
	config = `${DIR}/${name}`;
}

async function started() {
	const child = spawn(env.USHER, ['serve', '-c', config, '--log-level', 'debug'], { stdio: ['ignore', 'pipe', fs.openSync(`${DIR}/serve.log`, 'a')] });
	const line = await new Promise((resolve, reject) => {
		let text = '';
		child.stdout.on('data', (d) => {
			text += d;
			if (text.includes('\n')) resolve(text);
		});
		child.on('exit', () => reject(new Error(`usher ended: ${read('serve.log').slice(-800)}`)));
	});
	const [, port, authPort] = line.match(/ready on [^ ]*:(\d+), auth on [^ ]*:(\d+)/);
	return { child, port: Number(port), authPort: Number(authPort) };
}
const stopped = (daemon) => new Promise((resolve) => {
	daemon.child.removeAllListeners('exit');
	daemon.child.on('exit', resolve);
	daemon.child.kill('SIGTERM');
});

// Asks until `condition` holds, for at most 30 seconds: what another process notices by itself.
async function until(what, condition) {
	for (let i = 0; i < 600; i++) {
		if (await condition()) return;
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
	assert.fail(`${what}: never`);
}

// One login with a Response signed by `key`. Resolves to the answer of the assertion consumer service.
async function login(c, key) {
	const page = await c.get(`${LOGIN}/login`);
	const r = await c.post(`${LOGIN}/login`, { ...fields(page.body), email: 'ada@usher.test' }, { headers: { Origin: LOGIN } });
	assert.strictEqual(r.status, 303, r.body);
	assert.ok(r.location.startsWith('https://idp.test/sso?'), r.location);
	const response = execFileSync(env.USHER_LAB, ['mint', '--base64', '--request-id', authnRequest(r.location).id, '--key', `${DIR}/${key}.key`, '--cert', `${DIR}/${key}.pem`,
		'--issuer', ENTITY, '--audience', `${LOGIN}/saml/metadata`, '--acs', `${LOGIN}/saml/acs`, '--name-id', 'ada@usher.test', '--email', 'ada@usher.test', '--object-id', 'oid-ada'], { encoding: 'utf8' }).trim();
	return c.post(`${LOGIN}/saml/acs`, { SAMLResponse: response }, { headers: { Origin: 'https://idp.test' } });
}
const signedIn = async (c) => (await c.get(`${LOGIN}/`)).status === 200;

// --- the checks ----------------------------------------------------------------------------------------------------------

async function fetching(base, plainBase) {
	await test('usher-fetch: a document, whole', async () => {
		served['/doc'] = 'x'.repeat(5000);
		const r = await fetchOf(`${base}/doc`);
		assert.strictEqual(r.out, `ok 5000\n${'x'.repeat(5000)}`);
		assert.strictEqual(r.code, 0);
	});
	await test('usher-fetch: never more than the limit, announced or not', async () => {
		let sent = 0;
		served['/endless'] = (req, res) => {
			const more = () => {
				while (!res.destroyed && res.write('y'.repeat(16384))) sent += 16384;
			};
			res.on('drain', more);
			more();
		};
		assert.match((await fetchOf(`${base}/doc`, { max: 4999 })).out, /^limit the document has more than 4999 octets\n$/);
		assert.match((await fetchOf(`${base}/endless`, { max: 4999 })).out, /^limit the document has more than 4999 octets\n$/);
		assert.ok(sent < 64 << 20, 'it was read to no end');
		assert.strictEqual((await fetchOf(`${base}/doc`, { max: 5000 })).out.length, 5008);
	});
	await test('usher-fetch: a server that does not answer', async () => {
		served['/silent'] = () => {};
		assert.match((await fetchOf(`${base}/silent`, { timeout: 200 })).out, /^failed .*timed out/i);
	});
	await test('usher-fetch: a header without end', async () => {
		served['/header'] = (req, res) => {
			for (let i = 0; i < 40; i++) res.setHeader(`X-${i}`, 'z'.repeat(4000));
			res.end('x');
		};
		assert.match((await fetchOf(`${base}/header`)).out, /^limit the header/);
	});
	await test('usher-fetch: redirects, over https only and not for ever', async () => {
		served['/to-doc'] = (req, res) => res.writeHead(302, { Location: '/doc' }).end();
		served['/to-plain'] = (req, res) => res.writeHead(302, { Location: `${plainBase}/doc` }).end();
		served['/to-file'] = (req, res) => res.writeHead(302, { Location: 'file:///etc/passwd' }).end();
		served['/round'] = (req, res) => res.writeHead(302, { Location: '/round' }).end();
		served['/to-user'] = (req, res) => res.writeHead(302, { Location: base.replace('//', '//user:word@') + '/doc' }).end();
		assert.match((await fetchOf(`${base}/to-doc`)).out, /^ok 5000\n/);
		for (const to of ['/to-plain', '/to-file', '/round', '/to-user']) assert.match((await fetchOf(base + to)).out, /^failed /, to);
		assert.strictEqual(asked['/round'], 4); // itself and three redirects
		assert.strictEqual(plainAsked, 0);
		assert.match((await fetchOf(`${plainBase}/doc`)).out, /^failed the URL is not https\n$/);
	});
	await test('usher-fetch: private addresses, by name, by number, in other clothes', async () => {
		const { port } = new URL(base);
		const before = connections;
		for (const host of ['127.0.0.1', 'localhost', '127.0.0.2', '0.0.0.0', '[::1]', '[::]', '[::ffff:127.0.0.1]', '[::127.0.0.1]', '[64:ff9b::7f00:1]', '[fe80::1]', '[fc00::1]', '[ff02::1]', '[2002:7f00:1::]',
			'10.0.0.1', '172.16.0.1', '192.168.0.1', '169.254.169.254', '100.64.0.1', '224.0.0.1', '255.255.255.255'])
			assert.match((await fetchOf(`https://${host}:${port}/doc`, { private: 0, timeout: 3000 })).out, /^failed .* is a private address\n$/, host);
		assert.strictEqual(connections, before);
	});
	await test('usher-fetch: the certificate counts, and so does its authority', async () => {
		assert.match((await fetchOf(`${base}/doc`, { ca: `${DIR}/elsewhere.pem` })).out, /^failed .*certificate/i);
		assert.match((await fetchOf(`${base}/doc`, { ca: null })).out, /^failed .*certificate/i);
		assert.match((await fetchOf(base.replace('127.0.0.1', 'localhost') + '/doc')).out, /^failed /);
	});
	await test('usher-fetch: a proxy in the environment is nobody', async () => {
		process.env.https_proxy = process.env.HTTPS_PROXY = process.env.ALL_PROXY = plainBase;
		assert.match((await fetchOf(`${base}/doc`)).out, /^ok 5000\n/);
		for (const name of ['https_proxy', 'HTTPS_PROXY', 'ALL_PROXY']) delete process.env[name];
		assert.strictEqual(plainAsked, 0);
	});
	await test('usher-fetch: another status, and a request that is none', async () => {
		assert.match((await fetchOf(`${base}/none`)).out, /^failed the server answered with status 404\n$/);
		for (const text of ['', 'url x', `max 1\ntimeout 1\nurl ${base}/doc\nurl ${base}/doc\n`, `max 1\ntimeout 1\nurl ${base}/doc\nproxy x\n`, `max -1\ntimeout 1\nurl ${base}/doc\n`]) {
			const r = await run(env.USHER_FETCH, [], text);
			assert.deepStrictEqual([r.code, r.out], [2, ''], text);
		}
	});
}

async function commands(base) {
	const url = `${base}/metadata`;
	await test('idp test: shows and stores nothing', async () => {
		writeConfig('usher.yaml', url, '    metadata_private: yes\n');
		served['/metadata'] = metadata('a');
		const r = await usher('idp test', 'entra');
		assert.strictEqual(r.code, 0, r.err);
		assert.match(r.out, /entity {3}https:\/\/idp\.test\/\n/);
		assert.match(r.out, /key +[0-9a-f]{64} RSA 2048, certificate until .*CN=a\n/);
		assert.ok(!r.out.includes('CN=d'), 'a key of another role');
		assert.match(r.out, /first from this URL/);
		const rows = JSON.parse((await usher('idp list', '--format', 'json')).out).rows;
		assert.deepStrictEqual(rows.map((x) => [x.idp, x.state, x.metadata]), [['entra', 'no key', 'fetched never']]);
	});
	await test('idp refresh, idp list', async () => {
		const r = await usher('idp refresh', 'entra');
		assert.strictEqual(r.code, 0, r.err);
		assert.match(r.out, /^in force [0-9a-f]{64}/);
		const { a } = await listed();
		assert.strictEqual(a.state, 'not used yet');
		assert.ok(['29', '30'].includes(a['days-left']), a['days-left']);
		assert.strictEqual(a['age-days'], '0');
		assert.strictEqual(a['last-used'], '-');
		assert.match(a.metadata, /^fetched 2\d{3}-[^,]*Z$/);
		assert.match((await usher('idp list')).out, /not used yet/);
	});
	await test('rollover with overlap', async () => {
		served['/metadata'] = metadata('ab');
		assert.match((await usher('idp test', 'entra')).out, /would replace/);
		assert.strictEqual((await usher('idp refresh', 'entra')).code, 0);
		assert.strictEqual((await listed()).b.state, 'not used yet');
		served['/metadata'] = metadata('b');
		assert.match((await usher('idp test', 'entra')).out, /\ngone .*CN=a\n/);
		assert.strictEqual((await usher('idp refresh', 'entra')).code, 0);
		assert.strictEqual((await listed()).a.state, 'removed');
	});
	await test('no overlap: it waits, and is approved', async () => {
		served['/metadata'] = metadata('c');
		let r = await usher('idp test', 'entra');
		assert.strictEqual(r.code, 1);
		assert.match(r.out, /would wait/);
		r = await usher('idp refresh', 'entra');
		assert.strictEqual(r.code, 1);
		assert.match(r.out, /^in force .*CN=b\npending .*CN=c\n/);
		let keys = await listed();
		assert.deepStrictEqual([keys.b.state, keys.c.state], ['not used yet', 'pending']);
		r = await usher('idp approve', 'entra');
		assert.strictEqual(r.code, 0, r.err);
		keys = await listed();
		assert.deepStrictEqual([keys.b.state, keys.c.state], ['removed', 'not used yet']);
		r = await usher('idp approve', 'entra');
		assert.strictEqual(r.code, 2);
		assert.match(r.err, /metadata-invalid/);
		const events = JSON.parse((await usher('log show', '--format', 'json')).out).rows.map((e) => e.event || e.kind);
		for (const kind of ['idp.keys-first', 'idp.keys-changed', 'idp.keys-pending', 'idp.keys-approved']) assert.ok(events.includes(kind), kind);
	});
	await test('what is no metadata, or comes not at all, changes nothing', async () => {
		for (const [text, code] of [['hello', 'xml-syntax'], ['<!DOCTYPE x><x/>', 'xml-doctype'], [`<EntityDescriptor xmlns="${MD}" entityID="x"/>`, 'metadata-invalid'], [undefined, 'fetch-failed']]) {
			served['/metadata'] = text;
			const r = await usher('idp refresh', 'entra');
			assert.strictEqual(r.code, 2, r.out);
			assert.match(r.err, new RegExp(code));
			assert.strictEqual((await usher('idp test', 'entra')).code, code === 'fetch-failed' ? 2 : 1);
			const { c } = await listed();
			assert.strictEqual(c.state, 'not used yet');
			assert.match(c.metadata, new RegExp(`then failed: ${code}`));
		}
		served['/metadata'] = metadata('c');
		assert.strictEqual((await usher('idp refresh', 'entra')).code, 0);
		assert.ok(!/failed/.test((await listed()).c.metadata));
	});
	await test('distrust', async () => {
		const { c } = await listed();
		for (const args of [[c.key], ['12', '--reason', 'x'], ['zzzzzzzz', '--reason', 'x'], ['00000000', '--reason', 'x']])
			assert.strictEqual((await usher('idp distrust', 'entra', ...args)).code, 2, args.join(' '));
		const r = await usher('idp distrust', 'entra', c.key.slice(0, 10).toUpperCase(), '--reason', 'stolen');
		assert.strictEqual(r.code, 0, r.err);
		assert.match(r.out, /^key [0-9a-f]{64} of entra never counts again; 0 sessions ended\n$/);
		const again = (await listed()).c;
		assert.deepStrictEqual([again.state, again.reason], ['distrusted', 'stolen']);
		assert.strictEqual((await usher('idp refresh', 'entra')).out, ''); // the same document, and no key of it counts
		served['/metadata'] = metadata('ca'); // a distrusted key vouches for nobody
		assert.strictEqual((await usher('idp refresh', 'entra')).code, 1);
	});
	await test('a private address needs saying so; an unknown name', async () => {
		writeConfig('public.yaml', url);
		let r = await usher('idp refresh', 'entra');
		assert.strictEqual(r.code, 2);
		assert.match(r.err, /fetch-failed: .*127\.0\.0\.1 is a private address/);
		r = await usher('idp test', 'other');
		assert.strictEqual(r.code, 2);
		assert.match(r.err, /no idps\.other/);
	});
	await test('metadata_signer: signed by it, or refused', async () => {
		writeConfig('signed.yaml', url, '    metadata_private: yes\n    metadata_signer: signer.pem\n');
		const good = signedMetadata('a', 'signer');
		for (const [text, code] of [[metadata('a'), 'signature-missing'], [signedMetadata('a', 'd'), 'signature-invalid'], [good.replace('idp.test/sso', 'idp.test/xxx'), 'signature-invalid']]) {
			served['/metadata'] = text;
			const r = await usher('idp refresh', 'entra');
			assert.strictEqual(r.code, 2, r.out);
			assert.match(r.err, new RegExp(code));
		}
		served['/metadata'] = good;
		const r = await usher('idp refresh', 'entra');
		assert.strictEqual(r.code, 0, r.err);
		assert.match(r.out, /CN=a/);
	});
	await test('metadata_valid_until: without one, or past it, refused', async () => {
		writeConfig('until.yaml', url, '    metadata_private: yes\n    metadata_valid_until: yes\n');
		for (const attributes of ['', ' validUntil="2020-01-01T00:00:00Z"', ' validUntil="soon"']) {
			served['/metadata'] = metadata('a', { attributes });
			assert.match((await usher('idp refresh', 'entra')).err, /metadata-invalid.*validUntil/, attributes);
		}
		served['/metadata'] = metadata('a', { attributes: ' validUntil="2099-01-01T00:00:00Z"' });
		assert.strictEqual((await usher('idp refresh', 'entra')).code, 0);
	});
}

async function daemon(base) {
	writeConfig('daemon.yaml', `${base}/daemon`, '    metadata_private: yes\n');
	served['/daemon'] = metadata('a');
	const d = await started();
	try {
		await test('the daemon fetches by itself, and a login is by those keys', async () => {
			await until('the first key', async () => (await listed()).a);
			const c = new Client(d.port);
			await until('the key is in force', async () => (await c.post(`${LOGIN}/login`, { ...fields((await c.get(`${LOGIN}/login`)).body), email: 'ada@usher.test' }, { headers: { Origin: LOGIN } })).status === 303);
			const r = await login(c, 'a');
			assert.strictEqual(r.status, 303, r.body);
			assert.ok(await signedIn(c));
			await until('its first use', async () => (await listed()).a.state === 'in use');
		});
		await test('a signature by an unknown key has the metadata fetched once', async () => {
			served['/daemon'] = metadata('ab');
			const before = asked['/daemon'];
			const c = new Client(d.port);
			assert.strictEqual((await login(c, 'b')).status, 403);
			await until('the new key', async () => (await login(c, 'b')).status === 303);
			assert.strictEqual((await login(new Client(d.port), 'c')).status, 403);
			assert.strictEqual((await login(new Client(d.port), 'c')).status, 403);
			assert.strictEqual(asked['/daemon'], before + 1);
		});
		await test('distrust ends the sessions of that key, and no others', async () => {
			const [byA, byB] = [new Client(d.port), new Client(d.port)];
			assert.strictEqual((await login(byA, 'a')).status, 303);
			assert.strictEqual((await login(byB, 'b')).status, 303);
			assert.ok((await signedIn(byA)) && (await signedIn(byB)));
			const r = await usher('idp distrust', 'entra', (await listed()).a.key, '--reason', 'stolen');
			assert.match(r.out, /[1-9]\d* sessions? ended/);
			await until('the session ends', async () => !(await signedIn(byA)));
			assert.ok(await signedIn(byB));
			await until('the key is refused', async () => (await login(new Client(d.port), 'a')).status === 403);
			assert.strictEqual((await login(new Client(d.port), 'b')).status, 303);
		});
		await test('what an administrator approves is in force in the daemon', async () => {
			served['/daemon'] = metadata('c');
			assert.strictEqual((await usher('idp refresh', 'entra')).code, 1);
			assert.strictEqual((await login(new Client(d.port), 'c')).status, 403);
			assert.strictEqual((await usher('idp approve', 'entra')).code, 0);
			await until('the approved key', async () => (await login(new Client(d.port), 'c')).status === 303);
			assert.strictEqual((await login(new Client(d.port), 'b')).status, 403);
		});
	} finally {
		await stopped(d);
	}
	await test('a restart needs no network', async () => {
		served['/daemon'] = undefined;
		const before = asked['/daemon'];
		const again = await started();
		try {
			assert.strictEqual((await login(new Client(again.port), 'c')).status, 303);
			assert.strictEqual(asked['/daemon'], before);
		} finally {
			await stopped(again);
		}
	});
	await test('a stop does not wait for a server that does not answer', async () => {
		writeConfig('slow.yaml', `${base}/slow`, '    metadata_private: yes\n');
		let hold;
		const reached = new Promise((resolve) => {
			served['/slow'] = (req, res) => {
				hold = res;
				resolve();
			};
		});
		const slow = await started();
		await reached;
		await stopped(slow);
		assert.ok(!hold.writableEnded);
	});
}

let connections = 0;
let plainAsked = 0;
async function main() {
	const tls = https.createServer({ key: read('server.key'), cert: read('server.pem') }, handle);
	const plain = http.createServer((req, res) => {
		plainAsked++;
		res.end('x');
	});
	plain.on('connect', () => plainAsked++);
	tls.on('connection', () => connections++);
	const base = `https://127.0.0.1:${await listen(tls)}`;
	const plainBase = `http://127.0.0.1:${await listen(plain)}`;
	await fetching(base, plainBase);
	await commands(base);
	await daemon(base);
	done();
	for (const s of [tls, plain]) {
		s.closeAllConnections();
		s.close();
	}
}
main().catch((error) => {
	console.error(error);
	process.exit(1);
});
