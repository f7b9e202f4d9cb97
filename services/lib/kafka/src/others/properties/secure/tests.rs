use super::*;

fn translated(properties: &[(&str, &str)]) -> Result<Vec<(&'static str, String)>, String> {
    let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    translate(&properties).map_err(|error| error.to_string())
}

#[test]
fn a_line_of_jaas_is_user_and_password() {
    for (jaas, user, password) in [
        (r#"a.b.PlainLoginModule required username="tom" password="tom-secret";"#, "tom", "tom-secret"),
        (r#"m required password='p"1' username=tom;"#, "tom", "p\"1"),
        (r#"m required username = "tom" password="a\"b\\c username=x";"#, "tom", r#"a"b\c username=x"#),
        (r#"m required user_name="x" username="tom" password="";"#, "tom", ""),
    ] {
        let expected = vec![("sasl.username", user.to_owned()), ("sasl.password", password.to_owned())];
        assert_eq!(translated(&[(JAAS, jaas)]), Ok(expected), "{jaas}");
    }
    for jaas in ["com.sun.security.auth.module.Krb5LoginModule required keyTab=hush;", r#"m required username="hush"#] {
        let error = translated(&[(JAAS, jaas)]).expect_err(jaas);
        assert!(error.starts_with("sasl.jaas.config: ") && !error.contains("hush"), "{error}");
    }
}

#[test]
fn stores_are_files_of_pem() {
    let one = |name, value: &str| vec![(name, value.to_owned())];
    assert_eq!(translated(&[(TRUST, "/ca.pem"), (TRUST_TYPE, "PEM")]), Ok(one("ssl.ca.location", "/ca.pem")));
    assert_eq!(translated(&[(TRUST_PEM, "---"), (TRUST_TYPE, "PEM")]), Ok(one("ssl.ca.pem", "---")));
    let both = vec![("ssl.certificate.location", "/k.pem".to_owned()), ("ssl.key.location", "/k.pem".to_owned())];
    assert_eq!(translated(&[(KEYS, "/k.pem"), (KEYS_TYPE, "PEM")]), Ok(both));
    assert_eq!(translated(&[(KEYS, "/k.p12"), (KEYS_TYPE, "PKCS12")]), Ok(one(KEYS, "/k.p12")));
    assert_eq!(translated(&[(IDENTIFICATION, "")]), Ok(one(IDENTIFICATION, "none")));
    for name in [TRUST, KEYS] {
        let error = translated(&[(name, "/store.jks")]).expect_err(name);
        assert!(error.starts_with(name) && error.contains("PEM"), "{error}");
    }
}
