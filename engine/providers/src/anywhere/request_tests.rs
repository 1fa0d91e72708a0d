//! Requests that AWS's own helper (version 1.1.1) sent, as they were recorded and published
//! (salrashid123/aws_rolesanywhere_signer, `README.md` of its tests): what is signed here has to be the text
//! that the helper signed, or its signature would not hold.

use dayfly_core::session::RolesAnywhere;
use dayfly_core::time::Timestamp;
use dayfly_x509::{Algorithm, Certificate};

use super::*;

struct Recorded {
    trust_anchor: &'static str,
    now: u64,
    certificate: &'static str,
    algorithm: Algorithm,
    /// The header up to the signature.
    authorization: &'static str,
    signature: &'static str,
}

const RSA: Recorded = Recorded {
    trust_anchor: "a545a1fc-5d86-4032-8f4c-61cdd6ff92da",
    // 20240706T113859Z
    now: 1_720_265_939,
    certificate: "\
        MIIENTCCAx2gAwIBAgIBFTANBgkqhkiG9w0BAQsFADBMMQswCQYDVQQGEwJVUzEPMA0GA1UECgwGR29vZ2xlMRMwEQYDVQQL\
        DApFbnRlcnByaXNlMRcwFQYDVQQDDA5TaW5nbGUgUm9vdCBDQTAeFw0yNDA1MTgxNDQ5MzFaFw0zNDA1MTgxNDQ5MzFaMFMx\
        CzAJBgNVBAcMAlVTMQ8wDQYDVQQKDAZHb29nbGUxEzARBgNVBAsMCkVudGVycHJpc2UxHjAcBgNVBAMMFWFsaWNlLWNlcnQu\
        ZG9tYWluLmNvbTCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEBAOwmW5PGCbkRYKrWjyFstW6KUjC2g6EMWOdhrnUi\
        DYrJ2tyY0DIgowUX9MFdBvfXBQmB4BMm1750U0/g4TV5brxyByNhQWljGBb0J40cMzFZYWzBdvAs5Xzp1NCTKwcndxAvq8EB\
        eBwnaOcouu9khP5iL9TxqMqD3ydRUKO4UXgLBL7VtUOhTIn6eCLWRVDyShooAKVqFYQbRlHeLTxlwouckx1T2k80NB+109Sn\
        gaorRIC0/1hRLOfL1FMYraNJgZtRxUpd8Kd99+vMAIkTnzaej00jfvI23cvM47Z7sblNhxKKMy2WjMEKbpijVCmYhnmXM0Jt\
        yuFhe7wgDTBUkj8CAwEAAaOCARkwggEVMA4GA1UdDwEB/wQEAwIHgDAJBgNVHRMEAjAAMBMGA1UdJQQMMAoGCCsGAQUFBwMC\
        MB0GA1UdDgQWBBTW9zsS63ojE7V+aUGi5iy4VCcdWDAfBgNVHSMEGDAWgBTs8OpTUz+fI9zBDjEQNwfe3udu8zBFBggrBgEF\
        BQcBAQQ5MDcwNQYIKwYBBQUHMAKGKWh0dHA6Ly9wa2kuZXNvZGVtb2FwcDIuY29tL2NhL3Jvb3QtY2EuY2VyMDoGA1UdHwQz\
        MDEwL6AtoCuGKWh0dHA6Ly9wa2kuZXNvZGVtb2FwcDIuY29tL2NhL3Jvb3QtY2EuY3JsMCAGA1UdEQQZMBeCFWFsaWNlLWNl\
        cnQuZG9tYWluLmNvbTANBgkqhkiG9w0BAQsFAAOCAQEAgPktGR1U2f8mT6PLYtYutejj0su5qxOeOV5EcARm3H2mVS3+GyKx\
        yaADaFJdwuwPPTO/64Do2HxwImXC59CNKbOwyOLi10QeJD9AqsHSvCqwTsT7oWpMO64ngBGa9QuUh/C1UGKKqj8Sqsnf/Isf\
        NQ28Y0x0dQUiue/005Ef2+8gqt22gyNwwfvFSPscrXGCA10V8wvq8jp8k2GZTQr8w0EhP0Hpnts9IXuhGO4HCIZA2MGwdZql\
        iEFhwgQlDzD145OFe1CJTRm7fbbSHDROZwMKPc31mDuCn4PcDtcM+VF5lAH35DghJaX92xyYm+ECPhMBAVqkA8e1WaZdGKi0\
        3Q==",
    algorithm: Algorithm::Rsa,
    authorization: "AWS4-X509-RSA-SHA256 \
        Credential=21/20240706/us-east-2/rolesanywhere/aws4_request, \
        SignedHeaders=content-type;host;x-amz-date;x-amz-x509, Signature=",
    signature: "\
        500d79d98f50408908db67bd9b794cef9233768063c301d520a792cfc1e84644386a908e67e88003cc98478ae3fec8cd\
        8fd7c42a137b7d338d8d58f250f58a78faa0530a5e90a16be0a98b53162e4dd4b124a753fdcd007f106f82346f424024\
        399fe8af0cb95dbf0601ce37c12747c35f8c1f2ac03289982de9fecfb15a0186575ba2040329ccedc7526b339367b39b\
        76a1b9b834622af0fd7cc11c5fe458ce62da3a7b4fbede02a921134498c50992267249a28d3defd2cb31a7927cdbba56\
        e02f3ce027aadcd60449b6274e3daef6766163a2eb848e4339e7f9ca88b36c83edd6ef28952b10dec2a97eee7780a07d\
        15f8a4b707211c3445b0b367dffff45d",
};

const ECDSA: Recorded = Recorded {
    trust_anchor: "1cb4e36e-e4ad-4bbb-9b37-fdafb2cbe4fe",
    // 20240706T143004Z
    now: 1_720_276_204,
    certificate: "\
        MIICxjCCAkygAwIBAgIBAzAKBggqhkjOPQQDAjBQMQswCQYDVQQGEwJVUzEPMA0GA1UECgwGR29vZ2xlMRMwEQYDVQQLDApF\
        bnRlcnByaXNlMRswGQYDVQQDDBJFbnRlcnByaXNlIFJvb3QgQ0EwHhcNMjQwNzA2MTM1NDM4WhcNMzQwNzA2MTM1NDM4WjBT\
        MQswCQYDVQQGEwJVUzEPMA0GA1UECgwGR29vZ2xlMRMwEQYDVQQLDApFbnRlcnByaXNlMR4wHAYDVQQDDBVhbGljZS1jZXJ0\
        LmRvbWFpbi5jb20wdjAQBgcqhkjOPQIBBgUrgQQAIgNiAAQyphA+fjw2izjBi/1DbhmdU7GdlwH8kAsnmsnz6ZAEI1SmGHPq\
        +p+GU5B6kxxEUV9HIK9NKrUHmgq57nMK8hURUNgvZO1g4lm3NCOmwxiWdhpUVwebj9EIkXo5hGjAq0yjgfYwgfMwDgYDVR0P\
        AQH/BAQDAgeAMAkGA1UdEwQCMAAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0OBBYEFIgAM2YwMfgPo08j4fO4HSjxtLkD\
        MB8GA1UdIwQYMBaAFDbwo13LgAyeM5VcrAzwf+Bvt4C5MEUGCCsGAQUFBwEBBDkwNzA1BggrBgEFBQcwAoYpaHR0cDovL3Br\
        aS5lc29kZW1vYXBwMi5jb20vY2Evcm9vdC1jYS5jZXIwOgYDVR0fBDMwMTAvoC2gK4YpaHR0cDovL3BraS5lc29kZW1vYXBw\
        Mi5jb20vY2Evcm9vdC1jYS5jcmwwCgYIKoZIzj0EAwIDaAAwZQIwZt7SNQq5I5NaWRSetokyWveXDoJXP+Qy51aUtR92NGBT\
        FDMdJ+Kav5Ak+A9JaukwAjEAz/f5gpyVDsHFOpIgA+ebloEoUHOJgYQTB/BBMksRg5aPssVHvSEWcXymhXH0NBh6",
    algorithm: Algorithm::Ecdsa,
    authorization: "AWS4-X509-ECDSA-SHA256 \
        Credential=3/20240706/us-east-2/rolesanywhere/aws4_request, \
        SignedHeaders=content-type;host;x-amz-date;x-amz-x509, Signature=",
    signature: "\
        3065023100cacc4b06cc8de2a5a11daf3e0a03423da6b7ad17dc4f54cbafe0102824f36c65ed6c04554e5864f31eea0f\
        4b0d2c496d02302f600f65512e17a454a9b10b5b0aaf2882a37cc4bab3e14c0ee3c627b5f02bbe457126471c186712e4\
        650e2bbe6db273",
};

fn signed(
    recorded: &Recorded,
    url: &str,
    region: &str,
    chain: &[Certificate],
) -> (Signed, Certificate) {
    let der = BASE64.decode(recorded.certificate.as_bytes()).unwrap();
    let certificate = Certificate::of_der(&der).unwrap();
    let anywhere = RolesAnywhere {
        profile_arn: "arn:aws:rolesanywhere:us-east-2:291738886548:profile/6f4943fb-13d4-4242-89c4-be367595c380"
            .to_owned(),
        trust_anchor_arn: format!(
            "arn:aws:rolesanywhere:us-east-2:291738886548:trust-anchor/{}",
            recorded.trust_anchor
        ),
        ..RolesAnywhere::default()
    };
    let call = Call {
        url,
        region,
        role_arn: "arn:aws:iam::291738886548:role/rolesanywhere1",
        anywhere: &anywhere,
        role_session_name: None,
        seconds: 3_600,
        certificate: &certificate,
        chain,
        now: Timestamp::from_millis(recorded.now * 1_000),
    };
    let signed = Signed::of(&call).unwrap();
    (signed, certificate)
}

#[test]
fn what_the_helper_of_aws_signed_is_what_is_signed_here() {
    for recorded in [RSA, ECDSA] {
        let (signed, certificate) = signed(&recorded, "http://127.0.0.1:8080", "us-east-2", &[]);
        let signature = HEXLOWER.decode(recorded.signature.as_bytes()).unwrap();
        assert_eq!(certificate.algorithm(), recorded.algorithm);
        let text = signed.text(recorded.algorithm);
        assert!(certificate.verifies(text.as_bytes(), &signature), "{text}");
        let header = signed.authorization(recorded.algorithm, &signature);
        assert_eq!(
            header,
            format!("{}{}", recorded.authorization, recorded.signature)
        );
        assert_eq!(
            signed.url,
            format!(
                "http://127.0.0.1:8080/sessions?profileArn=arn%3Aaws%3Arolesanywhere%3Aus-east-2%3A291738886548%3A\
                 profile%2F6f4943fb-13d4-4242-89c4-be367595c380&roleArn=arn%3Aaws%3Aiam%3A%3A291738886548%3Arole%2F\
                 rolesanywhere1&trustAnchorArn=arn%3Aaws%3Arolesanywhere%3Aus-east-2%3A291738886548%3Atrust-anchor\
                 %2F{}",
                recorded.trust_anchor
            )
        );
    }
}

#[test]
fn another_host_region_moment_or_chain_is_another_text() {
    let (recorded, url, region) = (&RSA, "http://127.0.0.1:8080", "us-east-2");
    let signature = HEXLOWER.decode(recorded.signature.as_bytes()).unwrap();
    let holds = |signed: &Signed, certificate: &Certificate| {
        certificate.verifies(signed.text(recorded.algorithm).as_bytes(), &signature)
    };
    let (same, certificate) = signed(recorded, url, region, &[]);
    assert!(holds(&same, &certificate));
    let later = Recorded {
        now: recorded.now + 1,
        ..RSA
    };
    for (other, _) in [
        signed(recorded, "http://127.0.0.1:8081", region, &[]),
        signed(recorded, url, "us-east-1", &[]),
        signed(recorded, url, region, std::slice::from_ref(&certificate)),
        signed(&later, url, region, &[]),
    ] {
        assert!(!holds(&other, &certificate));
    }
}

#[test]
fn a_chain_is_signed_too() {
    let (one, certificate) = signed(&ECDSA, "https://host/base/", "us-east-2", &[]);
    assert_eq!(one.names(), "content-type;host;x-amz-date;x-amz-x509");
    let chain = [certificate.clone(), certificate];
    let (two, _) = signed(&ECDSA, "https://user:pw@host/base/", "us-east-2", &chain);
    assert_eq!(
        two.names(),
        "content-type;host;x-amz-date;x-amz-x509;x-amz-x509-chain"
    );
    let value = &two.headers.last().unwrap().1;
    assert_eq!(*value, format!("{0},{0}", ECDSA.certificate));
    assert!(
        two.canonical()
            .starts_with("POST\n/base/sessions\nprofileArn=")
    );
    assert!(
        two.url.starts_with("https://host/base/sessions?"),
        "{}",
        two.url
    );
}
