<?php
/* Two people; the password is the name with "-secret" behind it. */
$config = [
    'admin' => ['core:AdminPassword'],
    'people' => [
        'exampleauth:UserPass',
        'ada:ada-secret' => [
            'uid' => ['ada@usher.test'],
            'mail' => ['ada@usher.test'],
            'displayName' => ['Ada Lovelace'],
            'objectId' => ['6a1f0c1e-0d5e-4c34-9a57-3f0b8f3f8a01'],
            'groups' => ['staff', 'admins'],
        ],
        'zoe:zoe-secret' => [
            'uid' => ['zoe@usher.test'],
            'mail' => ['zoe@usher.test'],
            'displayName' => ['Zoë O\'Brien & <Co>'],
            'objectId' => ['c2b7a0d4-51c5-4f0e-8a86-0d5c1c6c2a02'],
            'groups' => ['staff'],
        ],
    ],
];
