use super::*;

const ROLE_A: &str = "arn:aws:iam::123456789012:role/team/a";
const ROLE_B: &str = "arn:aws:iam::123456789012:role/b";
const IDP: &str = "arn:aws:iam::123456789012:saml-provider/idp";
const OTHER: &str = "arn:aws:iam::123456789012:saml-provider/other";

fn response(status: &str, values: &[String]) -> String {
    let values: String = values
        .iter()
        .map(|value| format!("<a:AttributeValue>{value}</a:AttributeValue>"))
        .collect();
    format!(
        r#"<?xml version="1.0"?>
<p:Response xmlns:p="{PROTOCOL}" xmlns:a="{ASSERTION}">
  <p:Status><p:StatusCode Value="{status}"/></p:Status>
  <a:Assertion>
    <a:Subject><a:SubjectConfirmation><a:SubjectConfirmationData
      NotOnOrAfter="2026-03-01T10:05:00Z"/></a:SubjectConfirmation></a:Subject>
    <a:Conditions NotBefore="2026-03-01T09:59:30Z" NotOnOrAfter="2026-03-01T11:00:00.5Z"/>
    <a:AttributeStatement>
      <a:Attribute Name="{ROLE}">{values}</a:Attribute>
      <a:Attribute Name="{DURATION}"><a:AttributeValue> 28800 </a:AttributeValue></a:Attribute>
    </a:AttributeStatement>
  </a:Assertion>
</p:Response>"#
    )
}

fn offers() -> Vec<String> {
    vec![
        format!("{ROLE_A},{IDP}"),
        format!(" {IDP} ,\n {ROLE_B} "),
        format!("{OTHER},{ROLE_B}"),
        "nonsense".to_owned(),
    ]
}

fn parse(xml: &str) -> Result<Assertion, AssertionError> {
    Assertion::parse(&SecretString::from(BASE64.encode(xml.as_bytes())))
}

fn at(text: &str) -> Timestamp {
    moment(text).unwrap()
}

#[test]
fn roles_are_found_in_either_order_with_who_vouches_for_them() {
    let assertion = parse(&response(SUCCESS, &offers())).unwrap();
    let now = at("2026-03-01T10:00:00Z");
    assert_eq!(assertion.principal(ROLE_A, OTHER, now), Ok(IDP));
    assert_eq!(assertion.principal(ROLE_B, IDP, now), Ok(IDP));
    assert_eq!(assertion.principal(ROLE_B, OTHER, now), Ok(OTHER));
    let other = "arn:aws:iam::123456789012:role/c";
    let Err(Unfit::NotOffered(offered)) = assertion.principal(other, IDP, now) else {
        panic!("nobody offers it");
    };
    assert_eq!(
        BTreeSet::from_iter(offered),
        BTreeSet::from([ROLE_A, ROLE_B].map(str::to_owned))
    );
    assert_eq!(assertion.session_duration(), Some(28_800));
}

#[test]
fn it_is_good_for_its_time_only() {
    let assertion = parse(&response(SUCCESS, &offers())).unwrap();
    let fits = |now| assertion.principal(ROLE_A, IDP, at(now)).map(drop);
    assert_eq!(fits("2026-03-01T09:59:20Z"), Err(Unfit::Early(10)));
    assert_eq!(fits("2026-03-01T10:04:59Z"), Ok(()));
    // The bearer's confirmation ends before the conditions do.
    assert_eq!(fits("2026-03-01T10:05:00Z"), Err(Unfit::Ended(0)));
    assert_eq!(fits("2026-03-01T10:15:00Z"), Err(Unfit::Ended(600)));
}

#[test]
fn lines_and_missing_padding_do_no_harm() {
    let xml = response(SUCCESS, &offers());
    let text = BASE64.encode(xml.as_bytes());
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(76)
        .map(|c| std::str::from_utf8(c).unwrap())
        .collect();
    for text in [lines.join("\r\n"), text.trim_end_matches('=').to_owned()] {
        let assertion = Assertion::parse(&SecretString::from(text)).unwrap();
        assert_eq!(assertion.roles().unwrap().len(), 3);
        assert!(!assertion.text().expose().contains('\n'));
        assert_eq!(format!("{assertion:?}"), "[redacted]");
    }
}

#[test]
fn an_encrypted_one_is_left_to_aws() {
    let xml = format!(
        r#"<Response xmlns="{PROTOCOL}"><Status><StatusCode Value="{SUCCESS}"/></Status>
           <EncryptedAssertion xmlns="{ASSERTION}"/></Response>"#
    );
    let assertion = parse(&xml).unwrap();
    assert_eq!(assertion.roles(), None);
    assert_eq!(assertion.principal(ROLE_A, IDP, Timestamp::ZERO), Ok(IDP));
}

#[test]
fn what_is_none_is_refused_without_a_word_of_it() {
    let bomb = format!(
        "<!DOCTYPE x [<!ENTITY a \"canary\"><!ENTITY b \"&a;&a;\">]>{}",
        response(SUCCESS, &["&b;".to_owned()]).replace("<?xml version=\"1.0\"?>", "")
    );
    let denied = response("urn:oasis:names:tc:SAML:2.0:status:Responder", &offers());
    let many = response(SUCCESS, &vec![format!("{ROLE_A},{IDP}"); 30_000]);
    for (xml, told) in [
        (
            "<canary".to_owned(),
            "its content is not XML (it is damaged)",
        ),
        (
            "<canary/>".to_owned(),
            "its content is not a SAML 2.0 response",
        ),
        (bomb, "its content is not XML (it has a document type)"),
        (denied, "the identity provider refused: Responder"),
        (
            response(SUCCESS, &["canary".to_owned()]),
            "it has no attribute https://aws.amazon.com/SAML/Attributes/Role: set the application up for AWS at the identity provider",
        ),
        (
            many,
            "it is longer than the 100000 characters that AWS accepts",
        ),
    ] {
        assert_eq!(parse(&xml).unwrap_err().to_string(), told);
    }
    let odd = Assertion::parse(&SecretString::from("canary, canary".to_owned()));
    assert_eq!(odd.unwrap_err(), AssertionError::NotBase64);
    let deep = format!("{}{}", "<a>".repeat(9_000), "</a>".repeat(9_000));
    assert!(parse(&deep).is_err());
}
