<?php
$aws = 'https://aws.amazon.com/SAML/Attributes/';
$config = [
    'admin' => ['core:AdminPassword'],
    'example-userpass' => [
        'exampleauth:UserPass',
        'alice:wonder' => [
            'uid' => ['alice'],
            $aws . 'RoleSessionName' => ['alice@example.com'],
            $aws . 'SessionDuration' => ['7200'],
            $aws . 'Role' => explode(' ', getenv('DAYFLY_IDP_ROLES')),
        ],
        'bob:builder' => ['uid' => ['bob']],
    ],
];
