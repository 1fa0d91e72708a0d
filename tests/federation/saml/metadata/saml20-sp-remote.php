<?php
$metadata['urn:amazon:webservices'] = [
    'AssertionConsumerService' => [[
        'index' => 0,
        'isDefault' => true,
        'Binding' => 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST',
        'Location' => getenv('DAYFLY_IDP_ACS'),
    ]],
    'NameIDFormat' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
    'simplesaml.nameidattribute' => 'uid',
    'simplesaml.attributes' => true,
];
