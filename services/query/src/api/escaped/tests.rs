use super::*;

#[test]
fn names_are_unescaped() {
    for (escaped, name) in [
        ("host", "host"),
        ("U__http_2e_status", "http.status"),
        ("U__a__b", "a_b"),
        ("U___2e_", "."),
        ("U__caf_e9_", "café"),
        ("U___1f600_x", "😀x"),
        ("U__", ""),
    ] {
        assert_eq!(unescape(escaped), name, "{escaped}");
    }
}

#[test]
fn what_is_not_escaped_right_stands_for_itself() {
    for name in ["U_a", "U__a_b", "U___zz_", "U___d800_", "U___+41_", "U___110000_", "u__a__b"] {
        assert_eq!(unescape(name), name);
    }
}
