use super::*;
use crate::host::collect::tests::value;

const TEXT: &str = r"overlay / overlay rw,relatime 0 0
proc /proc proc rw 0 0
tmpfs /dev/shm tmpfs rw 0 0
tmpfs /run tmpfs rw,size=1k 0 0
/dev/vda1 /srv ext4 rw 0 0
/dev/vdb1 /srv xfs rw 0 0
/dev/vdc1 /mnt/my\040disk\134a ext4 ro 0 0
overlay /var/lib/containers/1/merged overlay rw 0 0
/dev/loop3 /snap/core squashfs ro 0 0
/dev/vdd1 /devices ext4 rw 0 0
";

#[test]
fn pseudo_file_systems_are_left_out_and_later_mounts_win() {
    let mounts = parse(TEXT);
    let found: Vec<_> = mounts.iter().map(|mount| (mount.device.as_str(), mount.mountpoint.as_str())).collect();
    let expected = [
        ("overlay", "/"),
        ("tmpfs", "/run"),
        ("/dev/vdb1", "/srv"),
        ("/dev/vdc1", r"/mnt/my disk\a"),
        ("/dev/vdd1", "/devices"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn escapes_that_are_none_stay() {
    assert_eq!(unescape(r"a\0"), r"a\0");
    assert_eq!(unescape(r"a\999"), r"a\999");
    assert_eq!(unescape(r"\011é\012"), "\té\n");
    assert_eq!(unescape(r"\400"), r"\400");
}

#[test]
fn a_real_file_system_is_measured_and_a_missing_one_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let mount = |mountpoint: &str| Mount { device: "d".into(), mountpoint: mountpoint.into(), fstype: "f".into() };
    let place = folder.path().to_str().expect("UTF-8");
    let readings = read(&[mount(place), mount("/does/not/exist")]);
    assert_eq!(readings.len(), 6);
    let labels = [("device", "d"), ("mountpoint", place), ("fstype", "f")];
    let of = |name: &str| value(&readings, name, &labels).expect(name);
    assert!(of("node_filesystem_size_bytes") >= of("node_filesystem_free_bytes"));
    assert!(of("node_filesystem_free_bytes") >= of("node_filesystem_avail_bytes"));
    assert!(of("node_filesystem_avail_bytes") > 0.0);
}
