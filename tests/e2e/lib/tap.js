// tap.js - TAP for the browser tests. An exception or a failed assert inside test() fails it and prints where, to standard
// error: prove shows that, so that a failure which only happens elsewhere can be understood from its log.
'use strict';
const assert = require('assert');

let count = Number(process.env.E2E_COUNT || 0); // what a shell test has counted before
let failed = 0;

// Runs `fn` as one TAP line. Returns whether it passed.
async function test(name, fn) {
	count++;
	try {
		await fn();
		console.log(`ok ${count} - ${name}`);
		return true;
	} catch (error) {
		failed++;
		console.log(`not ok ${count} - ${name}`);
		console.error(`# not ok ${count} - ${name}\n${String(error.stack || error).replace(/^/gm, '#   ')}`);
		return false;
	}
}

// Prints the plan and sets the exit status.
function done() {
	console.log(`1..${count}`);
	process.exitCode = failed ? 1 : 0;
}

module.exports = { test, done, assert };
