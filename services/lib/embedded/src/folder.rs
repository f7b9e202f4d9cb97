//! The marker file that says what a data folder holds.

use std::io::{ErrorKind, Write};
use std::path::Path;

/// Name of the marker within a data folder.
const MARKER: &str = "FORMAT";

#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    #[error("the data folder {folder} holds {found:?} instead of a {wanted}")]
    Other { folder: String, found: String, wanted: &'static str },
    #[error("the data folder has format version {found}, this program reads {supported}")]
    Version { found: u32, supported: u32 },
    #[error("the data folder {folder}: {cause}")]
    Io { folder: String, cause: std::io::Error },
}

/// Makes the folder if it is not there and checks or writes its marker: one
/// line of what it holds and a version.
pub(crate) fn prepare(folder: &Path, holds: &'static str, version: u32) -> Result<(), FolderError> {
    let failed = |cause| FolderError::Io { folder: folder.display().to_string(), cause };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let marker = folder.join(MARKER);
    let text = match std::fs::read_to_string(&marker) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return write_marker(folder, &format!("{holds} {version}\n")).map_err(failed);
        }
        Err(error) => return Err(failed(error)),
    };
    let found = text.trim_end().rsplit_once(' ');
    let found = found.and_then(|(found, version)| Some((found, version.parse::<u32>().ok()?)));
    match found {
        Some((found, supported)) if found == holds && supported == version => Ok(()),
        Some((found, other)) if found == holds => Err(FolderError::Version { found: other, supported: version }),
        _ => Err(FolderError::Other { folder: folder.display().to_string(), found: text, wanted: holds }),
    }
}

/// Written beside, then renamed: a crash leaves no marker or a whole one.
fn write_marker(folder: &Path, text: &str) -> std::io::Result<()> {
    let draft = folder.join("FORMAT.new");
    let mut file = std::fs::File::create(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&draft, folder.join(MARKER))?;
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;
