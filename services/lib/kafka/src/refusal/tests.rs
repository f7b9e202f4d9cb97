use super::*;

fn key(code: Code, reason: &str) -> Option<&'static str> {
    of(Some(code), reason).map(|refusal| refusal.key)
}

#[test]
fn each_is_about_a_setting() {
    let verify = "ssl://b:9093/bootstrap: SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: \
                  broker certificate could not be verified, verify that ssl.ca.location is correctly configured";
    let refusal = of(Some(Code::SSL), verify).expect("a refusal");
    assert_eq!((refusal.key, refusal.certainty), ("tls", Certainty::Known));
    assert!(refusal.why.contains("verify failed: tls.ca_path") && !refusal.why.contains("ssl.ca"), "{}", refusal.why);
    assert_eq!(key(Code::SSL, "SSL handshake failed: wrong version number"), Some("tls"));
    assert_eq!(key(Code::SSL, "ssl/tls alert bad certificate"), Some("tls.certificate_path"));
    assert_eq!(key(Code::BrokerTransportFailure, "tlsv13 alert certificate required"), Some("tls.certificate_path"));
    assert_eq!(key(Code::Authentication, "SASL authentication error: Authentication failed"), Some("user"));
    let mechanism = "SASL PLAIN mechanism handshake failed: Broker: Unsupported SASL mechanism";
    assert_eq!(key(Code::Authentication, mechanism), Some("sasl_mechanism"));
}

#[test]
fn a_broker_that_hangs_up_may_want_something_else() {
    for (line, expected) in [
        (
            "b:9092/bootstrap: Disconnected: receive 0 after POLLIN (after 20ms in state APIVERSION_QUERY)",
            "tls.enabled",
        ),
        (
            "ssl://b:9092/bootstrap: SSL handshake failed: Disconnected (after 1ms in state SSL_HANDSHAKE)",
            "tls.enabled",
        ),
        ("ssl://b:9092/bootstrap: Send failed: Broken pipe (after 0ms in state UP)", "user"),
    ] {
        let refusal = of_line(line).expect(line);
        assert_eq!((refusal.key, refusal.certainty), (expected, Certainty::Guessed), "{line}");
        assert_eq!(of(Some(Code::BrokerTransportFailure), line), Some(refusal), "{line}");
    }
    for line in [
        "b:9092/1: Disconnected (after 4000ms in state TRY_CONNECT)",
        "sasl_ssl://b:9092/bootstrap: Disconnected (after 0ms in state UP)",
    ] {
        assert_eq!(of_line(line), None, "{line}");
    }
}

#[test]
fn what_passes_is_no_refusal() {
    assert_eq!(key(Code::BrokerTransportFailure, "Connect to ipv4#127.0.0.1:9092 failed: Connection refused"), None);
    assert_eq!(key(Code::AllBrokersDown, "3/3 brokers are down"), None);
    assert_eq!(of(None, "certificate verify failed"), None);
}
