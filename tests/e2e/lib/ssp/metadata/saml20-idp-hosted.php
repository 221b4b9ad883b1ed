<?php
/* The identity provider: Entra's claim names, NameID is the mail address, Response, Assertion and logout messages signed. */
$metadata[getenv('SSP_ENTITY')] = [
    'host' => '__DEFAULT__',
    'privatekey' => 'idp.key',
    'certificate' => 'idp.pem',
    'auth' => 'people',
    'saml20.sign.response' => true,
    'saml20.sign.assertion' => true,
    'sign.logout' => true,
    'signature.algorithm' => 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
    'NameIDFormat' => 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress',
    'attributes.NameFormat' => 'urn:oasis:names:tc:SAML:2.0:attrname-format:uri',
    'authproc' => [
        10 => [
            'class' => 'saml:AttributeNameID',
            'attribute' => 'mail',
            'Format' => 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress',
        ],
        20 => [
            'class' => 'core:AttributeMap',
            'uid' => 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name',
            'mail' => 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress',
            'displayName' => 'http://schemas.microsoft.com/identity/claims/displayname',
            'objectId' => 'http://schemas.microsoft.com/identity/claims/objectidentifier',
            'groups' => 'http://schemas.microsoft.com/ws/2008/06/identity/claims/groups',
        ],
    ],
];
