<?php
/*
 * SimpleSAMLphp as identity provider for tests, started by ../ssp.sh. What differs from run to run comes in the
 * environment: SSP_DIR (a temporary folder), SSP_URL (where browsers see it, with a slash at the end), SSP_SECRET.
 */
$https = strpos(getenv('SSP_URL'), 'https://') === 0;
$dir = getenv('SSP_DIR');
$config = [
    'baseurlpath' => getenv('SSP_URL'),
    'certdir' => "$dir/cert/",
    'loggingdir' => "$dir/log/",
    'datadir' => "$dir/data/",
    'tempdir' => "$dir/tmp",
    'metadatadir' => __DIR__ . '/metadata',
    'technicalcontact_name' => 'usher tests',
    'technicalcontact_email' => 'na@example.org',
    'secretsalt' => getenv('SSP_SECRET'),
    'auth.adminpassword' => getenv('SSP_SECRET'),
    'admin.checkforupdates' => false,
    'timezone' => 'UTC',
    'debug' => ['saml' => false, 'backtraces' => true, 'validatexml' => false],
    'showerrors' => true,
    'errorreporting' => false,
    'logging.level' => SimpleSAML\Logger::INFO,
    'logging.handler' => 'file',
    'logging.logfile' => 'simplesamlphp.log',
    'enable.saml20-idp' => true,
    'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true],
    'session.cookie.secure' => $https,
    'session.cookie.samesite' => $https ? 'None' : null,
    'session.phpsession.cookiename' => 'SimpleSAML',
    'session.phpsession.savepath' => "$dir/sessions",
    'session.phpsession.httponly' => true,
    'language.available' => ['en'],
    'language.default' => 'en',
    'language.cookie.secure' => $https,
    'store.type' => 'phpsession',
    'metadata.sources' => [['type' => 'flatfile']],
];
