use super::*;

#[test]
fn the_digest_is_the_sha_256_that_others_compute() {
    // As `printf %s abc | sha256sum` says.
    let expected = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(Digest::of("abc").to_string(), expected);
    assert!(Digest::parse(expected).expect("a digest").is(&Digest::of("abc")));
    assert!(!Digest::of("abd").is(&Digest::of("abc")));
}

#[test]
fn what_is_no_digest_is_not_read_as_one() {
    let whole = Digest::of("abc").to_string();
    for wrong in ["", "abc", "sha256:", &whole[..70], &whole.replace("sha256", "md5"), &format!("{whole}0")] {
        assert!(Digest::parse(wrong).is_none(), "{wrong}");
    }
    assert!(Digest::parse(&whole.replace('b', "g")).is_none());
}

#[test]
fn tokens_differ_and_can_stand_in_a_header() {
    let (one, other) = (Secret::generate().expect("random"), Secret::generate().expect("random"));
    assert_ne!(one, other);
    assert_eq!(one.reveal().len(), PREFIX.len() + 43);
    assert!(one.reveal().bytes().all(|byte| byte.is_ascii_graphic()));
    assert_eq!(format!("{one:?}"), "Secret(hidden)");
}

#[test]
fn tokens_are_taken_out_of_texts() {
    let token = Secret::generate().expect("random");
    let text = format!("invalid type: string \"{}\", tdg_x.", token.reveal());
    assert_eq!(redact(&text), "invalid type: string \"tdg_…\", tdg_….");
    assert_eq!(redact("nothing"), "nothing");
}

#[test]
fn a_file_holds_one_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    let token = Secret::generate().expect("random");
    std::fs::write(&path, format!("{}\n", token.reveal())).expect("writes");
    assert_eq!(Secret::from_file(&path).expect("reads"), token);
    for wrong in ["", "secret", "tdg_a tdg_b"] {
        std::fs::write(&path, wrong).expect("writes");
        let error = Secret::from_file(&path).expect_err("no token").to_string();
        assert!(error.ends_with("it holds no token, which begins with tdg_"), "{error}");
    }
}
