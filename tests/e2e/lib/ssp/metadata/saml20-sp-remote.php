<?php
/* The one service provider that may ask: usher. */
$metadata[getenv('SSP_SP_ENTITY')] = [
    'AssertionConsumerService' => getenv('SSP_SP_ACS'),
    'SingleLogoutService' => getenv('SSP_SP_SLO'),
    'NameIDFormat' => 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress',
];
