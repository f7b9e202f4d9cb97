use super::*;

#[test]
fn events_are_taken_one_by_one_and_comments_are_passed_over() {
    let mut pending = b": hello\n\nretry: 1000\n\nid: 7\nevent: window\ndata: a\ndata: b\n\nid: 8\nda".to_vec();
    let first = take_event(&mut pending).unwrap();
    let expected = Event { id: "7".to_owned(), event: "window".to_owned(), data: "a\nb".to_owned() };
    assert_eq!(first, Some(expected));
    assert_eq!(take_event(&mut pending).unwrap(), None);
    assert_eq!(pending, b"id: 8\nda");
}
