//! The file of one batch: magic, CRC-32 of what follows it, time of creation,
//! the batch. `NNNNNNNNNNNNNNNN.batch`, numbered in hexadecimal.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use bytes::Bytes;

use super::Index;

const MAGIC: &[u8; 4] = b"TGB1";
const HEADER_BYTES: usize = 16;
const EXTENSION: &str = "batch";
const UNFINISHED: &str = "new";

pub fn path(folder: &Path, index: Index) -> PathBuf {
    folder.join(format!("{index:016x}.{EXTENSION}"))
}

/// The number of a batch's file; `None` for any other file.
pub fn index_of(path: &Path) -> Option<Index> {
    let stem = path.file_stem()?.to_str()?;
    let ours = path.extension()? == EXTENSION && stem.len() == 16;
    if ours { Index::from_str_radix(stem, 16).ok() } else { None }
}

/// Whether the file is what a crash left of a write.
pub fn is_unfinished(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == UNFINISHED)
}

/// The batch is on disk, whole, when this returns well.
pub fn write(folder: &Path, index: Index, created_ms: u64, batch: &[u8]) -> io::Result<()> {
    let path = path(folder, index);
    let new = path.with_extension(UNFINISHED);
    let written = File::create(&new).and_then(|mut file| {
        let created = created_ms.to_le_bytes();
        let mut crc = crc32fast::Hasher::new();
        crc.update(&created);
        crc.update(batch);
        file.write_all(&[&MAGIC[..], &crc.finalize().to_le_bytes(), &created].concat())?;
        file.write_all(batch)?;
        file.sync_data()?;
        std::fs::rename(&new, &path)?;
        // The name is durable with its folder only.
        File::open(folder)?.sync_all()
    });
    if written.is_err() {
        // Half a file would take room that is missing already.
        std::fs::remove_file(&new).ok();
    }
    written
}

/// When the batch was made and its size, as far as the file system tells
/// without the file being read.
pub fn outside(path: &Path) -> (u64, u64) {
    let Ok(metadata) = std::fs::metadata(path) else { return (u64::MAX, 0) };
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    // Without a time it is never too old.
    let created_ms = modified.map_or(u64::MAX, |since| since.as_millis() as u64);
    (created_ms, metadata.len().saturating_sub(HEADER_BYTES as u64))
}

/// When the batch was made, and the batch.
///
/// # Errors
/// `InvalidData` when the file is not what [`write`] wrote.
pub fn read(path: &Path) -> io::Result<(u64, Bytes)> {
    let bytes = Bytes::from(std::fs::read(path)?);
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let Some((header, rest)) = bytes.split_first_chunk::<8>() else {
        return Err(invalid("the file is truncated"));
    };
    let (magic, crc) = header.split_at(4);
    if magic != MAGIC {
        return Err(invalid("the file is no batch"));
    }
    if crc != crc32fast::hash(rest).to_le_bytes() {
        return Err(invalid("the checksum does not match"));
    }
    let (created, _) = rest.split_first_chunk::<8>().ok_or_else(|| invalid("the file is truncated"))?;
    Ok((u64::from_le_bytes(*created), bytes.slice(HEADER_BYTES..)))
}
