//! The finished package, and what has to be mended in it.

use std::io::{Cursor, Read, Seek, Write};

use zip::write::SimpleFileOptions;

use crate::report::WriteError;

/// Copies a package as it is, but for two parts. `meta.xml`: the crate writes times without their zone, which is UTC here.
/// `styles.xml`: the crate writes the empty heads and feet of first pages before those
/// of left ones, which the standard has the other way round (ODF 1.3 part 3, 16.9). Neither says anything: both go.
pub(super) fn mend(made: Cursor<Vec<u8>>, out: impl Write + Seek) -> Result<(), WriteError> {
    let mut made = zip::ZipArchive::new(made)?;
    let mut mended = zip::ZipWriter::new(out);
    for index in 0..made.len() {
        let mut part = made.by_index(index)?;
        let name = part.name()?.into_owned();
        if !matches!(name.as_str(), "styles.xml" | "meta.xml") {
            drop(part);
            // Compressed as it is: nothing is packed twice.
            mended.raw_copy_file(made.by_index_raw(index)?)?;
            continue;
        }
        let mut text = String::new();
        part.read_to_string(&mut text)?;
        for place in ["header", "footer"] {
            for page in ["first", "left"] {
                text = text.replace(&format!("<style:{place}-{page} style:display=\"false\"/>"), "");
            }
        }
        for end in ["</meta:creation-date>", "</dc:date>"] {
            text = text.replace(end, &format!("Z{end}"));
        }
        mended.start_file(name, SimpleFileOptions::default())?;
        mended.write_all(text.as_bytes())?;
    }
    mended.finish()?;
    Ok(())
}
