<?php
/*
 * peer.php RESPONSE.xml CERT.pem ISSUER ACS AUDIENCE - the peer of the verification benchmark: SimpleSAMLphp, its own
 * validation of a whole Response (signature, status, destination, audience, times, confirmation) from base64 text on.
 *
 * It speaks the protocol of slices.h: for every count on standard input (4 octets, little-endian) it validates that many
 * times and answers with the CPU time in nanoseconds (a double). It must refuse a Response with one changed letter first.
 */
declare(strict_types=1);

[, $file, $cert, $issuer, $acs, $audience] = $argv;

$url = parse_url($acs);
$_SERVER['HTTPS'] = 'on';
$_SERVER['HTTP_HOST'] = $url['host'];
$_SERVER['SERVER_PORT'] = '443';
$_SERVER['REQUEST_URI'] = $url['path'];
$_SERVER['REQUEST_METHOD'] = 'POST';

require '/usr/share/simplesamlphp/lib/_autoload.php';

use SAML2\DOMDocumentFactory;
use SAML2\Message;
use SimpleSAML\Configuration;
use SimpleSAML\Module\saml\Message as Saml;

Configuration::setPreLoadedConfig(Configuration::loadFromArray([
    'baseurlpath' => 'https://' . $url['host'] . '/',
    'logging.level' => 0,
    'logging.handler' => 'errorlog',
]));
$sp = Configuration::loadFromArray(['entityid' => $audience], 'sp');
$idp = Configuration::loadFromArray([
    'entityid' => $issuer,
    'keys' => [[
        'type' => 'X509Certificate',
        'signing' => true,
        'X509Certificate' => preg_replace('/-----[^-]*-----|\s/', '', file_get_contents($cert)),
    ]],
], 'idp');

/** The name that was asserted; throws if anything is wrong. */
function validate(string $base64, Configuration $sp, Configuration $idp): string
{
    $document = DOMDocumentFactory::fromString(base64_decode($base64, true));
    $message = Message::fromXML($document->documentElement);
    $issuer = $message->getIssuer();
    if ($issuer === null || $issuer->getValue() !== $idp->getString('entityid')) {
        throw new Exception('another issuer');
    }
    return Saml::processResponse($sp, $idp, $message)[0]->getNameId()->getValue();
}

function fail(string $why): never
{
    fwrite(STDERR, "bench: simplesamlphp: $why\n");
    exit(1);
}

/** Nanoseconds of CPU, user and system. */
function cpu(): float
{
    $u = getrusage();
    return ($u['ru_utime.tv_sec'] + $u['ru_stime.tv_sec']) * 1e9 + ($u['ru_utime.tv_usec'] + $u['ru_stime.tv_usec']) * 1e3;
}

$xml = file_get_contents($file);
$good = base64_encode($xml);
$name = validate($good, $sp, $idp);
try {
    validate(base64_encode(str_replace('Lovelace<', 'lovelace<', $xml)), $sp, $idp);
    fail('accepts what was changed after signing');
} catch (Exception $e) {
}

while (strlen($count = (string) fread(STDIN, 4)) === 4) {
    $n = unpack('V', $count)[1];
    $began = cpu();
    for ($i = 0; $i < $n; $i++) {
        if (validate($good, $sp, $idp) !== $name) {
            fail('wrong answer');
        }
    }
    fwrite(STDOUT, pack('e', cpu() - $began));
    fflush(STDOUT);
}
