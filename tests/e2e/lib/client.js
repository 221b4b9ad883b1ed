// client.js - a small HTTP client for tests without a browser: one cookie jar per host, no redirect followed by itself, any Host on
// any port. It sends Secure cookies over plain HTTP, as usher's port behind the proxy is plain.
'use strict';
const http = require('http');
const zlib = require('zlib');

// A browser-like client of the usher at 127.0.0.1:port.
class Client {
	constructor(port) {
		this.port = port;
		this.jars = new Map();
	}

	jar(host) {
		if (!this.jars.has(host)) this.jars.set(host, new Map());
		return this.jars.get(host);
	}

	// `url` is what a browser would see; the connection goes to this.port. Resolves to { status, headers, body, location }.
	request(method, url, { form, headers = {}, port } = {}) {
		const u = new URL(url);
		const jar = this.jar(u.host);
		const body = form === undefined ? undefined : typeof form === 'string' ? form : new URLSearchParams(form).toString();
		const all = { Host: u.host, ...headers };
		if (jar.size && !('Cookie' in all)) all.Cookie = [...jar].map(([k, v]) => `${k}=${v}`).join('; ');
		if (body !== undefined) {
			all['Content-Type'] = all['Content-Type'] || 'application/x-www-form-urlencoded';
			all['Content-Length'] = Buffer.byteLength(body);
		}
		return new Promise((resolve, reject) => {
			const req = http.request({ host: '127.0.0.1', port: port || this.port, method, path: u.pathname + u.search, headers: all, agent: false }, (res) => {
				const chunks = [];
				res.on('error', reject); // cut off
				res.on('data', (c) => chunks.push(c));
				res.on('end', () => {
					for (const line of res.headers['set-cookie'] || []) {
						const [pair] = line.split(';');
						const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
						if (/max-age=0/i.test(line)) jar.delete(name);
						else jar.set(name, value);
					}
					resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(chunks).toString(), location: res.headers.location });
				});
			});
			req.on('error', reject);
			if (body !== undefined) req.write(body);
			req.end();
		});
	}

	get(url, options) {
		return this.request('GET', url, options);
	}

	post(url, form, options) {
		return this.request('POST', url, { ...options, form });
	}
}

// The hidden and visible fields of the first form of a page.
function fields(html) {
	const unescape = (s) => s.replace(/&quot;/g, '"').replace(/&#39;/g, "'").replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&');
	const form = (html.match(/<form[\s\S]*?<\/form>/) || [''])[0];
	const out = {};
	for (const input of form.match(/<input[^>]*>/g) || []) {
		const name = (input.match(/ name="([^"]*)"/) || [])[1];
		if (name) out[name] = unescape((input.match(/ value="([^"]*)"/) || [])[1] || '');
	}
	return out;
}

// The number a refusal page shows.
function requestId(html) {
	return (html.match(/id="request-id">([^<]*)</) || [])[1];
}

// The AuthnRequest of a redirect to an identity provider.
function authnRequest(location) {
	const u = new URL(location);
	const xml = zlib.inflateRawSync(Buffer.from(u.searchParams.get('SAMLRequest'), 'base64')).toString();
	return { xml, id: (xml.match(/ ID="([^"]*)"/) || [])[1], relayState: u.searchParams.get('RelayState'), loginHint: u.searchParams.get('login_hint') };
}

module.exports = { Client, fields, requestId, authnRequest };
