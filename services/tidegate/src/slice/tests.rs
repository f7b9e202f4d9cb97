use super::*;

#[test]
fn a_short_slice_is_inherited_and_given_back() {
    let usual = current().unwrap();
    shorten().unwrap();
    let (short, inherited) = (current().unwrap(), std::thread::spawn(|| current().unwrap()).join().unwrap());
    let restored = std::thread::spawn(|| {
        restore().unwrap();
        current().unwrap()
    });
    assert_eq!(restored.join().unwrap(), usual);
    // Kernels that know nothing of it say nothing.
    if !usual.is_zero() {
        assert_eq!([short, inherited], [SHORT; 2]);
    }
}

#[test]
fn the_priority_stays() {
    let before = getpriority_process(None).unwrap();
    shorten().unwrap();
    assert_eq!(getpriority_process(None).unwrap(), before);
}
